"""``bmzoo backmap``: atoms for a user's CG trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bmzoo.cli.console import (
    CutoffOption,
    DeviceOption,
    MappingOption,
    SeedOption,
    StructureOption,
    SystemOption,
    TemperatureOption,
    TopologyOption,
    counted,
    progress_bar,
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(backmap)


def backmap(
    trajectory: Annotated[Path, typer.Argument(help="CG trajectory: gro, pdb, xtc, trr or dcd.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="gro, pdb, xtc or dcd to write.")],
    system: SystemOption = None,
    topology: TopologyOption = None,
    mapping: MappingOption = None,
    structure: StructureOption = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            "-b",
            help="See 'bmzoo backends'. By default that of the weights; without any, morphing for a model of "
            "beads only, fragments where there is a library, equivariant where weights are shipped, or "
            "geometric.",
        ),
    ] = None,
    weights: Annotated[str | None, typer.Option("--weights", "-w", help="Tag or folder of weights.")] = None,
    library: Annotated[
        Path | None,
        typer.Option(
            "--library",
            help="Atomistic trajectory of your molecule for 'fragments'; the target's beads for 'morphing'.",
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="YAML file of backend settings.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the backend, as name=value; repeatable.")
    ] = None,
    refine: Annotated[
        str, typer.Option("--refine", "-r", help="none, minimise, thermalise or thermalise:PICOSECONDS.")
    ] = "none",
    samples: Annotated[int, typer.Option("--samples", "-k", help="K samples go to K numbered files.")] = 1,
    start: Annotated[int | None, typer.Option("--start", help="First frame, from 0.")] = None,
    stop: Annotated[int | None, typer.Option("--stop", help="Frame to stop before.")] = None,
    step: Annotated[int | None, typer.Option("--step", help="Every so many frames.")] = None,
    temperature: TemperatureOption = None,
    cutoff: CutoffOption = None,
    max_memory: Annotated[
        int | None,
        typer.Option(
            "--max-memory", help="MB for what is drawn together, for backends that batch by memory."
        ),
    ] = None,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
) -> None:
    """Put atoms back into a coarse-grained trajectory.

    Atoms come out in the topology's order, molecules whole, with the CG frame's box and time.
    """
    from bmzoo.frames.whole import open_trajectory
    from bmzoo.frames.writers import check_output
    from bmzoo.pipeline import backmap_frames, sample_paths, write_samples
    from bmzoo.target import default_backend, load_backmapper, resolve_target

    target = resolve_target(system, topology, mapping, temperature=temperature, cutoff=cutoff)
    source = open_trajectory(trajectory, target.topology, beads=True, structure=structure)
    inputs = (*source.paths, structure, library, config, mapping, *(topology or ()))
    for path in sample_paths(output, samples):
        check_output(path, inputs)
    if backend is None:
        backend = default_backend(target, weights=weights, library=library)
        typer.echo(f"backend: {backend} (choose another with --backend)")
    model = load_backmapper(
        backend,
        target.system,
        topology=target.topology,
        weights=weights,
        config=config,
        settings=[*(settings or ()), *([] if max_memory is None else [f"max_memory={max_memory}"])],
        library=library,
        device=device,
    )
    total = len(source.numbers(start, stop, step)) * samples
    with progress_bar("backmapping", total) as update:
        frames = backmap_frames(
            source.frames(start, stop, step),
            target.topology,
            model,
            samples=samples,
            seed=seed,
            refine=refine,
        )
        for _ in counted(write_samples(frames, output, target.topology, samples), update):
            pass
    for path in sample_paths(output, samples):
        typer.echo(f"wrote {path}")
