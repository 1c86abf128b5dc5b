"""The ``bmzoo`` command. Each command lives in a file of its own and imports what it needs when it runs."""

from __future__ import annotations

import errno
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import bmzoo
from bmzoo.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Commands(TyperGroup):
    """Turns bad input into one sentence and exit code 2, for every command."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"bmzoo: {_in_one_line(str(error))}", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            typer.echo("bmzoo: interrupted; nothing half-written was left behind", err=True)
            raise typer.Exit(130) from None
        except OSError as error:
            if error.errno not in FULL:
                raise
            typer.echo(f"bmzoo: {error}; free some space, or choose another output", err=True)
            raise typer.Exit(2) from None


def _in_one_line(text: str) -> str:
    """Also where libraries speak in several, or a damaged file holds what would steer a terminal."""
    joined = " ".join(line.strip() for line in text.splitlines())
    return "".join(letter if letter.isprintable() else "?" for letter in joined)


app = typer.Typer(
    cls=_Commands,
    help="Puts atoms back into coarse-grained molecular simulations, and says how well.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"bmzoo {bmzoo.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    pass


def _register() -> None:
    from bmzoo.cli import (
        backmap,
        benchmark,
        coarse_grain,
        data,
        evaluate,
        listings,
        report,
        simulate_cg,
        train,
    )

    backmap.register(app)
    benchmark.register(app)
    evaluate.register(app)
    coarse_grain.register(app)
    data.register(app)
    train.register(app)
    simulate_cg.register(app)
    report.register(app)
    listings.register(app)


_register()


def main() -> None:
    """Entry point of the console script."""
    # Batch systems stop jobs so: clean up then, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app(prog_name="bmzoo", args=sys.argv[1:])
    except KeyboardInterrupt:  # before the command began
        sys.exit(130)
