"""Ideal distances of a molecule from its graph alone: no force field, nothing learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.relaxation import Pairs
from bmzoo.molecules.covalent import bond_lengths, missing_valences
from bmzoo.molecules.graph import MolecularGraph

Floats = NDArray[np.float64]

CONTACT = {"H": 0.10, "C": 0.15, "N": 0.14, "O": 0.14}
"""Half of the smallest distance of atoms three or four bonds apart, nm (soft van der Waals)."""
TETRAHEDRAL = np.arccos(-1.0 / 3.0)

BOND_WEIGHT, ANGLE_WEIGHT, CONTACT_WEIGHT = 2.0, 1.0, 0.3


def ideal_pairs(graph: MolecularGraph) -> Pairs:
    """Bond lengths, distances across ideal angles, and least distances of atoms further apart."""
    lengths = bond_lengths(graph)
    bonds = Pairs(graph.bonds, lengths, lengths, np.full(len(lengths), BOND_WEIGHT))
    return bonds + _angle_pairs(graph, lengths) + _contact_pairs(graph)


def _angle_pairs(graph: MolecularGraph, lengths: Floats) -> Pairs:
    length = {tuple(bond): r for bond, r in zip(graph.bonds.tolist(), lengths.tolist(), strict=True)}
    angles = graph.angles
    theta = ideal_angles(graph)
    first = np.array([length[min(i, j), max(i, j)] for i, j, _ in angles.tolist()])
    second = np.array([length[min(k, j), max(k, j)] for _, j, k in angles.tolist()])
    across = np.sqrt(first**2 + second**2 - 2 * first * second * np.cos(theta))
    return Pairs(angles[:, ::2], across, across, np.full(len(angles), ANGLE_WEIGHT))


def ideal_angles(graph: MolecularGraph) -> Floats:
    """``(n_angles,)`` radian, in the order of ``graph.angles``; planar rings have their own."""
    missing = missing_valences(graph)
    central = np.array([_valence_angle(graph, atom, missing) for atom in range(graph.n_atoms)])
    inner: dict[tuple[int, int, int], float] = {}
    for ring in graph.rings:
        if len(ring) > 5:
            continue
        for left, atom, right in zip(ring[-1:] + ring[:-1], ring, ring[1:] + ring[:1], strict=True):
            inner[min(left, right), atom, max(left, right)] = np.pi * (1 - 2 / len(ring))
    flat = {atom: value for (_, atom, _), value in inner.items() if central[atom] > 2.0}
    theta = central[graph.angles[:, 1]]
    for row, (i, j, k) in enumerate(graph.angles.tolist()):
        if (i, j, k) in inner:
            theta[row] = inner[i, j, k]
        elif j in flat and graph.degrees[j] == 3:
            theta[row] = np.pi - flat[j] / 2
    return theta


def _valence_angle(graph: MolecularGraph, atom: int, missing: Floats) -> float:
    degree = int(graph.degrees[atom])
    conjugated = any(missing[n] > 0 for n in graph.neighbours[atom])
    if degree == 3 and (missing[atom] > 0 or (graph.elements[atom] in "NO" and conjugated)):
        return 2 * np.pi / 3
    if degree == 2 and missing[atom] >= 2:
        return np.pi
    if degree == 2 and missing[atom] == 1:
        return 2 * np.pi / 3
    return float(TETRAHEDRAL)


def _contact_pairs(graph: MolecularGraph) -> Pairs:
    apart = graph.topological_distances(4).tocoo()
    far = (apart.data >= 3) & (apart.row < apart.col)
    atoms = np.column_stack([apart.row[far], apart.col[far]]).astype(np.int64)
    ring_pairs = {pair for ring in graph.rings if len(ring) <= 7 for pair in _pairs_of(ring)}
    keep = np.array([tuple(pair) not in ring_pairs for pair in atoms.tolist()], dtype=bool)
    atoms = atoms[keep]
    radius = np.array([CONTACT.get(e, 0.16) for e in graph.elements])
    low = radius[atoms].sum(axis=1)
    return Pairs(atoms, low, np.full(len(low), np.inf), np.full(len(low), CONTACT_WEIGHT))


def _pairs_of(ring: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(a, b) for a in ring for b in ring if a < b]
