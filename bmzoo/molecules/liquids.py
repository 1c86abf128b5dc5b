"""Octane and cumene, coarse-grained like polystyrene, from which it can be learned; and tetracosane.

Atoms of octane and cumene are numbered, owned and weighted as in the snapshots published with Stieffenhofer,
Bereau, Wand, APL Materials 9, 031107 (2021). Bead type A is the backbone of polystyrene (CH2 and half of both
neighbouring carbons; a bead that begins a molecule sits on its methyl carbon), B is its phenyl.
Tetracosane has the beads of Martini (:mod:`bmzoo.molecules.martini_alkane`), four carbons each.
Force field: OPLS-AA (:mod:`bmzoo.molecules.opls`).
"""

from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType

import numpy as np
from scipy.sparse import csr_array

from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping
from bmzoo.molecules.opls import build_force_field
from bmzoo.molecules.topology import Topology

MASSES = {"C": 12.011, "C_AR": 12.011, "H": 1.008, "H_AR": 1.008}

OCTANE_CHAIN = (1, 4, 7, 10, 13, 16, 19, 22)
"""Its carbons along the chain; hydrogens follow their carbon, but the first comes before."""
OCTANE_OWNERS = (0,) * 7 + (1,) * 6 + (2,) * 6 + (3,) * 7

CUMENE_RING = (1, 2, 4, 6, 7, 9)
"""Ring carbons around the ring; the fourth is the ipso carbon."""
CUMENE_IPSO, CUMENE_METHINE = 6, 11
CUMENE_METHYLS = (13, 17)
CUMENE_OWNERS = (1,) * 11 + (0,) * 6 + (2,) * 4

TETRACOSANE_CHAIN = tuple(range(1, 73, 3))
"""Numbered as octane is."""
CARBONS_A_BEAD = 4

CHAINS = MappingProxyType({"octane": OCTANE_CHAIN, "tcs": TETRACOSANE_CHAIN})
"""Carbons of the alkanes from end to end."""
DIELECTRIC = {"octane": 1.9, "cumene": 2.4, "tcs": 2.0}
"""Static dielectric constants of the liquids, for the reaction field."""


def build_topology(name: str, temperature: float) -> Topology:
    """Graph, mapping and force field of ``octane``, ``cumene`` or ``tcs``."""
    graph, mapping = _MOLECULES[name]()
    return Topology(graph, mapping, build_force_field(graph, reaction_field=DIELECTRIC[name]), temperature)


def octane() -> tuple[MolecularGraph, Mapping]:
    """CH3-(CH2)6-CH3, 26 atoms, four beads of type A.

    Bead 1 is the first methyl carbon. Beads 2 to 4 are the centre of mass of a CH2 and half of both
    neighbours; the last hydrogen of the last methyl counts for nothing, as the one that ends a
    polystyrene chain.
    """
    graph = _alkane("OCT", OCTANE_CHAIN)
    weights = np.zeros((4, graph.n_atoms))
    weights[0, OCTANE_CHAIN[0]] = MASSES["C"]
    for bead in (1, 2, 3):
        for place, share in ((2 * bead - 1, 0.5), (2 * bead, 1.0), (2 * bead + 1, 0.5)):
            group = OCTANE_CHAIN[place] + np.arange(3)
            weights[bead, group] = share * graph.masses[group]
    return graph, _mapping(graph, ("A1", "A2", "A3", "A4"), weights, OCTANE_OWNERS)


def tetracosane() -> tuple[MolecularGraph, Mapping]:
    """CH3-(CH2)22-CH3, 74 atoms, six beads of type C1: the centres of mass of four carbons each."""
    graph = _alkane("TCS", TETRACOSANE_CHAIN)
    carbons = np.clip((np.arange(graph.n_atoms) - 1) // 3, 0, len(TETRACOSANE_CHAIN) - 1)
    owners = carbons // CARBONS_A_BEAD
    weights = np.where(owners == np.arange(6)[:, None], graph.masses, 0.0)
    names = tuple(f"C{i + 1}" for i in range(6))
    return graph, _mapping(graph, names, weights, tuple(owners.tolist()), ("C1",) * 6)


def cumene() -> tuple[MolecularGraph, Mapping]:
    """C6H5-CH(CH3)2, 21 atoms, beads A-B-A: both methyl carbons, and the centre of mass of C6H5.

    The first methyl's bead owns the CH, as the first bead of a polystyrene chain does.
    """
    ring = CUMENE_RING
    phenyl = ("H_AR", "C_AR", "C_AR", "H_AR", "C_AR", "H_AR", "C_AR", "C_AR", "H_AR", "C_AR", "H_AR")
    types = (*phenyl, "C", "H", *("C", "H", "H", "H") * 2)
    bonds = [(ring[i - 1], ring[i]) for i in range(6)]
    bonds += [(1, 0), (2, 3), (4, 5), (7, 8), (9, 10), (CUMENE_IPSO, CUMENE_METHINE), (CUMENE_METHINE, 12)]
    for methyl in CUMENE_METHYLS:
        bonds += [(CUMENE_METHINE, methyl), *((methyl, methyl + h) for h in (1, 2, 3))]
    graph = _graph("CUM", types, bonds)
    weights = np.zeros((3, graph.n_atoms))
    weights[[0, 2], CUMENE_METHYLS] = MASSES["C"]
    weights[1, : len(phenyl)] = graph.masses[: len(phenyl)]
    return graph, _mapping(graph, ("A1", "B1", "A2"), weights, CUMENE_OWNERS)


_MOLECULES = {"octane": octane, "cumene": cumene, "tcs": tetracosane}


def _alkane(name: str, chain: tuple[int, ...]) -> MolecularGraph:
    """A hydrogen, then every carbon followed by two of its hydrogens, and the last hydrogen."""
    last = chain[-1]
    types = ("H", *("C", "H", "H") * len(chain), "H")
    hydrogens = [(c, h) for c in chain for h in (c + 1, c + 2)]
    return _graph(name, types, [*pairwise(chain), *hydrogens, (chain[0], 0), (last, last + 3)])


def _graph(name: str, types: tuple[str, ...], bonds: list[tuple[int, int]]) -> MolecularGraph:
    elements = tuple(t[0] for t in types)
    return MolecularGraph(
        name=name,
        elements=elements,
        names=tuple(f"{e}{i + 1}" for i, e in enumerate(elements)),
        types=types,
        masses=np.array([MASSES[t] for t in types]),
        bonds=np.array(bonds, dtype=np.int64),
        residue_ids=np.ones(len(types), dtype=np.int64),
        residue_names=(name,) * len(types),
    )


def _mapping(
    graph: MolecularGraph,
    names: tuple[str, ...],
    weights: np.ndarray,
    owners: tuple[int, ...],
    types: tuple[str, ...] | None = None,
) -> Mapping:
    n_beads = len(names)
    return Mapping(
        molecule=graph.name,
        bead_names=names,
        bead_types=types or tuple(name[0] for name in names),
        weights=csr_array(weights),
        owners=np.array(owners, dtype=np.int64),
        bonds=np.array([(i, i + 1) for i in range(n_beads - 1)], dtype=np.int64),
        source="bmzoo.molecules.liquids",
    )
