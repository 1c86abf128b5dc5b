"""Lengths and orders of bonds, from the graph alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.graph import MolecularGraph

Floats = NDArray[np.float64]

# Pyykkoe and Atsumi, Chem. Eur. J. 15, 186 and 12770 (2009): single and double bonds, nm.
SINGLE = {
    "H": 0.032, "B": 0.085, "C": 0.075, "N": 0.071, "O": 0.063, "F": 0.064, "Na": 0.155, "Mg": 0.139,
    "Si": 0.116, "P": 0.111, "S": 0.103, "Cl": 0.099, "K": 0.196, "Ca": 0.171, "Fe": 0.116, "Zn": 0.118,
    "Br": 0.114, "I": 0.133,
}  # fmt: skip
DOUBLE = {"C": 0.067, "N": 0.060, "O": 0.057, "P": 0.102, "S": 0.094}
VALENCE = {"C": 4, "N": 3, "O": 2, "Si": 4}
"""Bonds of an atom; one with fewer neighbours is unsaturated. Others count as saturated."""


def bond_lengths(graph: MolecularGraph) -> Floats:
    """``(n_bonds,)`` nm: covalent radii, between those of single and double bonds by bond order."""
    orders = bond_orders(graph)
    single = np.array([SINGLE.get(e, 0.12) for e in graph.elements])
    double = np.array([DOUBLE.get(e, SINGLE.get(e, 0.12)) for e in graph.elements])
    excess = np.clip(orders - 1.0, 0.0, 1.0)
    i, j = graph.bonds.T
    lengths: Floats = (1 - excess) * (single[i] + single[j]) + excess * (double[i] + double[j])
    return lengths


def bond_orders(graph: MolecularGraph) -> Floats:
    """``(n_bonds,)`` estimated orders: missing valences shared among unsaturated neighbours."""
    missing = missing_valences(graph)
    share = np.zeros(graph.n_atoms)
    for atom, near in enumerate(graph.neighbours):
        partners = sum(missing[n] > 0 for n in near)
        share[atom] = missing[atom] / partners if partners else 0.0
    i, j = graph.bonds.T
    orders: Floats = 1.0 + np.minimum(share[i], share[j])
    return orders


def missing_valences(graph: MolecularGraph) -> Floats:
    """``(n_atoms,)`` by how many bonds an atom falls short of its usual valence."""
    usual = np.array([VALENCE.get(e, 0) for e in graph.elements])
    found: Floats = np.maximum(usual - graph.degrees, 0).astype(np.float64)
    return found
