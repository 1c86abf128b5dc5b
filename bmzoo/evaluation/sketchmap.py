"""Sketch-map: a map of many-dimensional points on which near stays near and far stays far.

Ceriotti, Tribello, Parrinello, PNAS 108, 13023 (2011); landmarks and projection: J. Chem. Theory
Comput. 9, 1521 (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.evaluation.placing import Placer, squared_distances
from bmzoo.evaluation.sigmoid import Sigmoid
from bmzoo.simulation.resampling import farthest_points

Floats = NDArray[np.float64]
HIGH, LOW = (4.0, 4.0), (2.0, 2.0)
"""Exponents of F and f. Thermal noise in many dimensions leaves few small distances, which F makes vanish;
in the plane they are common, so f takes them more seriously."""
ROUNDS, ITERATIONS = 25, 400
GAIN = 1e-6
"""A landmark moves to another place only if this share of its own stress is gained."""


@dataclass(frozen=True, eq=False)
class SketchMap:
    """A fitted map. Get it from :func:`fit_sketch_map`.

    Attributes:
        landmarks: ``(n, d)`` points.
        weights: ``(n,)`` share of all points that each landmark stands for.
        positions: ``(n, 2)`` of the landmarks on the map.
        high, low: F and f.
        history: stress after every step that was taken; never rises.
    """

    landmarks: Floats
    weights: Floats
    positions: Floats
    high: Sigmoid
    low: Sigmoid
    history: Floats

    @property
    def stress(self) -> float:
        return float(self.history[-1])

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Places further points, each by itself, where its stress with the landmarks is lowest.

        Args:
            points: ``(m, d)``.

        Returns:
            ``(m, 2)`` positions and ``(m,)`` residual stress, a root mean square difference of sigmoids.

        Raises:
            InputError: another number of dimensions.
        """
        points = np.asarray(points, dtype=np.float64).reshape(-1, np.shape(points)[-1])
        if points.shape[1] != self.landmarks.shape[1]:
            raise InputError(
                f"points of {points.shape[1]} dimensions do not belong on a map of {self.landmarks.shape[1]}"
            )
        squared = squared_distances(points, self.landmarks)
        placer = Placer(self.positions, self.weights, self.low)
        places, stress = placer.place(self.high(squared), self.positions[squared.argmin(axis=1)])
        return places, np.sqrt(stress)


def fit_sketch_map(
    points: Floats,
    *,
    n_landmarks: int = 200,
    sigma: float | None = None,
    high: tuple[float, float] = HIGH,
    low: tuple[float, float] = LOW,
    seed: int = 0,
) -> SketchMap:
    """Fits a map to points.

    Landmarks are chosen by farthest-point sampling from a random one, and weighted by their Voronoi
    polyhedra. They start from classical scaling; then L-BFGS on all of them and a search of the whole map
    for every single one alternate until none finds a better place.

    Args:
        points: ``(n, d)``.
        n_landmarks: at most so many; fewer where points coincide.
        sigma: distance at which points are half-way apart; the weighted median distance of landmarks
            where not given.
        high, low: exponents ``(a, b)`` of F, of the distances between points, and f, on the map.
        seed: of the first landmark.

    Raises:
        InputError: fewer than four different points, or some that are not finite.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise InputError("a sketch-map needs a table of finite numbers, a row a point")
    chosen, weights = choose_landmarks(points, n_landmarks, seed)
    if len(chosen) < 4:
        raise InputError(f"a sketch-map needs four different points, there are {len(chosen)}")
    landmarks = points[chosen]
    squared = squared_distances(landmarks, landmarks)
    scale = sigma if sigma is not None else weighted_median_distance(squared, weights)
    big, small = Sigmoid(scale, *high), Sigmoid(scale, *low)
    positions, history = _optimise(big(squared), weights, classical_scaling(squared), small)
    return SketchMap(landmarks, weights, positions, big, small, history)


def choose_landmarks(points: Floats, count: int, seed: int) -> tuple[NDArray[np.int64], Floats]:
    """``(n,)`` indices of landmarks far apart among ``(m, d)`` points, and ``(n,)`` shares of points
    nearest to each."""
    first = int(np.random.default_rng(seed).integers(len(points)))
    chosen = farthest_points(points, count, first)
    nearest = squared_distances(points, points[chosen]).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(chosen)) / len(points)
    # where points coincide, only the first of them has a polyhedron
    return chosen[shares > 0], shares[shares > 0]


def weighted_median_distance(squared: Floats, weights: Floats) -> float:
    """Half of the pairs of points are nearer; ``squared`` is ``(n, n)``, weights ``(n,)``: landmarks stand
    for the points nearest to them."""
    i, j = np.triu_indices(len(squared), 1)
    order = np.argsort(squared[i, j])
    share = np.cumsum((weights[i] * weights[j])[order])
    return float(np.sqrt(squared[i, j][order][np.searchsorted(share, share[-1] / 2)]))


def classical_scaling(squared: Floats) -> Floats:
    """``(n, 2)`` whose distances are as near to the given ones as a linear map allows (Torgerson 1952)."""
    n = len(squared)
    centre = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ squared @ centre)
    found: Floats = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0.0))
    # the sign of an eigenvector is arbitrary, and differs between machines
    found *= np.where(found[np.abs(found).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    return found[:, ::-1].copy()


def stress(
    positions: Floats, target: Floats, weights: Floats, low: Sigmoid, *, gradient: bool = False
) -> tuple[float, Floats]:
    """``sum w_i w_j (F_ij - f(d_ij))^2 / sum w_i w_j`` over pairs, eq. 1 of the paper, and its gradient.

    Args:
        positions: ``(n, 2)``.
        target: ``(n, n)`` F of the distances between the points.
        weights: ``(n,)``.
        gradient: an array of zeros is returned otherwise.
    """
    pairs = weights[:, None] * weights
    np.fill_diagonal(pairs, 0.0)
    pairs /= pairs.sum()
    squared = squared_distances(positions, positions)
    if not gradient:
        return float((pairs * (target - low(squared)) ** 2).sum()), np.zeros_like(positions)
    found, slope = low.with_slope(squared)
    difference = found - target
    pull = 4 * pairs * difference * slope
    forces = pull.sum(axis=1)[:, None] * positions - pull @ positions
    return float((pairs * difference**2).sum()), forces


def _optimise(target: Floats, weights: Floats, start: Floats, low: Sigmoid) -> tuple[Floats, Floats]:
    """Positions, and the stress after every step."""
    from scipy.optimize import minimize

    history = [stress(start, target, weights, low)[0]]

    def function(flat: Floats) -> tuple[float, Floats]:
        value, slope = stress(flat.reshape(start.shape), target, weights, low, gradient=True)
        return value, slope.ravel()

    positions = start
    for _ in range(ROUNDS):
        options = {"maxiter": ITERATIONS, "maxcor": 20, "ftol": 1e-14, "gtol": 1e-10}

        def note(intermediate_result: object) -> None:
            history.append(float(intermediate_result.fun))  # type: ignore[attr-defined]

        found = minimize(
            function, positions.ravel(), jac=True, method="L-BFGS-B", options=options, callback=note
        )
        if found.fun <= history[-1]:
            positions = found.x.reshape(start.shape)
        positions, moved = _search(positions, target, weights, low)
        if not moved:
            break
        history.append(stress(positions, target, weights, low)[0])
    return positions, np.array(history)


def _search(positions: Floats, target: Floats, weights: Floats, low: Sigmoid) -> tuple[Floats, int]:
    """Tries the whole map for every landmark in turn; positions, and how many of them moved."""
    placer = Placer(positions, weights, low)
    moved = 0
    for number in range(len(positions)):
        better = placer.better_place(number, target[number], GAIN)
        if better is not None:
            placer.move(number, better)
            moved += 1
    return placer.positions, moved
