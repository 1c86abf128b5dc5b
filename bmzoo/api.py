"""The zoo from Python: what the commands do, as functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bmzoo.errors import InputError
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.whole import open_trajectory, whole_molecules
from bmzoo.pipeline import backmap_frames
from bmzoo.target import default_backend, load_backmapper, resolve_target

if TYPE_CHECKING:
    from bmzoo.benchmark.plan import Settings
    from bmzoo.evaluation.evaluate import Result


def backmap(
    trajectory: Any,
    *,
    system: str | None = None,
    topology: Sequence[str | Path] | str | Path | None = None,
    mapping: str | Path | None = None,
    structure: str | Path | None = None,
    backend: str | None = None,
    weights: str | Path | None = None,
    library: str | Path | None = None,
    config: Any = None,
    device: str = "auto",
    refine: str = "none",
    samples: int = 1,
    seed: int = 0,
    start: int | None = None,
    stop: int | None = None,
    step: int | None = None,
    temperature: float | None = None,
    cutoff: float | None = None,
) -> Any:
    """Backmaps a CG trajectory in memory.

    Args:
        trajectory: path of a trajectory, or an MDAnalysis Universe (or AtomGroup) of beads.
        system: a system of the zoo, with a state where wanted (``sps:313K``); or
        topology, mapping: files of your own molecule.
        structure: a gro or pdb file of the same particles as the trajectory, to check their number and order.
        backend: a name; by default :func:`~bmzoo.target.default_backend`'s choice.
        weights: folder or tag of a checkpoint; by default the one shipped for the molecule.
        library: atomistic trajectory of the molecule for ``fragments``, the target's beads for ``morphing``.
        config: settings of the backend: a dict, a YAML file, or its config object.
        device: ``cpu``, ``cuda`` or ``auto``.
        refine: ``none``, ``minimise``, ``thermalise`` or ``thermalise:PICOSECONDS``.
        samples: atomistic frames drawn for each CG frame; they follow one another.
        seed: the same seed gives the same frames.
        start, stop, step: which frames, as of a Python slice.
        temperature: kelvin, for thermalising your own molecule.
        cutoff: nm, for refining your own molecule in a box.

    Returns:
        An MDAnalysis Universe with ``n_frames * samples`` frames of ``(n_atoms, 3)`` positions in angstrom
        (as MDAnalysis has it); times are in ps.

    Raises:
        InputError: anything that is wrong with the input, in one sentence.
    """
    from bmzoo.frames.universe import frames_of_universe, to_universe

    target = resolve_target(system, topology, mapping, temperature=temperature, cutoff=cutoff)
    if isinstance(trajectory, str | Path):
        source = open_trajectory(trajectory, target.topology, beads=True, structure=structure)
        coarse = source.frames(start, stop, step)
    else:
        coarse = frames_of_universe(trajectory, start=start, stop=stop, step=step)
    model = load_backmapper(
        backend or default_backend(target, weights=weights, library=library),
        target.system,
        topology=target.topology,
        weights=weights,
        config=config,
        library=library,
        device=device,
    )
    frames = list(backmap_frames(coarse, target.topology, model, samples=samples, seed=seed, refine=refine))
    return to_universe(frames, target.topology.graph)


def evaluate(
    generated: str | Path,
    reference: str | Path,
    *,
    system: str | None = None,
    topology: Sequence[str | Path] | str | Path | None = None,
    mapping: str | Path | None = None,
    structure: str | Path | None = None,
    coarse: str | Path | None = None,
    simulated: bool = False,
    temperature: float | None = None,
    cutoff: float | None = None,
    seed: int = 0,
    start: int | None = None,
    stop: int | None = None,
    step: int | None = None,
    progress: Any = None,
) -> Result:
    """Scores any program's atomistic frames against reference frames.

    Args:
        generated, reference: trajectories with the same atoms in the topology's order.
        system: a system of the zoo; or
        topology, mapping: files of your own molecule.
        structure: a gro or pdb file of the same atoms, to check their number and order.
        coarse: the CG trajectory that the generated frames were made from, by default the
            reference frames coarse-grained.
        simulated: ``coarse`` is a coarse-grained simulation, whose frames pair with no reference frame.
        temperature: kelvin, of your own molecule.
        cutoff: nm, of your own force field in a box.
        seed: of bootstraps and subsamples.
        start, stop, step: which frames of all trajectories, as of a Python slice.
        progress: called with the number of frames done.

    Returns:
        Scores by ``family/observable``, with their floors, standard errors and units.

    Raises:
        InputError: files that do not fit one another or the topology.
    """
    from bmzoo.evaluation.evaluate import Evaluation

    target = resolve_target(system, topology, mapping, temperature=temperature, cutoff=cutoff)
    if simulated and coarse is None:
        raise InputError("frames made from a coarse-grained simulation need its beads: give them as 'coarse'")

    def whole(path: str | Path, *, beads: bool = False) -> Frames:
        named = None if beads else structure
        source = open_trajectory(path, target.topology, beads=beads, structure=named)

        def read() -> Iterator[Frame]:
            return whole_molecules(source.frames(start, stop, step), target.topology, beads=beads)

        return Frames(read)

    beads = whole(coarse, beads=True) if coarse else coarse_grain(whole(reference), target.topology.mapping)
    landscape = target.system.landscape if target.system else None
    evaluation = Evaluation(target.topology, landscape=landscape, seed=seed)
    return evaluation.run(
        whole(reference), whole(generated), coarse=beads, simulated=simulated, progress=progress
    )


def benchmark(settings: Settings | None = None, **changes: Any) -> Path:
    """Runs the benchmark; returns the folder with ``results.json``, trajectories and ``report.html``.

    Args:
        settings: everything at once; or the fields of
            :class:`bmzoo.benchmark.plan.Settings` by name.

    Raises:
        InputError: unknown names, settings that do not fit one another, an output that exists.
    """
    from bmzoo.benchmark.plan import Settings
    from bmzoo.benchmark.run import run
    from bmzoo.report.page import write_report

    folder = run(settings or Settings(**changes))
    write_report(folder)
    return folder


@dataclass(frozen=True)
class Frames:
    """Frames that can be read again and again without being kept."""

    read: Callable[[], Iterator[Frame]]

    def __iter__(self) -> Iterator[Frame]:
        return self.read()


__all__ = ["backmap", "benchmark", "evaluate", "load_backmapper"]
