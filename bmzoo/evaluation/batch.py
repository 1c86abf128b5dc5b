"""Frames stacked into arrays, and streams of frames cut into batches and blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.pairs import Pairs, non_bonded_pairs
from bmzoo.frames.frame import Frame

ATOMS_PER_BATCH = 12_000
"""A batch holds at least one frame, and no more atoms than this if it holds several."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some consecutive frames of one side.

    Attributes:
        context: the system.
        samples: ``(n_samples, n_frames, n_molecules, n_atoms, 3)`` nm, molecules whole.
        boxes: ``(n_frames, 3, 3)`` nm, or ``None``.
        units: ``(n_frames, n_molecules)`` block of every molecule, counted within the batch.
        n_units: number of blocks that the batch touches.
        numbers: ``(n_frames,)`` place in the stream.
        indices: ``(n_frames,)`` ``Frame.index``, for messages.
        reference: ``(n_frames, n_molecules, n_atoms, 3)`` the atoms that the CG frame came from.
        coarse: ``(n_frames, n_molecules, n_beads, 3)`` the CG frame.
        interval: ps between frames that follow one another; 0 where none do.
        follows: ``(n_frames,)`` whether the frame is one interval later than the one before it.
        before: ``(n_samples, n_molecules, n_atoms, 3)`` the frame before the first of the batch.
        by_molecule: blocks are of molecules, because there are few frames.
        is_reference: which side it is.
    """

    context: Context
    samples: NDArray[np.float64]
    boxes: NDArray[np.float64] | None
    units: NDArray[np.int64]
    n_units: int
    numbers: NDArray[np.int64]
    indices: NDArray[np.int64]
    reference: NDArray[np.float64] | None = None
    coarse: NDArray[np.float64] | None = None
    interval: float = 0.0
    follows: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    before: NDArray[np.float64] | None = None
    by_molecule: bool = False
    is_reference: bool = False

    @property
    def positions(self) -> NDArray[np.float64]:
        """``(n_frames, n_molecules, n_atoms, 3)`` of the first sample."""
        return self.samples[0]

    @property
    def n_frames(self) -> int:
        return self.samples.shape[1]

    @property
    def n_molecules(self) -> int:
        return self.samples.shape[2]

    @cached_property
    def frame_units(self) -> NDArray[np.int64]:
        """``(n_frames,)`` block of the frame; its first molecule's where blocks are of molecules."""
        return self.units[:, 0]

    @cached_property
    def pairs(self) -> Pairs:
        """Pairs of atoms of all frames within ``context.pair_cutoff``; all pairs of lone molecules."""
        return non_bonded_pairs(self.positions, self.boxes, self.context.pair_cutoff)

    def box(self, frame: int) -> NDArray[np.float64] | None:
        return None if self.boxes is None else self.boxes[frame]

    def sum_units(self, values: NDArray) -> NDArray[np.float64]:
        """Adds values ``(n_frames, n_molecules, ...)`` up by block: ``(n_units, ...)``."""
        flat = np.asarray(values, dtype=np.float64).reshape(self.units.size, -1)
        sums = np.zeros((self.n_units, flat.shape[1]))
        np.add.at(sums, self.units.ravel(), flat)
        return sums.reshape(self.n_units, *np.shape(values)[2:])

    def worst(self, rows: NDArray) -> NDArray[np.float64]:
        """Rows (value, frame index), one a frame: the largest by block, ``(n_units, 2)``."""
        top = np.full((self.n_units, 2), -1.0)
        for unit, row in zip(self.frame_units, rows, strict=True):
            if row[0] > top[unit, 0]:
                top[unit] = row
        return top

    def split_rows(self, rows: NDArray, units: NDArray[np.int64]) -> list[NDArray]:
        """``(n, ...)`` rows by block; ``units`` ``(n,)`` says of which block each is."""
        return [rows[units == unit] for unit in range(self.n_units)]


def stack_frames(frames: Sequence[Frame], n_particles: int, what: str) -> NDArray[np.float64]:
    """``(n_frames, n_molecules, n_particles, 3)`` positions.

    Raises:
        InputError: frames of different size, no whole number of molecules, or a number that is not finite.
    """
    for frame in frames:
        where = frame.name or f"frame {frame.index}"
        if len(frame) % n_particles or not len(frame):
            raise InputError(
                f"{where} has {len(frame)} {what}, which is no multiple of the {n_particles} of a molecule; "
                "check that topology and trajectory belong together"
            )
        if len(frame) != len(frames[0]):
            raise InputError(
                f"{where} has {len(frame)} {what}, frames before it have {len(frames[0])}; "
                "evaluate frames of one size at a time"
            )
        if not np.isfinite(frame.positions).all():
            raise InputError(f"{where} holds coordinates that are not finite; leave that frame out")
    stacked = np.stack([np.asarray(frame.positions, dtype=np.float64) for frame in frames])
    return stacked.reshape(len(frames), -1, n_particles, 3)


def stack_boxes(frames: Sequence[Frame]) -> NDArray[np.float64] | None:
    """``(n_frames, 3, 3)`` boxes, ``None`` where the first frame has none.

    Raises:
        InputError: some frames have a box, others none.
    """
    present = [frame.box is not None for frame in frames]
    if not any(present):
        return None
    if not all(present):
        frame = frames[present.index(False)]
        raise InputError(
            f"{frame.name or f'frame {frame.index}'} has no box, others of its trajectory have one"
        )
    return np.stack([np.asarray(frame.box, dtype=np.float64) for frame in frames])


def grouped(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Lists of ``size`` frames: the samples of one CG frame.

    Raises:
        InputError: the last group is incomplete.
    """
    group: list[Frame] = []
    for frame in frames:
        group.append(frame)
        if len(group) == size:
            yield group
            group = []
    if group:
        raise InputError(
            f"{size} generated frames for each CG frame were announced, but {len(group)} are left over; "
            "check the number of samples"
        )
