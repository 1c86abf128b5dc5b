"""The one road from a CG trajectory to atomistic frames; commands and benchmark both take it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.topology import Topology

if TYPE_CHECKING:
    from bmzoo.backends.backmapper import Backmapper
    from bmzoo.simulation.refine import Refiner


def generate(
    backmapper: Backmapper,
    coarse: Iterable[Frame],
    *,
    n_samples: int = 1,
    seed: int = 0,
    refiner: Refiner | None = None,
) -> Iterator[Frame]:
    """Backmaps, and refines where asked: ``n_samples`` frames for each CG frame, in order."""
    pending: deque[Frame] = deque()

    def remembered() -> Iterator[Frame]:
        for frame in coarse:
            pending.append(frame)
            yield frame

    for atoms in backmapper.backmap(remembered(), n_samples=n_samples, seed=seed):
        if refiner is not None:
            atoms = refiner.refine(atoms, pending[0]).frame
        if atoms.sample == n_samples - 1:
            pending.popleft()
        yield atoms


def backmap_frames(
    coarse: Iterable[Frame],
    topology: Topology,
    backmapper: Backmapper,
    *,
    samples: int = 1,
    seed: int = 0,
    refine: str = "none",
) -> Iterator[Frame]:
    """Atomistic frames for CG frames as a user has them: wrapped or whole, with a box or without.

    Args:
        coarse: frames of ``(n_molecules * n_beads, 3)`` nm in the topology's order.
        refine: ``none``, ``minimise``, ``thermalise`` or ``thermalise:PICOSECONDS``.

    Raises:
        InputError: no sample, a refinement that cannot be, frames that do not fit the topology.
    """
    from bmzoo.simulation.refine import RefineSettings, make_refiner

    if samples < 1:
        raise InputError(f"the number of samples must be at least 1, not {samples}")
    if refine != "none" and not backmapper.capabilities.keeps_beads:
        raise InputError(
            f"'{backmapper.name}' moves the beads, so that atoms cannot be refined with the beads given "
            "held; take --refine none"
        )
    refiner = make_refiner(topology, RefineSettings.parse(refine), seed=seed)
    whole = whole_molecules(coarse, topology, beads=True)
    return generate(backmapper, whole, n_samples=samples, seed=seed, refiner=refiner)


def sample_paths(output: Path, n_samples: int) -> list[Path]:
    """``out.xtc``, or ``out.1.xtc`` to ``out.K.xtc`` for K samples."""
    if n_samples <= 1:
        return [output]
    return [output.with_name(f"{output.stem}.{k}{output.suffix}") for k in range(1, n_samples + 1)]


def write_samples(
    frames: Iterable[Frame], output: Path, topology: Topology, n_samples: int
) -> Iterator[Frame]:
    """Writes frames as they pass, sample k to the k-th file; all files appear at the end, or none does.

    Raises:
        InputError: no frames, an unknown format, an output that cannot be written.
    """
    from bmzoo.frames.writers import open_writer

    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise InputError("the selection holds no frames; check --start, --stop and --step")
    n_molecules = topology.count_molecules(len(first), beads=False)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(open_writer(path, topology.graph, n_molecules))
            for path in sample_paths(output, n_samples)
        ]
        writers[first.sample].write(first)
        yield first
        for frame in frames:
            writers[frame.sample].write(frame)
            yield frame


def write_beads(beads: Iterable[Frame], output: Path, topology: Topology) -> None:
    """Writes CG frames with the mapping's bead names.

    Raises:
        InputError: no frames, an unknown format, an output that cannot be written.
    """
    from bmzoo.frames.labels import Labels
    from bmzoo.frames.writers import open_writer

    beads = iter(beads)
    first = next(beads, None)
    if first is None:
        raise InputError("the selection holds no frames; check --start, --stop and --step")
    n_molecules = topology.count_molecules(len(first), beads=True)
    labels = Labels.of_beads(topology.mapping.bead_names, topology.graph.name, n_molecules)
    with open_writer(output, labels=labels) as writer:
        writer.write(first)
        for frame in beads:
            writer.write(frame)


def read_samples(output: Path, n_samples: int, indices: Iterable[int] | None = None) -> Iterator[Frame]:
    """What :func:`write_samples` wrote, in the order in which it was generated."""
    from dataclasses import replace

    from bmzoo.frames.trajectory import read_frames

    files = [read_frames(path) for path in sample_paths(output, n_samples)]
    numbers = iter(indices) if indices is not None else None
    for samples in zip(*files, strict=True):
        index = next(numbers) if numbers is not None else samples[0].index
        for sample, frame in enumerate(samples):
            yield replace(frame, index=index, sample=sample)
