"""Flat-bottom priors: where the target's distances lie, and bringing others back there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.relaxation import PairRelaxation
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEXT_NEAREST = 0.3
"""Weight of next-nearest distances beside bonds."""


@dataclass(frozen=True)
class Range:
    """Lowest and highest, nm, of distances of one kind."""

    low: float
    high: float


@dataclass(frozen=True)
class Ranges:
    """Ranges of bonds, and of the distances of beads two bonds apart, which angles are by another name."""

    bonds: Range
    next_nearest: Range

    @classmethod
    def of(cls, molecules: Iterable[Floats], topology: Topology, tail: float) -> Ranges:
        """Of molecules ``(n_molecules, n_atoms, 3)`` nm; ``tail`` is the share left out at each end."""
        pairs = bonded_pairs(topology)
        x = np.concatenate(list(molecules))
        found = [
            Range(*np.quantile(_distances(x, ends), [tail, 1 - tail])) if len(ends) else Range(0.0, np.inf)
            for ends in pairs
        ]
        return cls(*found)

    def as_array(self) -> Floats:
        """``(2, 2)`` bonds and next-nearest, low and high."""
        return np.array([[r.low, r.high] for r in (self.bonds, self.next_nearest)])

    @classmethod
    def from_array(cls, values: Floats) -> Ranges:
        """Undoes :meth:`as_array`."""
        return cls(*(Range(float(low), float(high)) for low, high in np.asarray(values)))


class Holder:
    """Moves particles so that distances come back into their ranges; beads stay exactly where they are.

    The potential is flat inside a range, so that what lies there does not feel it.
    """

    def __init__(self, topology: Topology, ranges: Ranges) -> None:
        bonds, angles = bonded_pairs(topology)
        self._pairs = np.concatenate([bonds, angles])
        counts = (len(bonds), len(angles))
        both = (ranges.bonds, ranges.next_nearest)
        self._low = np.repeat([r.low for r in both], counts)
        self._high = np.repeat([r.high for r in both], counts)
        weights = np.repeat([1.0, NEXT_NEAREST], counts)
        self._relax = PairRelaxation(topology, self._pairs, weights)

    def __call__(self, atoms: Floats, beads: Floats, iterations: int) -> Floats:
        """Molecules ``(n_molecules, n_atoms, 3)``; those with nothing outside are returned as they are."""
        away = self.outside(atoms)
        wrong = np.flatnonzero(away.any(axis=1))
        if not len(wrong):
            return atoms
        moved = atoms[wrong]
        for _ in range(iterations):
            moved = self._relax.step(moved, beads[wrong], self._low, self._high)
        result = atoms.copy()
        result[wrong] = moved
        return result

    def outside(self, atoms: Floats) -> NDArray[np.bool_]:
        """``(n_molecules, n_pairs)`` distances that are outside of their range."""
        found = _distances(atoms, self._pairs)
        return (found < self._low) | (found > self._high)


def bonded_pairs(topology: Topology) -> tuple[Ints, Ints]:
    """Ends of bonds, and of angles."""
    graph = topology.graph
    return graph.bonds, graph.angles[:, [0, 2]]


def _distances(x: Floats, pairs: Ints) -> Floats:
    return np.asarray(np.linalg.norm(x[:, pairs[:, 0]] - x[:, pairs[:, 1]], axis=-1))
