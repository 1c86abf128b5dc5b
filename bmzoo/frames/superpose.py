"""Least-squares superposition of points, many at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmzoo.errors import InputError

TIE = 1e-9
"""Weight of the identity against the points; it only decides where the points leave a choice."""


class Fit(NamedTuple):
    """What lays mobile points on the target: ``mobile @ rotation + translation[..., None, :]``.

    Attributes:
        rotation: ``(..., 3, 3)``, proper.
        translation: ``(..., 3)``.
        rmsd: ``(...)`` root mean square distance after it, weighted, in the unit of the points.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    rmsd: NDArray[np.float64]

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Moves any points ``(..., n, 3)`` along."""
        return np.asarray(np.asarray(points) @ self.rotation + self.translation[..., None, :])


def superpose(mobile: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None) -> Fit:
    """Rotations and translations with the smallest weighted RMSD; no reflections.

    Kabsch, Acta Cryst. A 32 (1976) 922, by singular value decomposition. Where the points leave
    the rotation open (one point, points on a line), it is the smallest of the best ones: one
    point is only moved, two points are turned about the axis perpendicular to both directions.

    Args:
        mobile, target: ``(..., n, 3)``, broadcast against each other; n at least 1.
        weights: ``(n,)`` or ``(..., n)``, not negative; by default all alike.

    Raises:
        InputError: different numbers of points, none at all, or weights that are not positive in sum.
    """
    x, y = np.asarray(mobile, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if x.shape[-2:] != y.shape[-2:] or x.ndim < 2 or x.shape[-1] != 3 or not x.shape[-2]:
        raise InputError(f"points of shape {x.shape} cannot be superposed on points of shape {y.shape}")
    w = np.ones(x.shape[-2]) if weights is None else np.asarray(weights, dtype=np.float64)
    totals = w.sum(axis=-1, keepdims=True)
    if (w < 0).any() or not (totals > 0).all():
        raise InputError("weights of a superposition must not be negative, nor all zero")
    w = (w / totals)[..., None]
    centre_x, centre_y = (w * x).sum(axis=-2, keepdims=True), (w * y).sum(axis=-2, keepdims=True)
    from_x, from_y = x - centre_x, y - centre_y
    rotation = _best_rotation(np.swapaxes(w * from_x, -1, -2) @ from_y)
    rest = from_x @ rotation - from_y
    rmsd = np.sqrt((w[..., 0] * (rest**2).sum(axis=-1)).sum(axis=-1))
    translation = (centre_y - centre_x @ rotation)[..., 0, :]
    return Fit(rotation, translation, rmsd)


def _best_rotation(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(..., 3, 3)`` proper rotations R that maximise ``trace(R.T @ covariance)``."""
    size = np.abs(covariance).max(axis=(-1, -2))[..., None, None]
    tied = covariance + np.where(size > 0, TIE * size, 1.0) * np.eye(3)
    u, _, vt = np.linalg.svd(tied)
    u[..., 2] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))[..., None]
    return np.asarray(u @ vt)
