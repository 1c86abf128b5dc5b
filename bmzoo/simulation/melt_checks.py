"""Is a melt physically sound? Rings, hands, bonds, density, temperature, torsions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.periodic import neighbour_pairs
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.stereo import hands
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST_BOND = 1.2
"""In units of the bond's length in the force field."""
TRANS = np.radians(120.0)
"""A torsion further from cis than this is trans."""


def check_structure(topology: Topology, positions: Floats, boxes: Floats) -> dict[str, Any]:
    """Rings, hands and bonds of every frame.

    Args:
        positions: ``(n_frames, n_atoms, 3)`` nm, molecules whole.
        boxes: ``(n_frames, 3, 3)`` nm.

    Raises:
        InputError: a pierced ring, a stereocentre of the wrong hand, an overlong bond.
    """
    longest = longest_bond(topology, positions)
    wrong = wrong_hands(topology.graph, positions)
    pierced = sum(
        count_pierced_rings(topology.graph, x, box) for x, box in zip(positions, boxes, strict=True)
    )
    if longest > LONGEST_BOND:
        raise _unsound(f"a bond is {longest:.2f} times as long as it should be")
    if wrong:
        raise _unsound(f"{wrong} stereocentres have the wrong hand")
    if pierced:
        raise _unsound(f"{pierced} rings are pierced by a bond")
    return {"pierced_rings": pierced, "wrong_stereocentres": wrong, "longest_bond_over_r0": round(longest, 4)}


def check_state(
    log: Sequence[dict[str, Any]], temperature: float, density: float, tolerance: float
) -> dict[str, Any]:
    """Means of density (kg/m3) and temperature (K) over the production stage of a log.

    Raises:
        InputError: if one of them is off by more than ``tolerance`` (relative).
    """
    produced = [record for record in log if record["stage"] == "produce"]
    found = {}
    for name, target in (("temperature", temperature), ("density", density)):
        values = np.array([record[name] for record in produced])
        if abs(values.mean() / target - 1) > tolerance:
            raise _unsound(
                f"the mean {name} is {values.mean():.1f} instead of {target:.1f}, off by more than "
                f"{100 * tolerance:.0f} %"
            )
        halves = [part for part in np.array_split(values, 2) if len(part)]
        found[name] = {
            "mean": round(float(values.mean()), 2),
            "sd": round(float(values.std()), 2),
            "mean_of_halves": [round(float(half.mean()), 2) for half in halves],
            "target": target,
        }
    return found


def longest_bond(topology: Topology, positions: Floats) -> float:
    """The largest ratio of a bond to its length in the force field."""
    field = topology.force_field
    if field is None:
        raise InputError(f"{topology.graph.name} has no force field to compare bonds with")
    x = positions.reshape(-1, topology.n_atoms, 3)
    lengths = np.linalg.norm(x[:, field.bonds[:, 0]] - x[:, field.bonds[:, 1]], axis=2)
    return float((lengths / field.bond_r0).max())


def wrong_hands(graph: MolecularGraph, positions: Floats) -> int:
    """Stereocentres, over all molecules and frames, that are not as ``graph.chirality`` asks."""
    found = hands(positions.reshape(-1, graph.n_atoms, 3), graph.stereocentres)
    return int(((found != graph.chirality) & (graph.chirality != 0)).sum())


def count_pierced_rings(graph: MolecularGraph, positions: Floats, box: Floats) -> int:
    """Rings with a bond (not their own) through them.

    Args:
        positions: ``(n_molecules * n_atoms, 3)`` nm, molecules whole.
    """
    if not graph.rings:
        return 0
    n_molecules = len(positions) // graph.n_atoms
    shifts = np.arange(n_molecules) * graph.n_atoms
    bonds = (graph.bonds + shifts[:, None, None]).reshape(-1, 2)
    ends = positions[bonds]
    middles = ends.mean(axis=1)
    half_bond = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).max() / 2
    pierced = 0
    for size in {len(ring) for ring in graph.rings}:
        local = np.array([ring for ring in graph.rings if len(ring) == size])
        rings = (local + shifts[:, None, None]).reshape(-1, size)
        corners = positions[rings]
        centres = corners.mean(axis=1)
        radius = np.linalg.norm(corners - centres[:, None], axis=2).max()
        near = neighbour_pairs(centres, box, radius + half_bond, other=middles)
        ring, bond = near.first, near.second
        apart = ~(rings[ring][:, :, None] == bonds[bond][:, None, :]).any(axis=(1, 2))
        ring, bond, vectors = ring[apart], bond[apart], near.vectors[apart]
        offsets = ends[bond] - middles[bond][:, None] + vectors[:, None]
        through = _pierces(corners[ring] - centres[ring][:, None], offsets)
        pierced += len(np.unique(ring[through]))
    return pierced


def trans_fraction(positions: Floats, backbone: Ints) -> float:
    """Share of trans torsions along the main chain.

    Args:
        positions: ``(..., n_atoms, 3)`` of whole molecules.
        backbone: its atoms in order.
    """
    steps = np.diff(positions[..., backbone, :], axis=-2)
    normals = np.cross(steps[..., :-1, :], steps[..., 1:, :])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    cosines = (normals[..., :-1, :] * normals[..., 1:, :]).sum(axis=-1)
    return float((cosines < np.cos(TRANS)).mean())


def _pierces(corners: Floats, ends: Floats) -> NDArray[np.bool_]:
    """Whether segments cross the polygons around the origin, ``(n, m, 3)`` and ``(n, 2, 3)``.

    The polygon is a fan of triangles around its centre; Moeller and Trumbore, J. Graphics Tools 2, 21
    (1997).
    """
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    crossed = np.zeros(len(corners), dtype=bool)
    for i in range(corners.shape[1]):
        first, second = corners[:, i - 1], corners[:, i]
        across = np.cross(along, second)
        volume = (first * across).sum(axis=1)
        volume = np.where(np.abs(volume) < 1e-12, np.inf, volume)
        sideways = np.cross(start, first)
        u = (start * across).sum(axis=1) / volume
        v = (along * sideways).sum(axis=1) / volume
        t = (second * sideways).sum(axis=1) / volume
        crossed |= (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0) & (t <= 1) & np.isfinite(volume)
    return crossed


def _unsound(what: str) -> InputError:
    return InputError(f"the melt is not sound: {what}; build it with another --seed, or equilibrate longer")
