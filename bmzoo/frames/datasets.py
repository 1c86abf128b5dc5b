"""Training data: pairs of beads and atoms, splits by run, rotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.periodic import MoleculeMaker
from bmzoo.molecules.mapping import Mapping


def pairs(
    frames: Iterable[Frame], mapping: Mapping, bonds: ArrayLike | None = None
) -> Iterator[PairedFrames]:
    """Atomistic frames with their beads, one at a time.

    Args:
        frames: ``n_molecules * mapping.n_atoms`` atoms each.
        mapping: beads of one molecule.
        bonds: ``(n_bonds, 2)`` of one molecule, to make molecules whole; without them the
            molecules must be whole already.

    Raises:
        InputError: a frame that holds no whole number of molecules.
    """
    maker = None if bonds is None else MoleculeMaker(bonds, mapping.n_atoms)
    for frame in frames:
        if len(frame) % mapping.n_atoms:
            raise InputError(
                f"{frame.name or f'frame {frame.index}'} has {len(frame)} atoms, which is no multiple of the "
                f"{mapping.n_atoms} atoms of one {mapping.molecule} molecule"
            )
        if maker is not None and frame.box is not None:
            frame = frame.with_positions(maker(frame.positions, frame.box))
        yield PairedFrames(frame.with_positions(mapping.apply(frame.positions)), frame)


def coarse_grain(
    frames: Iterable[Frame], mapping: Mapping, bonds: ArrayLike | None = None
) -> Iterator[Frame]:
    """Beads of atomistic frames, ``(n_molecules * n_beads, 3)`` nm; arguments, errors as of :func:`pairs`."""
    return (pair.coarse for pair in pairs(frames, mapping, bonds))


def set_apart(frames: Iterable[Frame], runs: Sequence[int], interval: float | None) -> Iterator[Frame]:
    """Independent runs in one file, timed so that none seems to go on in the next.

    The times are those of the frames' numbers, with one interval more from each run to the next, whatever
    the file says.

    Args:
        frames: any of the file's, with their numbers in it.
        runs: number of frames of every run, one run after another.
        interval: ps between the frames of a run; ``None`` leaves the times.
    """
    ends = np.cumsum(runs)
    for frame in frames:
        run = int(np.searchsorted(ends, frame.index, side="right"))
        yield frame if interval is None else replace(frame, time=(frame.index + run) * float(interval))


def split_runs(runs: Sequence[int], fraction: float, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Frame numbers of two sets that share no run, so that neither knows the other's frames.

    Whole runs are drawn into the second set until it holds at least ``fraction`` of all frames; a
    single run is cut in two.

    Args:
        runs: number of frames of every run, one run after another.
        fraction: share of the second (validation) set, between 0 and 1.

    Returns:
        Ascending frame numbers of the first and of the second set.

    Raises:
        InputError: a fraction that leaves a set empty.
    """
    counts = np.asarray(runs, dtype=np.int64)
    total, wanted = int(counts.sum()), fraction * counts.sum()
    if not 0 < fraction < 1 or round(wanted) in (0, total):
        raise InputError(
            f"a split of {total} frames cannot have a share of {fraction}; take one inside (0, 1)"
        )
    run_of = np.repeat(np.arange(len(counts)), counts)
    if len(counts) == 1:
        held = np.arange(total) >= total - round(wanted)
    else:
        order = rng.permutation(len(counts))[:-1]
        before = np.cumsum(counts[order]) - counts[order]
        held = np.isin(run_of, order[before < wanted])
    return np.flatnonzero(~held), np.flatnonzero(held)


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """A rotation matrix, ``(3, 3)``, drawn evenly from all rotations.

    From a normal quaternion: Shoemake, Graphics Gems III (1992) 124.
    """
    w, x, y, z = (q := rng.standard_normal(4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
