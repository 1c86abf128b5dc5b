"""Lengths, angles and dihedrals of many molecules at once; plain numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def lengths(x: Floats, terms: Ints) -> Floats:
    """``(..., n_terms)`` distances, in the unit of ``x`` ``(..., n_atoms, 3)``."""
    return norm(x[..., terms[:, 1], :] - x[..., terms[:, 0], :])


def angles(x: Floats, terms: Ints) -> Floats:
    """``(..., n_terms)`` angles i-j-k in radian, 0 to pi."""
    a = x[..., terms[:, 0], :] - x[..., terms[:, 1], :]
    b = x[..., terms[:, 2], :] - x[..., terms[:, 1], :]
    cosine = dot(a, b) / np.maximum(norm(a) * norm(b), 1e-30)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def dihedrals(x: Floats, terms: Ints) -> Floats:
    """``(..., n_terms)`` dihedrals i-j-k-l in radian, -pi to pi, trans = pi (IUPAC)."""
    b1 = x[..., terms[:, 1], :] - x[..., terms[:, 0], :]
    b2 = x[..., terms[:, 2], :] - x[..., terms[:, 1], :]
    b3 = x[..., terms[:, 3], :] - x[..., terms[:, 2], :]
    n1, n2 = cross(b1, b2), cross(b2, b3)
    return np.arctan2(dot(b1, n2) * norm(b2), dot(n1, n2))


def dot(a: Floats, b: Floats) -> Floats:
    """``(...)`` scalar products of ``(..., 3)`` vectors."""
    return np.einsum("...x,...x->...", a, b)


def norm(a: Floats) -> Floats:
    """``(...)`` lengths of ``(..., 3)`` vectors, in their unit."""
    return np.sqrt(dot(a, a))


def cross(a: Floats, b: Floats) -> Floats:
    """``(..., 3)`` cross products; several times faster than numpy.cross."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape), dtype=np.result_type(a, b))
    out[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    out[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    out[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return out


def superpose(moving: Floats, fixed: Floats) -> tuple[Floats, Floats, Floats]:
    """Rotations and translations that lay one set of points on another, least squares.

    Args:
        moving, fixed: ``(n, k, 3)``.

    Returns:
        rotation ``(n, 3, 3)`` (acting on row vectors from the right), centre of ``moving`` and of
        ``fixed`` ``(n, 1, 3)``: ``(x - centre_moving) @ rotation + centre_fixed``.
        Kabsch, Acta Cryst. A 32, 922, 1976.
    """
    a, b = moving.mean(axis=1, keepdims=True), fixed.mean(axis=1, keepdims=True)
    u, _, vt = np.linalg.svd(np.einsum("nki,nkj->nij", moving - a, fixed - b))
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    u[:, :, 2] *= sign[:, None]
    return u @ vt, a, b
