"""``bmzoo data``: make or import reference frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bmzoo.cli.console import (
    MappingOption,
    SeedOption,
    SystemOption,
    TemperatureOption,
    TopologyOption,
    progress_bar,
)


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    group = typer.Typer(help="Make or import reference frames, and models from them.", no_args_is_help=True)
    group.command("build")(build)
    group.command("import-deepbm")(import_deepbm)
    group.command("invert")(invert)
    app.add_typer(group, name="data")


def build(
    system: Annotated[
        str, typer.Argument(help="A system: sps, octane, cumene, tcs, adp, cln, kg, fritz, blobs.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to create.")],
    preset: Annotated[str, typer.Option("--preset", help="tiny, small or paper.")] = "small",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of builds and runs.")] = 0,
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


def invert(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to create.")],
    trajectory: Annotated[
        Path | None, typer.Argument(help="Atomistic trajectory [default: the system's training frames].")
    ] = None,
    system: SystemOption = None,
    topology: TopologyOption = None,
    mapping: MappingOption = None,
    temperature: TemperatureOption = None,
    types: Annotated[
        str | None,
        typer.Option(
            "--types", help="Bead types that repeat along the chain, instead of the mapping's: A1,B1."
        ),
    ] = None,
    mirror: Annotated[
        str | None, typer.Option("--mirror", help="Types that are mirror images of one another: A1=A2,B1=B2.")
    ] = None,
    excluded: Annotated[
        int, typer.Option("--excluded", min=0, help="Bonds up to which beads have no non-bonded interaction.")
    ] = 3,
    spans: Annotated[
        int,
        typer.Option("--spans", min=0, help="Beads so many bonds apart get a potential of distance; 0: no."),
    ] = 0,
    skip_ends: Annotated[
        int, typer.Option("--skip-ends", min=0, help="Beads at chain ends left out of bonded distributions.")
    ] = 0,
    cutoff: Annotated[float, typer.Option("--cutoff", min=0.1, help="nm, of non-bonded potentials.")] = 1.1,
    iterations: Annotated[int, typer.Option("--iterations", min=1)] = 14,
    snapshots: Annotated[int, typer.Option("--snapshots", min=2, help="Frames of an iteration's run.")] = 40,
    seed: SeedOption = 0,
) -> None:
    """Make a coarse-grained model from atomistic frames by (iterative) Boltzmann inversion.

    Bonds, angles and dihedrals by Boltzmann inversion, non-bonded potentials by matching radial distribution
    functions in simulations of the model. An interrupted inversion goes on when it is started again.
    """
    from bmzoo.frames.whole import open_trajectory
    from bmzoo.simulation.invert import invert_frames
    from bmzoo.simulation.iterative_inversion import InversionSettings
    from bmzoo.target import library_frames, resolve_target

    target = resolve_target(system, topology, mapping, temperature=temperature)
    if trajectory is None:
        frames = library_frames(target)
    else:
        frames = open_trajectory(trajectory, target.topology, beads=False).frames()
    settings = InversionSettings(
        cutoff=cutoff,
        excluded=excluded,
        spans=spans,
        skip_ends=skip_ends,
        iterations=iterations,
        snapshots=snapshots,
    )
    with progress_bar(f"inverting {target.label}", iterations) as update:
        folder = invert_frames(
            frames,
            target.topology,
            output,
            settings,
            types=None if types is None else types.split(","),
            mirror=dict(pair.partition("=")[::2] for pair in mirror.split(",")) if mirror else None,
            seed=seed,
            progress=update,
        )
    typer.echo(
        f"wrote {folder / 'model.json'}; how each iteration came out is in {folder / 'provenance.json'}"
    )
