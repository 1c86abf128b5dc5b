"""Lattices of periodic boxes: volume, widths, and the nearest image in any of them.

Boxes are ``(3, 3)`` nm with the lattice vectors as rows; they need not be lower triangular.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmzoo.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEIGHBOUR_CELLS = np.array([c for c in product((-1, 0, 1), repeat=3) if any(c)])


def as_box(box: ArrayLike) -> Floats:
    """The box as ``(3, 3)`` float64; three lengths are an orthorhombic one.

    Raises:
        InputError: another shape, a number that is not finite, or a box without volume.
    """
    rows = np.asarray(box, dtype=np.float64)
    if rows.shape == (3,):
        rows = np.diag(rows)
    if rows.shape != (3, 3) or not np.isfinite(rows).all():
        raise InputError(
            f"a box needs 3 x 3 finite numbers (rows are lattice vectors, nm), not {rows.tolist()}"
        )
    lengths = np.linalg.norm(rows, axis=1)
    if lengths.min() <= 0 or abs(np.linalg.det(rows)) < 1e-6 * lengths.prod():
        raise InputError(
            f"the box {rows.round(4).tolist()} has no volume; give three independent lattice vectors"
        )
    return rows


def box_volume(box: ArrayLike) -> float:
    """Volume in nm^3 of a ``(3, 3)`` box in nm."""
    return float(abs(np.linalg.det(as_box(box))))


def perpendicular_widths(box: ArrayLike) -> Floats:
    """``(3,)`` distances between opposite faces, nm: a sphere fits the cell up to the smallest."""
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(as_box(box)), axis=0))


def is_orthorhombic(box: ArrayLike) -> bool:
    """Whether the lattice vectors, rows of ``(3, 3)``, lie along x, y and z."""
    rows = np.asarray(box)
    return not np.any(rows[~np.eye(3, dtype=bool)])


def reduced_lattice(box: ArrayLike) -> Floats:
    """The Minkowski-reduced basis of the same lattice, ``(3, 3)`` nm, shortest vector first.

    In such a basis the nearest lattice point of any vector that was reduced to fractional
    coordinates within one half is one of the 27 around it. The greedy algorithm of
    Nguyen and Stehle, ACM Trans. Algorithms 5 (2009) 46, in three dimensions.
    """
    rows = as_box(box)
    while True:
        a, b, c = sorted(rows, key=np.linalg.norm)
        a, b = _gauss_reduced(a, b)
        c = c - _nearest_in_plane(c, a, b)
        if c @ c >= (b @ b) * (1 - 1e-12):
            return np.array([a, b, c])
        rows = np.array([a, b, c])


def _gauss_reduced(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    while True:
        b = b - np.rint(a @ b / (a @ a)) * a
        if b @ b >= (a @ a) * (1 - 1e-12):
            return a, b
        a, b = b, a


def _nearest_in_plane(c: Floats, a: Floats, b: Floats) -> Floats:
    plane = np.array([a, b])
    middle = np.rint(np.linalg.solve(plane @ plane.T, plane @ c))
    points = (middle + np.array(list(product((0, -1, 1), repeat=2)))) @ plane
    return np.asarray(points[np.argmin(np.linalg.norm(points - c, axis=1))])


@lru_cache(maxsize=64)
def _prepared(box: bytes) -> tuple[Floats, Floats, Floats]:
    """Reduced basis, its integer coefficients in the given basis, and the 26 cells around in nm."""
    rows = np.frombuffer(box).reshape(3, 3)
    reduced = reduced_lattice(rows)
    coefficients = np.rint(reduced @ np.linalg.inv(rows))
    return reduced, coefficients, NEIGHBOUR_CELLS @ reduced


def nearest_images(vectors: ArrayLike, box: ArrayLike) -> Ints:
    """The lattice translations that make vectors as short as possible.

    Args:
        vectors: ``(..., 3)`` nm.
        box: ``(3, 3)`` nm, of any shape and skew.

    Returns:
        ``(..., 3)`` integers k: ``vectors + k @ box`` are the shortest images.
    """
    reduced, coefficients, around = _prepared(as_box(box).tobytes())
    given = np.asarray(vectors, dtype=np.float64)
    flat = given.reshape(-1, 3)
    moves = -np.rint(flat @ np.linalg.inv(reduced))
    rest = flat + moves @ reduced
    squared = np.einsum("ij,ij->i", rest, rest)
    # below half the shortest lattice vector no other image can be shorter
    doubtful = np.flatnonzero(squared > 0.25 * (reduced[0] @ reduced[0]) * (1 - 1e-9))
    if len(doubtful):
        shifted = rest[doubtful, None] + around
        options = np.einsum("ijk,ijk->ij", shifted, shifted)
        best = options.argmin(axis=1)
        better = options[np.arange(len(doubtful)), best] < squared[doubtful] * (1 - 1e-12)
        moves[doubtful[better]] += NEIGHBOUR_CELLS[best[better]]
    return np.asarray(np.rint(moves @ coefficients), dtype=np.int64).reshape(given.shape)


def minimum_image(vectors: ArrayLike, box: ArrayLike | None) -> Floats:
    """The shortest periodic images of vectors; the vectors themselves without a box.

    Right in any cell, also where rounding fractional coordinates is not (skewed and narrow cells).

    Args:
        vectors: ``(..., 3)`` nm.
        box: ``(3, 3)`` nm or ``None``.
    """
    given = np.asarray(vectors, dtype=np.float64)
    if box is None:
        return given
    return np.asarray(given + nearest_images(given, box) @ as_box(box))


def wrap(positions: ArrayLike, box: ArrayLike | None) -> Floats:
    """Positions moved into the cell: fractional coordinates in [0, 1). ``(..., 3)`` nm."""
    given = np.asarray(positions, dtype=np.float64)
    if box is None:
        return given
    rows = as_box(box)
    fractions = given @ np.linalg.inv(rows)
    fractions -= np.floor(fractions)
    fractions[fractions >= 1.0] = 0.0
    return np.asarray(fractions @ rows)
