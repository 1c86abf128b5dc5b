"""Start conformers of polystyrene chains from ideal internal coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import pdist, squareform

from bmzoo.errors import InputError
from bmzoo.molecules import polystyrene as ps
from bmzoo.molecules.graph import MolecularGraph

Floats = NDArray[np.float64]

TETRAHEDRAL = np.radians(109.45)
BACKBONE_ANGLE = np.radians(113.0)
"""Wider than tetrahedral, as in real chains: neighbouring phenyls would touch otherwise."""
CONTACT = 0.17
"""nm; atoms more than three bonds apart may not come closer in a start conformer."""
CC, CH, C_AR, AR_H, AR_AR = 0.153, 0.110, 0.151, 0.108, 0.139


def draw_chain(
    graph: MolecularGraph, rng: np.random.Generator, *, trans_fraction: float, attempts: int = 3000
) -> Floats:
    """One conformer with the graph's tacticity and no overlaps.

    Backbone torsions are trans with probability ``trans_fraction``, else gauche of either sign.

    Returns:
        ``(n_atoms, 3)`` nm.

    Raises:
        InputError: if no conformer without overlaps was found.
    """
    n_monomers = ps.count_monomers(graph.n_atoms)
    n_torsions = 2 * n_monomers - 3
    torsions = np.array([_draw_torsion(rng, trans_fraction) for _ in range(n_torsions)])
    far = np.asarray(shortest_path(_adjacency(graph), unweighted=True)) > 3
    for _ in range(attempts):
        chain = chain_from_torsions(graph, torsions, rng)
        clash = _first_clash(chain, far)
        if clash is None:
            return chain
        low, high = (min(atom // ps.MONOMER, n_monomers - 1) for atom in clash)
        first, last = max(2 * low - 2, 0), min(2 * high + 1, n_torsions)
        torsions[rng.integers(first, max(last, first + 1))] = _draw_torsion(rng, trans_fraction)
    raise InputError(
        f"no polystyrene conformer without overlaps in {attempts} attempts at a trans fraction of "
        f"{trans_fraction}; raise the fraction"
    )


def chain_from_torsions(
    graph: MolecularGraph, torsions: Floats, rng: np.random.Generator, *, end: float | None = None
) -> Floats:
    """The chain with the given backbone torsions (radian, trans = pi), ``(n_atoms, 3)`` nm.

    ``end`` is the torsion of the last phenyl; drawn where ``None``.
    """
    chain = ps.backbone(ps.count_monomers(graph.n_atoms))
    xyz = np.zeros((graph.n_atoms, 3))
    xyz[chain[1]] = [CC, 0.0, 0.0]
    xyz[chain[2]] = xyz[chain[1]] - CC * np.array([np.cos(BACKBONE_ANGLE), np.sin(BACKBONE_ANGLE), 0])
    for i, torsion in enumerate(torsions):
        a, b, c, d = chain[i : i + 4]
        xyz[d] = _place(xyz[a], xyz[b], xyz[c], CC, BACKBONE_ANGLE, torsion)
    for i in range(1, len(chain) - 1):
        first, second = _substituents(xyz[chain[i - 1]], xyz[chain[i]], xyz[chain[i + 1]])
        if i % 2:
            _fill_methine(xyz, chain[i], first, second, int(graph.chirality[i // 2]), chain[i + 1])
        else:
            centre = chain[i]
            xyz[centre - 1], xyz[centre + 1] = xyz[centre] + CH * second, xyz[centre] + CH * first
    _fill_ends(xyz, rng.choice([np.pi, np.pi / 3, -np.pi / 3]) if end is None else end)
    return xyz


def _fill_methine(xyz: Floats, centre: int, first: Floats, second: Floats, hand: int, following: int) -> None:
    """Hydrogen and phenyl on the side that gives the centre its hand."""
    hydrogen = centre - ps.METHINE + ps.METHINE_H
    previous = centre - ps.METHINE + ps.METHYLENE
    sides = (first, second)
    for to_h, to_phenyl in (sides, sides[::-1]):
        a, b, c, d = xyz[previous], xyz[centre] + to_h, xyz[centre] + to_phenyl, xyz[following]
        if np.sign(_cross(b - a, c - a) @ (d - a)) == hand:
            xyz[hydrogen] = xyz[centre] + CH * to_h
            _fill_phenyl(xyz, centre, to_phenyl, to_h)


def _fill_phenyl(xyz: Floats, centre: int, direction: Floats, in_plane: Floats) -> None:
    """A flat ring along ``direction`` whose plane holds the C-H bond, its best place in polystyrene.

    It is numbered from the side away from that bond, as nine in ten of the published rings are.
    """
    across = (in_plane @ direction) * direction - in_plane
    across /= np.linalg.norm(across)
    middle = xyz[centre] + (C_AR + AR_AR) * direction
    first = centre - ps.METHINE
    for turn, carbon in enumerate(ps.RING_CARBONS):
        angle = np.pi / 3 * turn
        outward = -np.cos(angle) * direction + np.sin(angle) * across
        xyz[first + carbon] = middle + AR_AR * outward
        if turn:
            xyz[first + carbon + 1] = middle + (AR_AR + AR_H) * outward


def _fill_ends(xyz: Floats, last: float) -> None:
    """The methyl group at the first carbon, and CH2-phenyl at the last one."""
    n_monomers = ps.count_monomers(len(xyz))
    chain, (first_h, last_h) = ps.backbone(n_monomers), ps.end_hydrogens(n_monomers)
    hydrogens = (first_h, chain[0] + 1, chain[0] - 1)
    for turn, atom in enumerate(hydrogens):
        xyz[atom] = _place(
            xyz[chain[2]], xyz[chain[1]], xyz[chain[0]], CH, TETRAHEDRAL, np.pi + 2 * np.pi / 3 * turn
        )
    end = chain[-1]
    around = [
        _place(xyz[chain[-3]], xyz[chain[-2]], xyz[end], 1.0, TETRAHEDRAL, last - 2 * np.pi / 3 * turn)
        - xyz[end]
        for turn in range(3)
    ]
    xyz[end - ps.METHINE + ps.METHINE_H] = xyz[end] + CH * around[1]
    xyz[last_h] = xyz[end] + CH * around[2]
    _fill_phenyl(xyz, end, around[0], around[1])


def _place(a: Floats, b: Floats, c: Floats, distance: float, angle: float, torsion: float) -> Floats:
    """The atom d with |cd|, angle bcd and torsion abcd (IUPAC sign)."""
    along = (c - b) / np.linalg.norm(c - b)
    normal = _cross(b - a, along)
    normal /= np.linalg.norm(normal)
    sideways = _cross(normal, along)
    placed: Floats = c + distance * (
        -np.cos(angle) * along + np.sin(angle) * (np.cos(torsion) * sideways + np.sin(torsion) * normal)
    )
    return placed


def _substituents(before: Floats, centre: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Directions of the two other neighbours of a tetrahedral atom."""
    u = (before - centre) / np.linalg.norm(before - centre)
    v = (after - centre) / np.linalg.norm(after - centre)
    away = -(u + v) / np.linalg.norm(u + v)
    side = _cross(u, v) / np.linalg.norm(_cross(u, v))
    half = TETRAHEDRAL / 2
    return np.cos(half) * away + np.sin(half) * side, np.cos(half) * away - np.sin(half) * side


def _cross(a: Floats, b: Floats) -> Floats:
    """numpy's takes ten times as long for two vectors."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _draw_torsion(rng: np.random.Generator, trans_fraction: float) -> float:
    centre = np.pi if rng.random() < trans_fraction else rng.choice([np.pi / 3, -np.pi / 3])
    return float(centre + rng.normal(0.0, np.radians(12.0)))


def _adjacency(graph: MolecularGraph) -> Floats:
    matrix = np.zeros((graph.n_atoms, graph.n_atoms))
    matrix[graph.bonds[:, 0], graph.bonds[:, 1]] = 1
    return matrix + matrix.T


def _first_clash(xyz: Floats, far: NDArray[np.bool_]) -> tuple[int, int] | None:
    close = np.argwhere(np.triu(far, 1) & (squareform(pdist(xyz)) < CONTACT))
    return (int(close[0, 0]), int(close[0, 1])) if len(close) else None
