"""``bmzoo data``: make or import reference frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bmzoo.cli.console import progress_bar


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    group = typer.Typer(help="Make or import reference frames.", no_args_is_help=True)
    group.command("build")(build)
    group.command("import-deepbm")(import_deepbm)
    app.add_typer(group, name="data")


def build(
    system: Annotated[str, typer.Argument(help="A system: sps, octane, cumene, adp, cln, kg.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to create.")],
    preset: Annotated[str, typer.Option("--preset", help="tiny, small or paper.")] = "small",
    seed: Annotated[int, typer.Option("--seed", help="Seed of builds and runs.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on with an interrupted build, or start anew.")
    ] = True,
) -> None:
    """Run the molecular dynamics that makes a system's reference frames.

    An interrupted build goes on where it stopped when the same command is given again.
    """
    from bmzoo.systems.recipes import build as run

    with progress_bar(f"{system} {preset}", None) as update:
        folder = run(system, preset, output, seed=seed, resume=resume, progress=update)
    typer.echo(f"wrote {folder}; use it with: bmzoo benchmark --systems {system} --data {folder}")


def import_deepbm(
    folder: Annotated[Path, typer.Argument(help="A state's folder: aa.xtc (or aa/*.gro), cg, topology.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to create.")],
    system: Annotated[
        str, typer.Option("--system", "-s", help="The system that it is: sps, octane or cumene.")
    ] = "sps",
) -> None:
    """Import frames that the authors of the voxel GAN published."""
    from bmzoo.systems.deepbm import import_deepbm as run

    with progress_bar("importing", None) as update:
        summary = run(folder, output, system=system, progress=update)
    typer.echo(summary)
