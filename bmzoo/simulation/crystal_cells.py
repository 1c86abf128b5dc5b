"""Unit cells of syndiotactic polystyrene, and crystals of finite chains built from them.

Both known crystals of planar chains: beta, P2(1)2(1)2(1), four chains (Chatani et al., Polymer 34, 1620,
1993; De Rosa et al., Polymer 33, 1423, 1992), and alpha, P3, nine chains in three triplets (De Rosa,
Macromolecules 29, 8460, 1996). The groups and the chain are the literature's; where the chains stand in
the cell is the lowest energy of rigid chains in our force field under that symmetry.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules import polystyrene as ps
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.simulation.polystyrene_chain import chain_from_torsions

Floats = NDArray[np.float64]

LAYER = 2.78
"""nm along the chains: ten monomers and a gap."""

ALPHA_TRIPLETS = ((0.2815, 0.323, 0.237), (0.2739, 0.027, -0.219), (0.2765, 1.835, -0.225))
"""Of each triplet: distance of the chains from its axis (nm), direction of the first of them from there
and how far its setting is turned out of it (radian)."""


@dataclass(frozen=True)
class Column:
    """A stack of all-trans chains.

    Attributes:
        at: ``(x, y)`` of its axis, in fractions of the cell.
        setting: radian; direction in which the CH carbons stand out of the axis.
        phase: height of a CH whose phenyl is on the left when one looks in that direction, in fractions
            of the chain's period.
    """

    at: tuple[float, float]
    setting: float
    phase: float


@dataclass(frozen=True)
class UnitCell:
    """Edges a and b in nm, the angle between them in degrees, and what stands in the cell."""

    a: float
    b: float
    gamma: float
    columns: tuple[Column, ...]

    @property
    def edges(self) -> Floats:
        """``(2, 2)`` nm, rows are a and b."""
        gamma = np.radians(self.gamma)
        return np.array([[self.a, 0.0], [self.b * np.cos(gamma), self.b * np.sin(gamma)]])


def beta_cell() -> UnitCell:
    """P2(1)2(1)2(1). A chain is its own mirror image along its axis, so that all of them can point up."""
    x, y, setting, phase = 0.379, 0.070, 1.024, 0.297
    columns = (
        Column((x, y), setting, phase),
        Column((0.5 - x, -y), setting + np.pi, phase + 0.5),
        Column((-x, 0.5 + y), np.pi - setting, -phase),
        Column((0.5 + x, 0.5 - y), -setting, -phase - 0.5),
    )
    return UnitCell(0.872, 2.80, 90.0, columns)


def alpha_cell() -> UnitCell:
    """P3: triplets of chains, back to back, around the three threefold axes of the cell."""
    columns = []
    a = 2.60
    axes = ((0.0, 0.0), (1 / 3, 2 / 3), (2 / 3, 1 / 3))
    for axis, (radius, azimuth, twist) in zip(axes, ALPHA_TRIPLETS, strict=True):
        for turn in range(3):
            around = azimuth + turn * 2 * np.pi / 3
            x, y = radius / a * np.cos(around), radius / a * np.sin(around)
            # from Cartesian to hexagonal axes 120 degrees apart
            at = (axis[0] + x + y / np.sqrt(3), axis[1] + y * 2 / np.sqrt(3))
            columns.append(Column(at, around + twist, 0.0))
    return UnitCell(a, a, 120.0, tuple(columns))


CELLS = MappingProxyType({"alpha": alpha_cell, "beta": beta_cell})


def build_crystal(graph: MolecularGraph, cell: UnitCell, repeats: tuple[int, int]) -> tuple[Floats, Floats]:
    """A layer of chains, ``repeats`` cells along a and b, one chain high.

    Returns:
        Positions ``(n_chains * n_atoms, 3)`` and the box ``(3, 3)``, nm.
    """
    chain, period, left_first = standing_chain(graph)
    edges, middle = cell.edges, chain[:, 2].mean()
    chains = []
    for i, j in np.ndindex(repeats):
        for column in cell.columns:
            phase = column.phase + (0.0 if left_first else 0.5)
            height = period * phase
            height -= period * np.round((height + middle - LAYER / 2) / period)
            c, s = np.cos(column.setting), np.sin(column.setting)
            turned = chain @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
            x, y = np.add(column.at, (i, j)) @ edges
            chains.append(np.add(turned, (x, y, height)))
    box = np.diag([0.0, 0.0, LAYER])
    box[:2, :2] = edges * np.array(repeats)[:, None]
    return np.concatenate(chains), box


def standing_chain(graph: MolecularGraph) -> tuple[Floats, float, bool]:
    """An all-trans chain along z whose CH carbons stand out towards x, the first of them at height 0.

    Returns:
        Positions ``(n_atoms, 3)`` nm, the period in nm (two monomers), and whether the first phenyl is on
        the left (y > 0).
    """
    ends = []
    for end in (np.pi / 3, -np.pi / 3):
        chain = _stand(chain_from_torsions(graph, np.full(17, np.pi), np.random.default_rng(0), end=end))
        ipso = chain[ps.IPSO :: ps.MONOMER][: ps.N_MONOMERS]
        # the last phenyl, on a CH2, has to stand where the one before the last but one stands
        ends.append((float(np.linalg.norm(ipso[-1, :2] - ipso[-3, :2])), chain))
    chain = min(ends, key=lambda found: found[0])[1]
    methines = chain[np.array(ps.backbone())[1:-1:2]]
    period = 2.0 * float(methines[-1, 2] - methines[0, 2]) / (len(methines) - 1)
    return chain, period, bool(chain[ps.IPSO, 1] > 0)


def _stand(chain: Floats) -> Floats:
    backbone = chain[np.array(ps.backbone())]
    methines, methylenes = backbone[1:-1:2], backbone[2:-1:2]
    up = methines[-1] - methines[0]
    up /= np.linalg.norm(up)
    out = methines.mean(axis=0) - methylenes.mean(axis=0)
    out -= up * (up @ out)
    out /= np.linalg.norm(out)
    axis = (methines.mean(axis=0) + methylenes.mean(axis=0)) / 2
    origin = axis + up * (up @ (methines[0] - axis))
    stood: Floats = (chain - origin) @ np.stack([out, np.cross(up, out), up]).T
    return stood
