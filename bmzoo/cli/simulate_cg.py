"""``bmzoo simulate-cg`` and ``bmzoo train-cg``: coarse-grained force fields of single molecules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bmzoo.cli.console import SeedOption, progress_bar


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("simulate-cg")(simulate_cg)
    app.command("train-cg")(train_cg)


def simulate_cg(
    system: Annotated[str, typer.Argument(help="adp or cln.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="npz (smallest), xtc, dcd, gro or pdb: all replicas in turn."),
    ],
    replicas: Annotated[int, typer.Option("--replicas", help="Independent trajectories, in one batch.")] = 20,
    frames: Annotated[int, typer.Option("--frames", help="Of each.")] = 4000,
    interval: Annotated[
        float | None,
        typer.Option("--interval", help="ps of coarse-grained time between frames [default: by system]."),
    ] = None,
    time_step: Annotated[float | None, typer.Option("--time-step", help="ps [default: by system].")] = None,
    friction: Annotated[float, typer.Option("--friction", help="1/ps.")] = 5.0,
    force_field: Annotated[
        Path | None, typer.Option("--force-field", help="Folder made by train-cg [default: the shipped one].")
    ] = None,
    start: Annotated[
        list[int] | None,
        typer.Option("--start", help="Training frame to begin with; one a replica [default: drawn]."),
    ] = None,
    seed: SeedOption = 0,
) -> None:
    """Run Langevin dynamics of a system's beads with its force-matched force field.

    An interrupted run goes on where it stopped when the same command is given again. Frames are recorded
    as the reference's interval apart, which the default --interval stands for.
    """
    from bmzoo.coarse.force_field import load_force_field
    from bmzoo.coarse.presets import settings_for
    from bmzoo.coarse.simulate import simulate_to_file
    from bmzoo.systems import load_system

    found = load_system(system)
    settings = settings_for(
        found, replicas=replicas, frames=frames, interval=interval, time_step=time_step,
        friction=friction, seed=seed, starts=start or (),
    )  # fmt: skip
    model = load_force_field(found, force_field)
    with progress_bar(f"{system} beads", frames) as update:
        record = simulate_to_file(found, model, settings, output, update)
    typer.echo(f"wrote {output} and {record}; use it with: bmzoo backmap {output} --system {system}")


def train_cg(
    system: Annotated[str, typer.Argument(help="adp, cln, or another single molecule with a force field.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to create.")],
    steps: Annotated[int | None, typer.Option("--steps", help="Of Adam [default: by system].")] = None,
    seed: SeedOption = 0,
) -> None:
    """Match the forces on a system's beads: priors by Boltzmann inversion, a network for the rest."""
    from bmzoo.coarse.presets import train

    train(system, output, steps=steps, seed=seed, report=typer.echo)
    typer.echo(f"wrote {output}; use it with: bmzoo simulate-cg {system} --force-field {output}")
