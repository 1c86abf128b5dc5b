"""Rings: how flat they are, and whether a bond passes through one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.geometry import cross, dot
from bmzoo.frames.periodic import neighbour_pairs
from bmzoo.molecules.graph import MolecularGraph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
REACH = 0.25
"""nm between the centre of a ring and the middle of a bond that may pass through it."""
LARGEST_RING = 8
"""Larger rings may be threaded by right."""


@dataclass(frozen=True, eq=False)
class RingTable:
    """Rings of a molecule, padded to one width.

    Attributes:
        atoms: ``(n_rings, width)``, the last atom repeated.
        sizes: ``(n_rings,)``.
        flat: ``(n_rings,)`` no atom has more than three neighbours.
        touches: ``(n_rings, n_bonds)`` whether the bond holds an atom of the ring.
    """

    atoms: Ints
    sizes: Ints
    flat: NDArray[np.bool_]
    touches: NDArray[np.bool_]


def ring_table(graph: MolecularGraph) -> RingTable:
    """The rings of up to ``LARGEST_RING`` atoms."""
    rings = [ring for ring in graph.rings if len(ring) <= LARGEST_RING]
    width = max((len(ring) for ring in rings), default=3)
    atoms = np.array([[*ring, *[ring[-1]] * (width - len(ring))] for ring in rings], dtype=np.int64)
    flat = np.array([all(graph.degrees[a] <= 3 for a in ring) for ring in rings], dtype=bool)
    touches = np.array([np.isin(graph.bonds, ring).any(axis=1) for ring in rings], dtype=bool)
    sizes = np.array([len(ring) for ring in rings], dtype=np.int64)
    return RingTable(atoms.reshape(-1, width), sizes, flat, touches.reshape(len(rings), len(graph.bonds)))


def out_of_plane(molecules: Floats, rings: RingTable) -> Floats:
    """Mean squared distance of ring atoms from their best plane, nm^2.

    Args:
        molecules: ``(..., n_atoms, 3)`` nm.

    Returns:
        ``(..., n_rings)``.
    """
    found = []
    for atoms, size in zip(rings.atoms, rings.sizes, strict=True):
        x = molecules[..., atoms[:size], :]
        x = x - x.mean(axis=-2, keepdims=True)
        spread = np.einsum("...ai,...aj->...ij", x, x) / size
        found.append(np.maximum(np.linalg.eigvalsh(spread)[..., 0], 0.0))
    return np.stack(found, axis=-1)


def pierced_rings(positions: Floats, box: Floats | None, rings: RingTable, bonds: Ints) -> Ints:
    """Number of bonds that pass through rings, by the ring's molecule.

    Args:
        positions: ``(n_molecules, n_atoms, 3)`` nm, molecules whole.
        box: ``(3, 3)`` nm or ``None``.

    Returns:
        ``(n_molecules,)``.
    """
    n_molecules = len(positions)
    corners = positions[:, rings.atoms]
    # Padding repeats the last atom; the centre is the mean of the real ones.
    weights = np.ones_like(rings.atoms, dtype=np.float64)
    for row, size in zip(weights, rings.sizes, strict=True):
        row[size:] = 0.0
    centres = np.einsum("mrkx,rk->mrx", corners, weights / rings.sizes[:, None])
    ends = positions[:, bonds]
    middles = ends.mean(axis=2)
    found = neighbour_pairs(centres.reshape(-1, 3), box, REACH, other=middles.reshape(-1, 3))
    molecule, ring = np.divmod(found.first, len(rings.atoms))
    bond_molecule, bond = np.divmod(found.second, len(bonds))
    direct = ~np.any(found.shifts, axis=1)
    own = (molecule == bond_molecule) & direct & rings.touches[ring, bond]
    molecule, ring, bond_molecule, bond = (a[~own] for a in (molecule, ring, bond_molecule, bond))
    middle = found.vectors[~own]
    half = (ends[bond_molecule, bond, 1] - ends[bond_molecule, bond, 0]) / 2
    fan = corners[molecule, ring] - centres[molecule, ring][:, None]
    hit = crosses_polygon(middle - half, middle + half, fan)
    return np.bincount(molecule[hit], minlength=n_molecules)


def crosses_polygon(start: Floats, end: Floats, corners: Floats) -> NDArray[np.bool_]:
    """Whether segments cross polygons, each a fan of triangles around the origin.

    Moeller and Trumbore, J. Graphics Tools 2, 21, 1997.

    Args:
        start, end: ``(n, 3)``.
        corners: ``(n, k, 3)`` around the polygon, relative to its centre.
    """
    direction = (end - start)[:, None]
    origin = start[:, None]
    edge1, edge2 = corners, np.roll(corners, -1, axis=1)
    h = cross(direction, edge2)
    determinant = dot(edge1, h)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / determinant
        u = dot(origin, h) * inverse
        q = cross(origin, edge1)
        v = dot(direction, q) * inverse
        t = dot(edge2, q) * inverse
        inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0) & (t <= 1)
    crossed: NDArray[np.bool_] = np.any(inside & (np.abs(determinant) > 1e-15), axis=1)
    return crossed
