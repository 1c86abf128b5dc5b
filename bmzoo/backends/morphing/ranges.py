"""Flat-bottom priors: where the target's distances lie, and bringing others back there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.relaxation import PairRelaxation
from bmzoo.frames.periodic import NeighbourPairs, neighbour_pairs
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEXT_NEAREST = 0.3
"""Weight of next-nearest distances beside bonds."""
BONDED = 2
"""Particles up to so many bonds apart have ranges of their own; all others are non-bonded."""


@dataclass(frozen=True)
class Range:
    """Lowest and highest, nm, of distances of one kind."""

    low: float
    high: float


FREE = Range(0.0, np.inf)


@dataclass(frozen=True)
class Ranges:
    """Ranges of bonds, of the distances of beads two bonds apart, which angles are by another name, and of
    non-bonded distances, which have no upper end."""

    bonds: Range
    next_nearest: Range
    non_bonded: Range = FREE

    @classmethod
    def of(
        cls, molecules: Sequence[Floats], boxes: Sequence[Floats | None], topology: Topology, tail: float
    ) -> Ranges:
        """Of frames: whole molecules ``(n_molecules, n_atoms, 3)`` and boxes ``(3, 3)``, nm.

        ``tail`` is the share left out at each end; of non-bonded distances, the share of particles whose
        nearest neighbour is nearer than the range begins.
        """
        pairs = bonded_pairs(topology)
        x = np.concatenate(list(molecules))
        bonds, angles = (
            Range(*np.quantile(_distances(x, ends), [tail, 1 - tail])) if len(ends) else FREE
            for ends in pairs
        )
        reach = next((r.high for r in (angles, bonds) if np.isfinite(r.high)), None)
        if reach is None:
            return cls(bonds, angles)
        find = NonBonded(topology)
        frames = zip(molecules, boxes, strict=True)
        nearest = np.sort(np.concatenate([find.nearest(atoms, box, reach) for atoms, box in frames]))
        low = nearest[int(tail * (len(nearest) - 1))]
        return cls(bonds, angles, Range(float(low), np.inf) if np.isfinite(low) else FREE)

    def as_array(self) -> Floats:
        """``(3, 2)`` bonds, next-nearest and non-bonded, low and high."""
        return np.array([[r.low, r.high] for r in (self.bonds, self.next_nearest, self.non_bonded)])

    @classmethod
    def from_array(cls, values: Floats) -> Ranges:
        """Undoes :meth:`as_array`."""
        rows = np.asarray(values, dtype=np.float64)
        if rows.shape != (3, 2):
            raise ValueError(f"three ranges expected, not an array of shape {rows.shape}")
        return cls(*(Range(low, high) for low, high in rows.tolist()))


class NonBonded:
    """Finds particles that are close without being bonded: others' molecules, images, the same chain
    farther along."""

    def __init__(self, topology: Topology) -> None:
        self._n = topology.n_atoms
        self._near = topology.graph.topological_distances(BONDED).toarray() > 0

    def __call__(self, atoms: Floats, box: Floats | None, cutoff: float) -> NeighbourPairs:
        """Pairs of particles, counted over all molecules ``(n_molecules, n_atoms, 3)``, closer than nm."""
        pairs = neighbour_pairs(atoms.reshape(-1, 3), box, cutoff)
        (i, a), (j, b) = np.divmod(pairs.first, self._n), np.divmod(pairs.second, self._n)
        kept = ~((i == j) & ~pairs.shifts.any(axis=1) & self._near[a, b])
        return NeighbourPairs(*(values[kept] for values in pairs))

    def nearest(self, atoms: Floats, box: Floats | None, cutoff: float) -> Floats:
        """``(n_molecules * n_atoms,)`` nm from every particle to its nearest, infinite beyond the cutoff."""
        pairs = self(atoms, box, cutoff)
        found = np.full(len(atoms) * self._n, np.inf)
        for ends in (pairs.first, pairs.second):
            np.minimum.at(found, ends, pairs.distances)
        return found


class Holder:
    """Moves particles so that distances come back into their ranges; beads stay exactly where they are.

    The potential is flat inside a range, so that what lies there does not feel it. Non-bonded particles that
    are too near push each other apart, across periodic boundaries, too, as far as their beads let them.

    Args:
        topology: particles and the merged beads that are kept.
        ranges: of distances.
        push: whether non-bonded ranges count.
    """

    def __init__(self, topology: Topology, ranges: Ranges, *, push: bool = True) -> None:
        bonds, angles = bonded_pairs(topology)
        self._pairs = np.concatenate([bonds, angles])
        counts = (len(bonds), len(angles))
        both = (ranges.bonds, ranges.next_nearest)
        self._low = np.repeat([r.low for r in both], counts)
        self._high = np.repeat([r.high for r in both], counts)
        self._weights = np.repeat([1.0, NEXT_NEAREST], counts)
        self._relax = PairRelaxation(topology, self._pairs, self._weights)
        self._find = NonBonded(topology)
        self._nearest = ranges.non_bonded.low if push else 0.0

    def __call__(self, atoms: Floats, beads: Floats, iterations: int, box: Floats | None = None) -> Floats:
        """Molecules ``(n_molecules, n_atoms, 3)``; those with nothing outside are returned as they are.

        Of what the iterations come by, the start included, the positions of lowest potential are taken:
        where two merged beads lie on one another, pushing would else bend what need not be bent.
        """
        x, best, lowest = atoms, atoms, np.inf
        for step in range(iterations + 1):
            close = self.contacts(x, box)
            energy = self._energy(x, close)
            if energy < lowest:
                best, lowest = x, energy
            wrong = self._wrong(x, close)
            if step == iterations or not len(wrong):
                break
            moved = x + self._pushes(close, x.shape)
            x = x.copy()
            x[wrong] = self._relax.step(moved[wrong], beads[wrong], self._low, self._high)
        return best

    def outside(self, atoms: Floats) -> NDArray[np.bool_]:
        """``(n_molecules, n_pairs)`` bonds and next-nearest distances that are outside of their range."""
        found = _distances(atoms, self._pairs)
        return (found < self._low) | (found > self._high)

    def contacts(self, atoms: Floats, box: Floats | None) -> NeighbourPairs | None:
        """Non-bonded pairs below their range."""
        return self._find(atoms, box, self._nearest) if self._nearest else None

    def _wrong(self, atoms: Floats, close: NeighbourPairs | None) -> Ints:
        """Molecules with anything outside of its range."""
        wrong = np.asarray(self.outside(atoms).any(axis=1))
        if close is not None:
            wrong[close.first // atoms.shape[1]] = wrong[close.second // atoms.shape[1]] = True
        return np.flatnonzero(wrong)

    def _energy(self, atoms: Floats, close: NeighbourPairs | None) -> float:
        found = _distances(atoms, self._pairs)
        away = found - np.clip(found, self._low, self._high)
        pushed = 0.0 if close is None else float(np.square(self._nearest - close.distances).sum())
        return float((np.square(away) * self._weights).sum()) + pushed

    def _pushes(self, close: NeighbourPairs | None, shape: tuple[int, ...]) -> Floats:
        """Half of what each pair lacks to either end, the mean over a particle's pairs."""
        moves = np.zeros((shape[0] * shape[1], 3))
        if close is None or not len(close.first):
            return moves.reshape(shape)
        lacking = (self._nearest - close.distances) / np.maximum(close.distances, 1e-9) / 2
        steps = lacking[:, None] * close.vectors
        np.add.at(moves, close.first, -steps)
        np.add.at(moves, close.second, steps)
        counts = np.bincount(np.concatenate([close.first, close.second]), minlength=len(moves))
        return (moves / np.maximum(counts, 1)[:, None]).reshape(shape)


def bonded_pairs(topology: Topology) -> tuple[Ints, Ints]:
    """Ends of bonds, and of angles."""
    graph = topology.graph
    return graph.bonds, graph.angles[:, [0, 2]]


def _distances(x: Floats, pairs: Ints) -> Floats:
    return np.asarray(np.linalg.norm(x[:, pairs[:, 0]] - x[:, pairs[:, 1]], axis=-1))
