"""``bmzoo train``: trains a backend from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bmzoo.cli.console import DeviceOption


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)


def train(
    config: Annotated[Path, typer.Argument(help="YAML file: backend, system, training, settings.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder [default: runs/BACKEND-SYSTEM-DATE]."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on with an unfinished training, or start anew.")
    ] = True,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="training.steps=100 or settings.NAME=VALUE; repeatable."),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Train a backend on reference frames of a system, or of your own molecule.

    A training that was stopped goes on where it was when the same command is given again.
    """
    from bmzoo.fitting.run import train as run

    folder = run(
        config, output=output, settings=settings or (), resume=resume, device=device, report=typer.echo
    )
    typer.echo(f"wrote {folder / 'weights'}; use it with: bmzoo backmap --weights {folder}")
