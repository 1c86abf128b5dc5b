"""Priors of a coarse-grained force field, fitted by Boltzmann inversion of one coordinate at a time.

Bonds, angles and impropers (the hand of a bead with three neighbours) are harmonic, with the mean and
the variance of the reference: ``k = kT / variance``. Torsions are a Fourier series fitted to
``-kT ln P``. Pairs four and more beads apart, or three where the torsion between them is not fitted,
repel as ``kT (sigma / r)^EXPONENT`` with the shortest distance of the reference as sigma.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.mapping import Mapping

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXPONENT = 10
"""Of the repulsion; steep enough to vanish where the reference has beads."""

QUANTILE = 0.001
"""Of the distances of a pair; its repulsion is one kT there."""

ORDER = 4
"""Of the Fourier series of a torsion."""

BINS = 72


@dataclass(frozen=True)
class Coordinates:
    """Which beads the terms act on: ``(n, 2)``, ``(n, 3)``, ``(n, 4)``, ``(n, 4)`` and ``(n, 2)``.

    An improper begins with its central bead; the others are its neighbours, in ascending order.
    """

    bonds: Ints
    angles: Ints
    torsions: Ints
    impropers: Ints
    pairs: Ints


def find_coordinates(mapping: Mapping) -> Coordinates:
    """Terms from the bonds between beads: all angles, one torsion about every inner bond."""
    neighbours = _neighbours(mapping)
    angles = [(a, centre, b) for centre, near in enumerate(neighbours) for a in near for b in near if a < b]
    torsions = []
    for b, c in mapping.bonds.tolist():
        ends = [[x for x in neighbours[one] if x != other] for one, other in ((b, c), (c, b))]
        if all(ends):
            first, last = (max(side, key=lambda x: len(neighbours[x])) for side in ends)
            torsions.append((first, b, c, last))
    impropers = [(centre, *near) for centre, near in enumerate(neighbours) if len(near) == 3]
    apart = _bonds_apart(neighbours)
    fitted = {tuple(sorted((t[0], t[3]))) for t in torsions}
    pairs = [
        (i, j)
        for i in range(len(apart))
        for j in range(i + 1, len(apart))
        if apart[i, j] > 3 or (apart[i, j] == 3 and (i, j) not in fitted)
    ]
    shapes = ((mapping.bonds, 2), (angles, 3), (torsions, 4), (impropers, 4), (pairs, 2))
    return Coordinates(*(np.array(rows, dtype=np.int64).reshape(-1, width) for rows, width in shapes))


def _neighbours(mapping: Mapping) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(mapping.n_beads)]
    for i, j in mapping.bonds.tolist():
        found[i].append(j)
        found[j].append(i)
    return [sorted(near) for near in found]


def _bonds_apart(neighbours: list[list[int]]) -> Ints:
    """``(n, n)`` number of bonds between beads; a large number where none joins them."""
    n = len(neighbours)
    apart = np.full((n, n), n + 4, dtype=np.int64)
    for start in range(n):
        apart[start, start] = 0
        waiting = [start]
        for bead in waiting:
            for near in neighbours[bead]:
                if apart[start, near] > n:
                    apart[start, near] = apart[start, bead] + 1
                    waiting.append(near)
    return apart


def harmonic_fit(values: Floats, kt: float) -> tuple[Floats, Floats]:
    """Centres and force constants of ``(n_frames, n)`` values: mean, and kT over the variance."""
    return values.mean(axis=0), kt / np.maximum(values.var(axis=0), 1e-12)


def circular_fit(values: Floats, kt: float) -> tuple[Floats, Floats]:
    """The same for angles in radian that may cross pi."""
    centre = np.arctan2(np.sin(values).mean(axis=0), np.cos(values).mean(axis=0))
    spread = (values - centre + np.pi) % (2 * np.pi) - np.pi
    shift, k = harmonic_fit(spread, kt)
    return centre + shift, k


def torsion_fit(values: Floats, kt: float, order: int = ORDER) -> Floats:
    """Fourier coefficients of ``-kT ln P``.

    Every bin has one count more than it has, so that what the reference never visits is high, not
    infinite; bins weigh as the square root of their counts.

    Args:
        values: ``(n_frames, n)`` radian.

    Returns:
        ``(n, order, 2)`` kJ/mol: U = sum over m of c[m-1, 0] cos(m x) + c[m-1, 1] sin(m x).
    """
    edges = np.linspace(-np.pi, np.pi, BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    waves = np.arange(1, order + 1) * middle[:, None]
    design = np.concatenate([np.ones((BINS, 1)), np.cos(waves), np.sin(waves)], axis=1)
    fitted = []
    for column in values.T:
        counts = np.histogram(column, edges)[0] + 1.0
        weight = counts[:, None] ** 0.25
        solved = np.linalg.lstsq(weight * design, -kt * weight[:, 0] * np.log(counts), rcond=None)[0]
        fitted.append(np.stack([solved[1 : order + 1], solved[order + 1 :]], axis=1))
    return np.array(fitted).reshape(-1, order, 2)
