"""Coarse-grained syndiotactic polystyrene: two beads a monomer, and blobs of three monomers.

Two beads a monomer: Fritz, Harmandaris, Kremer, van der Vegt, Macromolecules 42, 7579 (2009). Its A
beads (CH2 and half of both neighbouring CH) and B beads (C6H5) alternate along the chain; those of every
other monomer are mirror images, which the types tell.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from bmzoo.molecules.beads import chain_graph, merge_consecutive
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.topology import Topology

N_MONOMERS = 96
MONOMERS_A_BLOB = 3
MASSES = MappingProxyType({"A": 27.046, "B": 77.106})
"""g/mol."""
TYPES = ("A1", "B1", "A2", "B2")
"""Along the chain, over and over; the first A1 is the first bead of the mapping of ``sps``."""
MIRROR = MappingProxyType({"A1": "A2", "A2": "A1", "B1": "B2", "B2": "B1"})
BLOB = "K"
"""Type of a blob, that of a bead of the Kremer-Grest model: they stand for one another."""
TEMPERATURE = 496.0


def bead_chain(n_monomers: int = N_MONOMERS) -> MolecularGraph:
    """A chain of A and B beads."""
    types = [TYPES[i % 4] for i in range(2 * n_monomers)]
    return replace(chain_graph("PSR", types, [MASSES[t[0]] for t in types]), mirror=MIRROR)


def blob_chain(n_blobs: int = N_MONOMERS // MONOMERS_A_BLOB) -> MolecularGraph:
    """A chain of blobs of three monomers."""
    return chain_graph("PSR", (BLOB,) * n_blobs, MONOMERS_A_BLOB * sum(MASSES.values()))


def build_topology(n_monomers: int = N_MONOMERS) -> Topology:
    """A and B beads as the particles, blobs of three monomers as the beads."""
    graph = bead_chain(n_monomers)
    return Topology(graph, merge_consecutive(graph, 2 * MONOMERS_A_BLOB), None, TEMPERATURE)
