"""The nearest points in any periodic box, or without one."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.frames.lattice import perpendicular_widths

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Nearest(NamedTuple):
    """The nearest points of every point, itself among them, nearest first.

    Attributes:
        points: ``(n, k)`` points, -1 where there are no more within the cutoff.
        shifts: ``(n, k, 3)`` nm to add to their positions; 0 where there is none.
    """

    points: Ints
    shifts: Floats


def nearest(points: Floats, box: Floats | None, k: int, cutoff: float) -> Nearest:
    """The ``k`` nearest points within the cutoff, the point itself (at distance 0) among them.

    Every periodic image counts as a point, so narrow and skewed boxes are no exception.

    Args:
        points: ``(n, 3)`` nm, anywhere.
        box: ``(3, 3)`` nm or ``None``.
        cutoff: nm.
    """
    from scipy.spatial import cKDTree

    n = len(points)
    if box is None:
        every, origin, moved, inside = points, np.arange(n), np.zeros((n, 3)), points
    else:
        every, origin, moved, inside = images(points, box, cutoff)
    _, found = cKDTree(every).query(inside, k=np.arange(1, k + 1), distance_upper_bound=cutoff)
    there = found < len(every)
    found = np.where(there, found, 0)
    shifts = (moved[found] - moved[:n, None]) * there[..., None]
    return Nearest(np.where(there, origin[found], -1), shifts)


def images(points: Floats, box: Floats, cutoff: float) -> tuple[Floats, Ints, Floats, Floats]:
    """All images in the cell and in a shell around it: first the points themselves, in the cell.

    Returns:
        Images, which point each is of, by how much it is shifted from there, and the points in the cell.
    """
    inverse = np.linalg.inv(box)
    fractions = points @ inverse
    cells = -np.floor(fractions)
    fractions += cells
    into_cell = cells @ box
    inside = points + into_cell
    rim = cutoff / perpendicular_widths(box)
    reach = np.ceil(rim).astype(int)
    positions, origin, moved = [inside], [np.arange(len(points))], [into_cell]
    for step in product(*(range(-r, r + 1) for r in reach)):
        if not any(step):
            continue
        where = fractions + step
        kept = np.flatnonzero(((where > -rim) & (where < 1 + rim)).all(1))
        shift = np.array(step, dtype=float) @ box
        positions.append(inside[kept] + shift)
        origin.append(kept)
        moved.append(into_cell[kept] + shift)
    return np.concatenate(positions), np.concatenate(origin), np.concatenate(moved), inside
