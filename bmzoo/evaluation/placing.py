"""Placing single points on a sketch-map: a grid over all of it, then damped Gauss-Newton steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.sigmoid import Sigmoid

Floats = NDArray[np.float64]
GRID = 41
MARGIN = 0.5
"""Of the map's width, how far the grid reaches beyond the landmarks."""
STEPS = 60
CHUNK = 500


def squared_distances(one: Floats, other: Floats) -> Floats:
    """``(n, m)`` of points ``(n, d)`` and ``(m, d)``."""
    from scipy.spatial.distance import cdist

    found: Floats = cdist(one, other, "sqeuclidean")
    return found


class Placer:
    """Landmarks on a map, and where other points belong among them.

    Args:
        positions: ``(n, 2)`` of the landmarks.
        weights: ``(n,)``.
        low: f.
    """

    def __init__(self, positions: Floats, weights: Floats, low: Sigmoid) -> None:
        self.positions = positions.copy()
        self.weights = weights / weights.sum()
        self.low = low
        bottom, top = positions.min(axis=0), positions.max(axis=0)
        margin = MARGIN * max(float((top - bottom).max()), low.sigma)
        axes = [np.linspace(bottom[k] - margin, top[k] + margin, GRID) for k in (0, 1)]
        self.grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        self._table = low(squared_distances(self.grid, self.positions))

    def place(self, target: Floats, near: Floats) -> tuple[Floats, Floats]:
        """The best of two starts: the best cell of the grid, and ``near``.

        Args:
            target: ``(m, n)`` F of the distances to the landmarks.
            near: ``(m, 2)``.

        Returns:
            ``(m, 2)`` positions, ``(m,)`` stress.
        """
        places, values = np.empty((len(target), 2)), np.empty(len(target))
        for start in range(0, len(target), CHUNK):
            part = slice(start, start + CHUNK)
            wanted = target[part]
            weights = np.broadcast_to(self.weights, wanted.shape)
            cells = self.grid[self._on_grid(wanted, weights).argmin(axis=1)]
            tries = [self._polish(begin, wanted, weights) for begin in (near[part], cells)]
            # a landmark stays where it is if another place is as good
            better = tries[1][1] < tries[0][1]
            places[part] = np.where(better[:, None], tries[1][0], tries[0][0])
            values[part] = np.where(better, tries[1][1], tries[0][1])
        return places, values

    def better_place(self, number: int, target: Floats, gain: float) -> Floats | None:
        """``(2,)`` where landmark ``number`` has less stress with the others, or ``None``."""
        weights = self.weights[None].copy()
        weights[0, number] = 0.0
        wanted = target[None]
        here = self._stress(self.positions[number : number + 1], wanted, weights)[0]
        cell = self.grid[self._on_grid(wanted, weights).argmin(axis=1)]
        place, value = self._polish(cell, wanted, weights)
        return place[0] if value[0] < here * (1 - gain) else None

    def move(self, number: int, place: Floats) -> None:
        self.positions[number] = place
        self._table[:, number] = self.low(squared_distances(self.grid, place[None]))[:, 0]

    def _on_grid(self, target: Floats, weights: Floats) -> Floats:
        """``(m, cells)`` stress, but for a constant of each point."""
        return weights @ (self._table**2).T - 2 * (weights * target) @ self._table.T

    def _stress(self, places: Floats, target: Floats, weights: Floats) -> Floats:
        found: Floats = (weights * (self.low(squared_distances(places, self.positions)) - target) ** 2).sum(
            axis=1
        )
        return found

    def _polish(self, places: Floats, target: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Levenberg-Marquardt of many points at once; no point ends higher than it began."""
        places = places.copy()
        values = self._stress(places, target, weights)
        damping = np.full(len(places), 1e-3)
        active = np.arange(len(places))
        for _ in range(STEPS):
            x, wanted, w = places[active], target[active], weights[active]
            vectors = x[:, None] - self.positions
            found, slope = self.low.with_slope(np.square(vectors).sum(axis=-1))
            jacobian = slope[..., None] * vectors
            downhill = -np.einsum("mn,mnx->mx", w * (found - wanted), jacobian)
            curvature = np.einsum("mn,mnx,mny->mxy", w, jacobian, jacobian, optimize=True)
            size = np.trace(curvature, axis1=1, axis2=2) * damping[active] + 1e-300
            tried = (
                x + np.linalg.solve(curvature + size[:, None, None] * np.eye(2), downhill[..., None])[..., 0]
            )
            new = self._stress(tried, wanted, w)
            better = new < values[active]
            gained = values[active] - new > 1e-12 * values[active]
            places[active[better]], values[active[better]] = tried[better], new[better]
            damping[active] = np.where(better, damping[active] * 0.2, damping[active] * 8).clip(1e-12, 1e6)
            active = active[(better & gained) | (~better & (damping[active] < 1e5))]
            if not len(active):
                break
        return places, values
