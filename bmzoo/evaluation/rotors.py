"""Rotatable side-chain bonds and methyl groups of any molecule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.context import Context
from bmzoo.evaluation.distributions import farthest_atoms
from bmzoo.molecules.graph import MolecularGraph

Ints = NDArray[np.int64]
PROTEIN_BACKBONE = ("N", "CA", "C")


def dihedral_groups(context: Context) -> dict[str, Ints]:
    """Dihedrals ``(n, 4)`` by kind, one for every rotatable bond: ``side_chain``, ``methyl``."""
    graph = context.topology.graph
    backbone = backbone_atoms(context)
    methyls, side_chains = [], []
    for i, j in graph.bonds.tolist():
        for carbon, stem in ((i, j), (j, i)):
            if is_methyl(graph, carbon) and not graph.is_hydrogen[stem]:
                methyls.append(_dihedral(graph, stem, carbon))
        both = backbone[i] and backbone[j]
        in_one_ring = any(i in ring and j in ring for ring in graph.rings)
        if not both and not in_one_ring and all(_branches(graph, a, b) for a, b in ((i, j), (j, i))):
            side_chains.append(_dihedral(graph, i, j))
    found = {"side_chain": side_chains, "methyl": methyls}
    kept = {name: [row for row in rows if row is not None] for name, rows in found.items()}
    return {name: np.array(rows, dtype=np.int64) for name, rows in kept.items() if rows}


def is_methyl(graph: MolecularGraph, atom: int) -> bool:
    """A carbon with three hydrogens and one other neighbour."""
    around = graph.neighbours[atom]
    return graph.elements[atom] == "C" and len(around) == 4 and sum(graph.is_hydrogen[list(around)]) == 3


def backbone_atoms(context: Context) -> NDArray[np.bool_]:
    """``(n_atoms,)`` N, CA and C of proteins; otherwise the atoms on the longest path of heavy atoms."""
    graph = context.topology.graph
    if set(PROTEIN_BACKBONE) <= set(graph.names):
        return np.isin(graph.names, PROTEIN_BACKBONE)
    first, last, bonds = farthest_atoms(context)
    from_first, from_last = (_bonds_from(graph, atom) for atom in (first, last))
    return (from_first + from_last == bonds) & ~graph.is_hydrogen


def _bonds_from(graph: MolecularGraph, start: int) -> Ints:
    depth = np.full(graph.n_atoms, graph.n_atoms, dtype=np.int64)
    depth[start] = 0
    waiting = [start]
    for atom in waiting:
        for neighbour in graph.neighbours[atom]:
            if depth[neighbour] == graph.n_atoms:
                depth[neighbour] = depth[atom] + 1
                waiting.append(neighbour)
    return depth


def _branches(graph: MolecularGraph, atom: int, other: int) -> list[int]:
    """Heavy neighbours but one."""
    return [n for n in graph.neighbours[atom] if n != other and not graph.is_hydrogen[n]]


def _dihedral(graph: MolecularGraph, i: int, j: int) -> Sequence[int] | None:
    """One dihedral about a bond, over heavy atoms where there are any."""
    ends = []
    for atom, other in ((i, j), (j, i)):
        around = _branches(graph, atom, other) or [n for n in graph.neighbours[atom] if n != other]
        if not around:
            return None
        ends.append(min(around))
    return (ends[0], i, j, ends[1])
