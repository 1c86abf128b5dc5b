"""Periodic boundaries: whole molecules, molecules near their beads, neighbour lists.

What a box is, and the minimum image in it, is in :mod:`bmzoo.frames.lattice`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmzoo.errors import InputError
from bmzoo.frames.lattice import as_box, is_orthorhombic, nearest_images, wrap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class MoleculeMaker:
    """Makes molecules whole along a spanning tree of their bonds, found once.

    The first atom of every connected part stays where it is; the others move by lattice vectors only.

    Args:
        bonds: ``(n_bonds, 2)`` of one molecule.
        n_particles: atoms, or beads, of one molecule.

    Raises:
        InputError: a bond to a particle that does not exist.
    """

    def __init__(self, bonds: ArrayLike, n_particles: int) -> None:
        pairs = np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
        if len(pairs) and (pairs.min() < 0 or pairs.max() >= n_particles):
            raise InputError(f"a bond names particle {pairs.max() + 1}, but a molecule has {n_particles}")
        self.n_particles = n_particles
        self._levels = _spanning_tree(pairs, n_particles)
        self._parents = np.concatenate([np.zeros(0, dtype=np.int64), *(p for p, _ in self._levels)])
        self._children = np.concatenate([np.zeros(0, dtype=np.int64), *(c for _, c in self._levels)])

    def shifts(self, positions: ArrayLike, box: ArrayLike) -> Ints:
        """``(n_molecules, n_particles, 3)`` lattice translations that make the molecules whole."""
        x = _by_molecule(positions, self.n_particles)
        steps = np.zeros(x.shape, dtype=np.int64)
        steps[:, self._children] = nearest_images(x[:, self._children] - x[:, self._parents], box)
        for parents, children in self._levels:
            steps[:, children] += steps[:, parents]
        return steps

    def __call__(self, positions: ArrayLike, box: ArrayLike | None) -> Floats:
        """Positions with whole molecules.

        Args:
            positions: ``(n_molecules * n_particles, 3)`` nm, wrapped in any way.
            box: ``(3, 3)`` nm; without one nothing moves.

        Raises:
            InputError: if the particles are no whole number of molecules.
        """
        x = _by_molecule(positions, self.n_particles)
        if box is None:
            return x.reshape(-1, 3)
        rows = as_box(box)
        return np.asarray(x + self.shifts(x, rows) @ rows).reshape(-1, 3)


def _by_molecule(positions: ArrayLike, n_particles: int) -> Floats:
    x = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    if not n_particles or len(x) % n_particles:
        raise InputError(
            f"{len(x)} particles are no whole number of molecules of {n_particles}; "
            "check that trajectory and topology belong together"
        )
    return x.reshape(-1, n_particles, 3)


def _spanning_tree(bonds: Ints, n_particles: int) -> list[tuple[Ints, Ints]]:
    """Parents and children, level by level from the first particle of every connected part."""
    neighbours: list[list[int]] = [[] for _ in range(n_particles)]
    for i, j in bonds.tolist():
        neighbours[i].append(j)
        neighbours[j].append(i)
    depth = [-1] * n_particles
    levels: list[tuple[list[int], list[int]]] = []

    def attach(parent: int, child: int, level: int) -> None:
        depth[child] = level
        if level > len(levels):
            levels.append(([], []))
        levels[level - 1][0].append(parent)
        levels[level - 1][1].append(child)

    for root in range(n_particles):
        if depth[root] >= 0:
            continue
        depth[root] = 0
        front = [root]
        while front:
            reached = []
            for parent in front:
                for child in neighbours[parent]:
                    if depth[child] < 0:
                        attach(parent, child, depth[parent] + 1)
                        reached.append(child)
            front = reached
    return [(np.array(p, dtype=np.int64), np.array(c, dtype=np.int64)) for p, c in levels]


def nearest_image_of(positions: ArrayLike, beads: ArrayLike, box: ArrayLike | None) -> Floats:
    """Moves whole molecules by lattice vectors so that they lie near given beads.

    Args:
        positions: ``(n_molecules, n_atoms, 3)`` nm, molecules whole.
        beads: ``(n_molecules, n_beads, 3)`` nm, molecules whole.
        box: ``(3, 3)`` nm; without one nothing moves.

    Returns:
        ``(n_molecules, n_atoms, 3)``; the centres are compared, so that molecules whose atoms are
        spread very unevenly over their beads may need their own beads as ``positions`` instead.
    """
    x = np.asarray(positions, dtype=np.float64)
    if box is None:
        return x
    rows = as_box(box)
    away = x.mean(axis=1) - np.asarray(beads, dtype=np.float64).mean(axis=1)
    return np.asarray(x + (nearest_images(away, rows) @ rows)[:, None])


class NeighbourPairs(NamedTuple):
    """Pairs within a cutoff: ``vectors = x[second] + shifts @ box - x[first]``.

    Attributes:
        first, second: ``(n_pairs,)`` particles.
        shifts: ``(n_pairs, 3)`` lattice translations of the second; 0 without a box.
        vectors: ``(n_pairs, 3)`` nm.
        distances: ``(n_pairs,)`` nm.
    """

    first: Ints
    second: Ints
    shifts: Ints
    vectors: Floats
    distances: Floats


def neighbour_pairs(
    positions: ArrayLike, box: ArrayLike | None, cutoff: float, other: ArrayLike | None = None
) -> NeighbourPairs:
    """All pairs of particles, and of their periodic images, closer than a cutoff.

    Every image counts: with a cutoff above half the width of the box a pair may come several
    times, with different shifts, and a particle may be its own neighbour.

    Args:
        positions: ``(n, 3)`` nm, anywhere (not only inside the cell).
        box: ``(3, 3)`` nm or ``None``.
        cutoff: nm, above 0.
        other: ``(m, 3)`` nm: pairs between ``positions`` (first) and ``other`` (second) only.

    Returns:
        Each pair once, in no particular order; without ``other`` either end may come first.

    Raises:
        InputError: a cutoff that is not a positive number, a box without volume, positions that
            are not numbers.
    """
    if not (np.isfinite(cutoff) and cutoff > 0):
        raise InputError(f"the cutoff must be a positive number of nanometres, not {cutoff}")
    x = _finite(positions)
    y = None if other is None else _finite(other)
    if not len(x) or (y is not None and not len(y)):
        return _pairs(x, x if y is None else y, np.zeros((0, 2), dtype=np.int64), None, None)
    if box is None:
        return _tree_pairs(x, y, None, cutoff)
    rows = as_box(box)
    # the periodic tree sees one image of a particle only
    if is_orthorhombic(rows) and cutoff < 0.5 * np.abs(np.diag(rows)).min():
        return _tree_pairs(x, y, rows, cutoff)
    return _vesin_pairs(x, y, rows, cutoff)


def _finite(positions: ArrayLike) -> Floats:
    x = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    if not np.isfinite(x).all():
        bad = int(np.argmin(np.isfinite(x).all(axis=1)))
        raise InputError(f"particle {bad + 1} is at no finite position: {x[bad].tolist()}")
    return x


def _pairs(x: Floats, y: Floats, pairs: Ints, shifts: Ints | None, box: Floats | None) -> NeighbourPairs:
    first, second = pairs[:, 0], pairs[:, 1]
    vectors = y[second] - x[first]
    if shifts is None or box is None:
        shifts = np.zeros((len(pairs), 3), dtype=np.int64)
    else:
        vectors = vectors + shifts @ box
    return NeighbourPairs(first, second, shifts, vectors, np.linalg.norm(vectors, axis=1))


def _tree_pairs(x: Floats, y: Floats | None, box: Floats | None, cutoff: float) -> NeighbourPairs:
    from scipy.spatial import cKDTree

    lengths = None if box is None else np.abs(np.diag(box))

    def tree(points: Floats) -> cKDTree:
        return cKDTree(points if lengths is None else wrap(points, np.diag(lengths)), boxsize=lengths)

    if y is None:
        pairs = tree(x).query_pairs(cutoff, output_type="ndarray").astype(np.int64)
    else:
        found = tree(x).sparse_distance_matrix(tree(y), cutoff, output_type="ndarray")
        pairs = np.stack([found["i"], found["j"]], axis=1).astype(np.int64)
    ends = x if y is None else y
    if box is None:
        return _pairs(x, ends, pairs, None, None)
    difference = ends[pairs[:, 1]] - x[pairs[:, 0]]
    shifts = -np.rint(difference / np.diag(box)).astype(np.int64)
    return _pairs(x, ends, pairs, shifts, box)


def _vesin_pairs(x: Floats, y: Floats | None, box: Floats, cutoff: float) -> NeighbourPairs:
    from vesin import NeighborList

    points = x if y is None else np.concatenate([x, y])
    search = NeighborList(cutoff=cutoff, full_list=False)
    ends, cells, vectors, distances = search.compute(points, box, periodic=True, quantities="PSDd")
    first, second = ends.astype(np.int64).T
    shifts = cells.astype(np.int64)
    if y is None:
        return NeighbourPairs(first, second, shifts, vectors, distances)
    across = np.flatnonzero((first < len(x)) != (second < len(x)))
    sign = np.where(first[across] < len(x), 1, -1)[:, None]
    low, high = np.minimum(first, second)[across], np.maximum(first, second)[across]
    return NeighbourPairs(
        low, high - len(x), shifts[across] * sign, vectors[across] * sign, distances[across]
    )
