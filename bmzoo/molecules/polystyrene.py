"""Chains of syndiotactic polystyrene: graph, two beads a monomer, Mueller-Plathe's force field.

Force field: Mueller-Plathe, Macromolecules 29, 4782 (1996), with the two aliphatic angles as the
GAN's authors ran it (Stieffenhofer, Wand, Bereau 2020). Coarse-grained model: two beads a monomer,
Fritz, Harmandaris, Kremer, van der Vegt, Macromolecules 42, 7579 (2009).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping
from bmzoo.molecules.topology import Topology

N_MONOMERS = 10
"""Of the published chains."""
MONOMER = 16
"""Atoms of a monomer as they are numbered: H C H (CH2), H C (CH), then the phenyl ring."""
METHYLENE, METHINE, METHINE_H, IPSO = 1, 4, 3, 5
RING_CARBONS = (5, 6, 8, 10, 12, 14)
PHENYL = tuple(range(5, 16))

Parameters = dict[tuple[str, ...], tuple[float, float]]

MASSES = {"C": 12.011, "C_AR": 12.011, "H": 1.008, "H_AR": 1.008}
LENNARD_JONES = {
    "C": (0.3207, 0.3519),
    "C_AR": (0.3550, 0.2940),
    "H": (0.2318, 0.3180),
    "H_AR": (0.2420, 0.1260),
}
BONDS: Parameters = {
    ("C", "C"): (0.153, 224262.4),
    ("C", "H"): (0.110, 284512.0),
    ("C_AR", "C_AR"): (0.139, 392459.2),
    ("C_AR", "H_AR"): (0.108, 307105.6),
    ("C", "C_AR"): (0.151, 265265.6),
}
"""nm, kJ/mol/nm2. The reference constrains every bond, so its force field gives no strength; these are
OPLS-AA's (Jorgensen, Maxwell, Tirado-Rives, JACS 118, 11225, 1996), for runs with free bonds."""
ANGLES: Parameters = {
    ("H", "C", "H"): (109.45, 306.4),
    ("C", "C", "H"): (109.45, 366.9),
    ("C", "C", "C"): (109.45, 482.3),
    ("C_AR", "C", "H"): (109.45, 366.9),
    ("C", "C", "C_AR"): (109.45, 482.3),
    ("C", "C_AR", "C_AR"): (120.0, 376.6),
    ("C_AR", "C_AR", "C_AR"): (120.0, 376.6),
    ("C_AR", "C_AR", "H_AR"): (120.0, 418.8),
}
"""degrees, kJ/mol/rad2."""
BACKBONE_TORSION = (3, 0.0, 6.0)
"""Multiplicity, phase, kJ/mol."""
RING_IMPROPER = 167.4
"""kJ/mol/rad2, around zero."""
CUTOFF, REACTION_FIELD = 1.0, 2.5


def build_topology(temperature: float, n_monomers: int = N_MONOMERS) -> Topology:
    """Graph, mapping and force field of one chain.

    Args:
        temperature: kelvin.
        n_monomers: at least two.

    Raises:
        InputError: fewer than two monomers.
    """
    graph = build_graph(n_monomers)
    return Topology(graph, build_mapping(graph), build_force_field(graph), temperature)


def count_monomers(n_atoms: int) -> int:
    """Monomers of a chain of so many atoms."""
    return (n_atoms - 2) // MONOMER


def end_hydrogens(n_monomers: int = N_MONOMERS) -> tuple[int, int]:
    """The two hydrogens, numbered last, that complete the first and the last backbone carbon."""
    return n_monomers * MONOMER, n_monomers * MONOMER + 1


def backbone(n_monomers: int = N_MONOMERS) -> tuple[int, ...]:
    """The carbons of the main chain, two a monomer, in order."""
    return tuple(m * MONOMER + a for m in range(n_monomers) for a in (METHYLENE, METHINE))


def syndiotactic_hands(n_monomers: int = N_MONOMERS) -> NDArray[np.int8]:
    """Hands of the CH centres, ``(n_monomers - 1,)``, as in the published melt: alternating.

    The mirror image describes the same melt, but a generator sees one of the two numberings.
    """
    return np.array([2 * (m % 2) - 1 for m in range(n_monomers - 1)], dtype=np.int8)


def numbered_hands(n_monomers: int = N_MONOMERS) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """How the published chains number the equivalent hydrogens of CH3 and CH2 groups.

    Returns:
        ``(n_monomers + 1, 5)`` centres with their neighbours, and their hands, as for
        ``MolecularGraph.stereocentres``.
    """
    chain, (first_h, last_h) = backbone(n_monomers), end_hydrogens(n_monomers)
    first = (chain[0], chain[0] - 1, chain[0] + 1, chain[1], first_h)
    last = (chain[-1], chain[-2], chain[-1] - 1, chain[-1] + 1, last_h)
    inner = [(c, c - MONOMER + 3, c - 1, c + 1, c + 3) for c in chain[2::2]]
    return np.array([first, *inner, last], dtype=np.int64), np.array([-1] + [1] * n_monomers, dtype=np.int8)


def build_graph(n_monomers: int = N_MONOMERS) -> MolecularGraph:
    """One chain: CH3-CHPh-(CH2-CHPh)n-CH2-CH2Ph with n + 2 monomers; 162 atoms for ten.

    Raises:
        InputError: fewer than two monomers.
    """
    if n_monomers < 2:
        raise InputError(f"a chain of polystyrene has at least two monomers, not {n_monomers}")
    types = ("H", "C", "H", "H", "C", "C_AR", *("C_AR", "H_AR") * 5) * n_monomers + ("H", "H")
    elements = tuple(t[0] for t in types)
    return MolecularGraph(
        name="PS1",
        elements=elements,
        names=tuple(f"{e}{i + 1}" for i, e in enumerate(elements)),
        types=types,
        masses=np.array([MASSES[t] for t in types]),
        bonds=_bonds(n_monomers),
        residue_ids=np.ones(len(types), dtype=np.int64),
        residue_names=("PS1",) * len(types),
        chirality=syndiotactic_hands(n_monomers),
    )


def build_mapping(graph: MolecularGraph) -> Mapping:
    """Two beads a monomer, A (backbone) and B (phenyl).

    B is the centre of mass of C6H5. A is the centre of mass of CH2 and of half of both neighbouring
    CH; the first A of a chain sits on its terminal carbon.
    """
    n_monomers = count_monomers(graph.n_atoms)
    n_beads = 2 * n_monomers
    weights = np.zeros((n_beads, graph.n_atoms))
    owners = np.zeros(graph.n_atoms, dtype=np.int64)
    for m in range(n_monomers):
        first = m * MONOMER
        weights[2 * m, first : first + 3] = graph.masses[first : first + 3]
        phenyl = first + np.array(PHENYL)
        weights[2 * m + 1, phenyl] = graph.masses[phenyl]
        owners[first : first + 5] = 2 * m
        owners[phenyl] = 2 * m + 1
        methine = first + np.array([METHINE_H, METHINE])
        weights[2 * m, methine] = graph.masses[methine] / 2
        if m + 1 < n_monomers:
            weights[2 * m + 2, methine] = graph.masses[methine] / 2
    weights[0] = 0.0
    weights[0, METHYLENE] = graph.masses[METHYLENE]
    owners[list(end_hydrogens(n_monomers))] = 0, 2 * (n_monomers - 1)
    return Mapping(
        molecule=graph.name,
        bead_names=tuple(f"{kind}{m + 1}" for m in range(n_monomers) for kind in "AB"),
        bead_types=("A", "B") * n_monomers,
        weights=csr_array(weights),
        owners=owners,
        bonds=np.array([(i, i + 1) for i in range(n_beads - 1)], dtype=np.int64),
        source="bmzoo.molecules.polystyrene",
    )


def build_force_field(graph: MolecularGraph) -> ForceField:
    """The Mueller-Plathe force field of one chain, every bond constrained."""
    lj = np.array([LENNARD_JONES[t] for t in graph.types])
    bonds = np.array([_parameters(BONDS, graph.types, row) for row in graph.bonds.tolist()])
    angles = _angles(graph)
    angle_values = np.array([_parameters(ANGLES, graph.types, row) for row in angles.tolist()])
    n_monomers = count_monomers(graph.n_atoms)
    torsions = _torsions(n_monomers)
    multiplicity, phase, barrier = BACKBONE_TORSION
    impropers = _impropers(n_monomers)
    return ForceField(
        types=graph.types,
        masses=graph.masses,
        charges=_charges(n_monomers),
        sigma=lj[:, 0],
        epsilon=lj[:, 1],
        bonds=graph.bonds,
        bond_r0=bonds[:, 0],
        bond_k=bonds[:, 1],
        constraints=graph.bonds,
        constraint_r0=bonds[:, 0],
        angles=angles,
        angle_theta0=np.radians(angle_values[:, 0]),
        angle_k=angle_values[:, 1],
        dihedrals=torsions,
        dihedral_n=np.full(len(torsions), multiplicity, dtype=np.int64),
        dihedral_phase=np.full(len(torsions), phase),
        dihedral_k=np.full(len(torsions), barrier),
        dihedral_improper=np.zeros(len(torsions), dtype=bool),
        impropers=impropers,
        improper_phi0=np.zeros(len(impropers)),
        improper_k=np.full(len(impropers), RING_IMPROPER),
        exclusions=_exclusions(graph),
        combination="lorentz-berthelot",
        cutoff=CUTOFF,
        reaction_field=REACTION_FIELD,
        dispersion_correction=True,
        source="Mueller-Plathe, Macromolecules 29, 4782 (1996); bonds of OPLS-AA where they are free",
    )


def _bonds(n_monomers: int) -> NDArray[np.int64]:
    ring = RING_CARBONS
    local = [(METHYLENE, 0), (METHYLENE, 2), (METHYLENE, METHINE), (METHINE, METHINE_H), (METHINE, IPSO)]
    local += [(ring[i - 1], ring[i]) for i in range(6)]
    local += [(carbon, carbon + 1) for carbon in ring[1:]]
    found = [(i + m * MONOMER, j + m * MONOMER) for m in range(n_monomers) for i, j in local]
    chain = backbone(n_monomers)
    found += list(zip(chain[1:-1:2], chain[2::2], strict=True))
    found += zip((chain[0], chain[-1]), end_hydrogens(n_monomers), strict=True)
    return np.array(sorted((min(b), max(b)) for b in found), dtype=np.int64)


def _charges(n_monomers: int) -> NDArray[np.float64]:
    monomer = np.zeros(MONOMER)
    for carbon in RING_CARBONS[1:]:
        monomer[carbon], monomer[carbon + 1] = -0.115, 0.115
    return np.concatenate([np.tile(monomer, n_monomers), np.zeros(2)])


def _angles(graph: MolecularGraph) -> NDArray[np.int64]:
    return np.array(
        [(i, j, k) for j, around in enumerate(graph.neighbours) for i, k in combinations(around, 2)],
        dtype=np.int64,
    )


def _torsions(n_monomers: int) -> NDArray[np.int64]:
    """Every window of four backbone carbons, and one hydrogen at each end."""
    chain = backbone(n_monomers)
    last_methine_h = chain[-1] - METHINE + METHINE_H
    ends = [(0, *chain[:3]), (*chain[-3:], last_methine_h)]
    return np.array([*zip(chain, chain[1:], chain[2:], chain[3:], strict=False), *ends], dtype=np.int64)


def _impropers(n_monomers: int) -> NDArray[np.int64]:
    """Flat rings (six torsions around the ring) and substituents in the plane of the ring."""
    ring = RING_CARBONS
    substituents = [METHINE, *(carbon + 1 for carbon in ring[1:])]
    local = [tuple(ring[(i + step) % 6] for step in range(4)) for i in range(6)]
    for i in range(6):
        onward, back = ring[(i + 1) % 6], ring[i - 1]
        local.append((ring[i], onward, back, substituents[i]))
    monomers = np.repeat(np.arange(n_monomers), len(local))
    return np.tile(np.array(local), (n_monomers, 1)) + MONOMER * monomers[:, None]


def _exclusions(graph: MolecularGraph) -> NDArray[np.int64]:
    """Neighbours up to two bonds away, and all pairs within one phenyl group."""
    found = {tuple(row) for row in graph.bonds.tolist()}
    found |= {(min(i, k), max(i, k)) for i, _, k in _angles(graph).tolist()}
    for m in range(count_monomers(graph.n_atoms)):
        found |= set(combinations((m * MONOMER + np.array(PHENYL)).tolist(), 2))
    return np.array(sorted(found), dtype=np.int64)


def _parameters(table: Parameters, types: tuple[str, ...], atoms: list[int]) -> tuple[float, float]:
    key = tuple(types[a] for a in atoms)
    return table[key] if key in table else table[key[::-1]]
