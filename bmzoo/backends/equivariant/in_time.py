"""Trajectories of the temporal network: each frame given the one before, all advancing in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.equivariant.data import carried
from bmzoo.backends.equivariant.sampler import Sampler, Unit
from bmzoo.backends.inputs import BeadReader
from bmzoo.frames.frame import Frame

Floats = NDArray[np.float64]
GAP = 1.5
"""A frame follows another if no more than so many usual intervals lie between them."""


class Last(NamedTuple):
    """What a trajectory remembers: its last frame, beads, and every sample's ``(m, n_atoms, 3)`` atoms."""

    frame: Frame
    beads: Floats
    atoms: list[Floats]


class InTime:
    """Draws the next frames of several trajectories.

    Args:
        interval: ps between frames that follow one another.
    """

    def __init__(self, sampler: Sampler, interval: float, n_samples: int, seed: int) -> None:
        self._sampler, self._interval = sampler, interval
        self._n_samples, self._seed = n_samples, seed
        self._read = BeadReader(sampler.field.tables.topology)
        self._last: dict[int, Last] = {}

    def __call__(self, trajectories: Sequence[Iterable[Frame]]) -> Iterator[list[Frame]]:
        """The next frames of all trajectories that go on, trajectory by trajectory, sample by sample."""
        waiting = dict(enumerate(map(iter, trajectories)))
        while waiting:
            frames = {number: next(stream, None) for number, stream in waiting.items()}
            waiting = {number: stream for number, stream in waiting.items() if frames[number] is not None}
            present = {number: frame for number, frame in frames.items() if frame is not None}
            if present:
                yield list(self._next(present))

    def _next(self, frames: dict[int, Frame]) -> Iterator[Frame]:
        units = {number: self._units(number, frame) for number, frame in frames.items()}
        drawn = iter(self._sampler.draw_many([unit for of_one in units.values() for unit in of_one]))
        for number, frame in frames.items():
            atoms = [next(drawn) for _ in range(self._n_samples)]
            self._last[number] = Last(frame, units[number][0].beads, atoms)
            for sample, positions in enumerate(atoms):
                yield frame.with_positions(positions.reshape(-1, 3), sample=sample)

    def _units(self, number: int, frame: Frame) -> list[Unit]:
        """The samples of a frame; the first trajectory has the random numbers of one alone."""
        beads = self._read(frame)
        box = None if frame.box is None else np.asarray(frame.box, dtype=np.float64)
        keys = [(self._seed, frame.index, k, *([number] if number else [])) for k in range(self._n_samples)]
        before = self._before(number, frame, beads)
        return [Unit(beads, box, *of_sample) for of_sample in zip(keys, before, strict=True)]

    def _before(self, number: int, frame: Frame, beads: Floats) -> list[Floats | None]:
        """The atoms before, about the present beads; ``None`` at the beginning and after a gap."""
        last = self._last.get(number)
        if last is None or last.beads.shape != beads.shape:
            return [None] * self._n_samples
        if not 0 < frame.time - last.frame.time <= GAP * self._interval:
            return [None] * self._n_samples
        tables = self._sampler.field.tables
        return [carried(tables, atoms, last.beads, beads) for atoms in last.atoms]
