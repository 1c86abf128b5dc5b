"""Training data: whole frames of isolated molecules, patches of periodic ones, turned at random."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.flow import draw_times
from bmzoo.backends.equivariant.graph import Graph, Part, assemble, isolated_part
from bmzoo.backends.equivariant.network import Previous
from bmzoo.backends.equivariant.patches import PatchCutter, turned
from bmzoo.backends.equivariant.prior import Prior
from bmzoo.backends.equivariant.tables import Tables
from bmzoo.backends.equivariant.vibration import Vibration
from bmzoo.backends.inputs import BeadReader
from bmzoo.errors import InputError
from bmzoo.frames.datasets import random_rotation
from bmzoo.frames.frame import PairedFrames
from bmzoo.frames.periodic import nearest_image_of
from bmzoo.frames.random import random_stream

Floats = NDArray[np.float64]


class Batch(NamedTuple):
    """Units at their times.

    Attributes:
        graph: neighbours are found at the times' positions.
        start, end: ``(n, 3)`` nm, x_0 and x_1.
        times: ``(n_units,)``.
        counted: ``(n,)`` 1 for atoms that count in the loss, else 0.
        previous: of temporal networks.
    """

    graph: Graph
    start: Tensor
    end: Tensor
    times: Tensor
    counted: Tensor
    previous: Previous | None


@dataclass(eq=False)
class _Frame:
    """One reference frame; ``before`` is the number of the frame before, or -1."""

    beads: Floats
    atoms: Floats
    box: Floats | None
    before: int
    cutter: PatchCutter | None = field(default=None)


class _Unit(NamedTuple):
    """What a patch or a frame contributes."""

    part: Part
    start: Floats
    end: Floats
    counted: NDArray[np.bool_]
    previous: Floats
    times: Floats
    there: Floats


class TrainingSet:
    """Gives the batch of any step, from seed and step alone.

    Attributes:
        tables: with the hands by which the data label equivalent atoms.
        interval: ps between consecutive frames; ``inf`` where there are none.

    Raises:
        InputError: no frames; some with a box and some without; isolated ones of different sizes;
            ``vibrate`` with a box, or what :class:`Vibration` refuses.
    """

    def __init__(
        self,
        tables: Tables,
        config: EquivariantConfig,
        prior: Prior,
        pairs: Iterable[PairedFrames],
        *,
        seed: int,
    ) -> None:
        self.config, self.prior, self.seed = config, prior, seed
        self._vibration = Vibration(tables.topology) if config.vibrate else None
        read = BeadReader(tables.topology)
        self.frames: list[_Frame] = []
        times: list[float] = []
        for pair in pairs:
            beads = read(pair.coarse)
            box = None if pair.atomistic.box is None else np.asarray(pair.atomistic.box, dtype=np.float64)
            atoms = np.asarray(pair.atomistic.positions, dtype=np.float64).reshape(len(beads), -1, 3)
            own = tables.topology.mapping.apply(atoms.reshape(-1, 3)).reshape(beads.shape)
            atoms = atoms + (nearest_image_of(own, beads, box) - own)[:, :1]
            cutter = None if box is None else PatchCutter(tables, config, beads, box)
            self.frames.append(_Frame(beads, atoms, box, -1, cutter))
            times.append(pair.atomistic.time)
        if not self.frames:
            raise InputError("there are no reference frames to train on")
        if len({frame.box is None for frame in self.frames}) > 1:
            raise InputError("some reference frames have a box and some have none; train on one kind")
        if self.frames[0].box is None and len({len(frame.atoms) for frame in self.frames}) > 1:
            raise InputError("reference frames without a box must all hold the same number of molecules")
        if self._vibration is not None and self.frames[0].box is not None:
            raise InputError("'vibrate' is for isolated molecules, and these reference frames have a box")
        self.interval = self._link(np.array(times))
        atoms = np.concatenate([frame.atoms for frame in self.frames[:100]])
        self.tables = tables.with_hands(_agreed(tables, atoms))

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        rng = random_stream(self.seed, step)
        units = self._patches(rng) if self.frames[0].box is not None else [self._isolated(rng)]
        now = [u.times[u.part.units][:, None] for u in units]
        where = [(1 - t) * u.start + t * u.end for u, t in zip(units, now, strict=True)]
        graph = assemble(self.tables, self.config, [u.part for u in units], where)

        def joined(arrays: list[NDArray]) -> Tensor:
            return torch.from_numpy(np.concatenate(arrays).astype(np.float32))

        previous = None
        if self.config.temporal:
            previous = Previous(joined([u.previous for u in units]), joined([u.there for u in units]))
        return Batch(
            graph=graph.to("cpu", torch.float32),
            start=joined([u.start for u in units]),
            end=joined([u.end for u in units]),
            times=joined([u.times for u in units]),
            counted=joined([u.counted for u in units]),
            previous=previous,
        )

    def _patches(self, rng: np.random.Generator) -> list[_Unit]:
        """Patches of random frames until there are atoms enough."""
        found: list[_Unit] = []
        total = 0
        while not found or total * (1 + 0.5 / len(found)) < self.config.atoms:
            found.append(self._patch(rng))
            total += len(found[-1].start)
        times = draw_times(rng, len(found), self.config)
        return [unit._replace(times=times[k : k + 1]) for k, unit in enumerate(found)]

    def _patch(self, rng: np.random.Generator) -> _Unit:
        frame = self.frames[rng.integers(len(self.frames))]
        assert frame.cutter is not None
        patch = frame.cutter.cut(int(rng.integers(frame.beads.shape[0] * frame.beads.shape[1])))
        turn = random_rotation(rng)
        start = self.prior(frame.beads[patch.molecules], self._noise(rng, len(patch.molecules)))
        before, there = self._before(rng, frame)
        rows = patch.copies, patch.part.atoms
        start, end, previous = (
            ((x + patch.shifts[:, None])[rows]) @ turn
            for x in (start, frame.atoms[patch.molecules], before[patch.molecules])
        )
        return _Unit(
            part=turned(patch.part, turn),
            start=start,
            end=end,
            counted=patch.inner & ~self.tables.fixed[patch.part.atoms],
            previous=previous,
            times=np.zeros(1),
            there=np.array([there]),
        )

    def _isolated(self, rng: np.random.Generator) -> _Unit:
        """Random frames, turned about the middle of their beads."""
        size = self.frames[0].atoms.shape[0] * self.tables.n_atoms
        n = max(1, round(self.config.atoms / size))
        chosen = [self.frames[k] for k in rng.integers(len(self.frames), size=n)]
        turns = np.stack([random_rotation(rng) for _ in chosen])[:, None]
        middles = np.stack([frame.beads.mean((0, 1)) for frame in chosen])[:, None, None]
        before = [self._before(rng, frame) for frame in chosen]
        beads, atoms, previous = (
            (np.stack(arrays) - middles) @ turns
            for arrays in ([f.beads for f in chosen], [f.atoms for f in chosen], [b for b, _ in before])
        )
        if self._vibration is not None:
            atoms = self._vibration(atoms, rng)
        flat = beads.reshape(-1, *beads.shape[2:])
        start = self.prior(flat, self._noise(rng, len(flat)))
        part = isolated_part(self.tables, self.config, beads)
        return _Unit(
            part=part,
            start=start.reshape(-1, 3),
            end=atoms.reshape(-1, 3),
            counted=~self.tables.fixed[part.atoms],
            previous=previous.reshape(-1, 3),
            times=draw_times(rng, n, self.config),
            there=np.array([there for _, there in before]),
        )

    def _noise(self, rng: np.random.Generator, n: int) -> Floats:
        return rng.standard_normal((n, self.prior.n_random, 3))

    def _before(self, rng: np.random.Generator, frame: _Frame) -> tuple[Floats, float]:
        """The atoms of the frame before about this frame's beads, with noise, and whether there are any."""
        if not self.config.temporal:
            return frame.atoms, 0.0
        noise = self.config.previous_noise * rng.standard_normal(frame.atoms.shape)
        if rng.random() < self.config.previous_missing or frame.before < 0:
            return frame.atoms, 0.0
        earlier = self.frames[frame.before]
        return carried(self.tables, earlier.atoms, earlier.beads, frame.beads) + noise, 1.0

    def _link(self, times: Floats) -> float:
        """Joins consecutive frames where the time between them is the usual one."""
        gaps = np.diff(times)
        if not (gaps > 0).any():
            return float("inf")
        usual = float(np.median(gaps[gaps > 0]))
        for number in np.flatnonzero(np.abs(gaps - usual) < 0.01 * usual):
            if len(self.frames[number].atoms) == len(self.frames[number + 1].atoms):
                self.frames[number + 1].before = int(number)
        return usual


def carried(tables: Tables, atoms: Floats, beads: Floats, now: Floats) -> Floats:
    """Atoms of another frame, moved along with their anchors to the present beads: ``(m, n_atoms, 3)`` nm."""
    return atoms + tables.anchors @ (now - beads)


def _agreed(tables: Tables, atoms: Floats) -> Floats:
    """Hands of the data where they agree, else those of the tables."""
    observed = tables.observed_hands(atoms)
    return np.where(observed != 0, observed, tables.hands)
