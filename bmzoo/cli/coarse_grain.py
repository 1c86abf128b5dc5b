"""``bmzoo coarse-grain``: beads of an atomistic trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bmzoo.cli.console import (
    MappingOption,
    StructureOption,
    SystemOption,
    TopologyOption,
    counted,
    progress_bar,
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("coarse-grain")(coarse_grain)


def coarse_grain(
    trajectory: Annotated[Path, typer.Argument(help="Atomistic trajectory: gro, pdb, xtc, trr or dcd.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="gro, pdb, xtc or dcd to write.")],
    system: SystemOption = None,
    topology: TopologyOption = None,
    mapping: MappingOption = None,
    structure: StructureOption = None,
    start: Annotated[int | None, typer.Option("--start", help="First frame, from 0.")] = None,
    stop: Annotated[int | None, typer.Option("--stop", help="Frame to stop before.")] = None,
    step: Annotated[int | None, typer.Option("--step", help="Every so many frames.")] = None,
) -> None:
    """Map an atomistic trajectory onto its beads."""
    from bmzoo.frames import datasets
    from bmzoo.frames.whole import open_trajectory, whole_molecules
    from bmzoo.frames.writers import check_output
    from bmzoo.pipeline import write_beads
    from bmzoo.target import resolve_target

    target = resolve_target(system, topology, mapping)
    source = open_trajectory(trajectory, target.topology, beads=False, structure=structure)
    check_output(output, (*source.paths, structure, mapping, *(topology or ())))
    total = len(source.numbers(start, stop, step))
    with progress_bar("mapping", total) as update:
        atoms = whole_molecules(source.frames(start, stop, step), target.topology, beads=False)
        beads = datasets.coarse_grain(atoms, target.topology.mapping)
        write_beads(counted(beads, update), output, target.topology)
    typer.echo(f"wrote {output}")
