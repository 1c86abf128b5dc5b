"""OPLS-AA for alkanes and alkylbenzenes, from a graph whose atoms have the types C, C_AR, H, H_AR.

Jorgensen, Maxwell, Tirado-Rives, J. Am. Chem. Soc. 118, 11225 (1996), with the later alkane torsions of
Price, Ostrovsky, Jorgensen, J. Comput. Chem. 22, 1340 (2001): the parameters that GROMACS ships. Every
bond is constrained, as in the polystyrene melt.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.graph import MolecularGraph

Ints = NDArray[np.int64]
Key = tuple[str, ...]

KCAL = 4.184
"""kJ/mol."""
SCALE_14 = 0.5
"""Of Lennard-Jones and of Coulomb between atoms three bonds apart."""
CUTOFF = 1.0
"""nm, as in the polystyrene melt; the pressure is corrected for what lies beyond."""

LENNARD_JONES: dict[Key, tuple[float, float]] = {
    ("C",): (0.350, 0.276144),
    ("C_AR",): (0.355, 0.29288),
    ("H",): (0.250, 0.12552),
    ("H_AR",): (0.242, 0.12552),
}
"""nm, kJ/mol."""
HYDROGEN, AROMATIC = 0.06, 0.115
"""Charges; an aliphatic carbon carries what neutralises its hydrogens, and 0.115 more on a benzene ring."""
BONDS: dict[Key, tuple[float, float]] = {
    ("C", "C"): (0.1529, 224262.4),
    ("C", "H"): (0.109, 284512.0),
    ("C_AR", "C_AR"): (0.140, 392459.2),
    ("C_AR", "H_AR"): (0.108, 307105.6),
    ("C", "C_AR"): (0.151, 265265.6),
}
"""nm, kJ/mol/nm2."""
ANGLES: dict[Key, tuple[float, float]] = {
    ("C", "C", "C"): (112.7, 488.273),
    ("C", "C", "H"): (110.7, 313.8),
    ("H", "C", "H"): (107.8, 276.144),
    ("C", "C", "C_AR"): (114.0, 527.184),
    ("C_AR", "C", "H"): (109.5, 292.88),
    ("C_AR", "C_AR", "C_AR"): (120.0, 527.184),
    ("C_AR", "C_AR", "H_AR"): (120.0, 292.88),
    ("C", "C_AR", "C_AR"): (120.0, 585.76),
}
"""degrees, kJ/mol/rad2."""
TORSIONS: dict[Key, tuple[float, float, float]] = {
    ("C", "C", "C", "C"): (1.3, -0.05, 0.2),
    ("C", "C", "C", "H"): (0.0, 0.0, 0.3),
    ("H", "C", "C", "H"): (0.0, 0.0, 0.3),
    ("C_AR", "C", "C", "H"): (0.0, 0.0, 0.462),
}
"""V1, V2, V3 in kcal/mol: ``V1/2 (1 + cos phi) + V2/2 (1 - cos 2 phi) + V3/2 (1 + cos 3 phi)``."""
TORSIONS |= {(a, "C_AR", "C_AR", b): (0.0, 7.25, 0.0) for a, b in product(("C", "C_AR", "H_AR"), repeat=2)}
TORSIONS |= {("C_AR", "C_AR", "C", a): (0.0, 0.0, 0.0) for a in ("C", "H")}
RING_IMPROPER = 4.6024
"""kJ/mol, twofold, on every aromatic carbon."""


def build_force_field(graph: MolecularGraph, *, reaction_field: float) -> ForceField:
    """OPLS-AA of one molecule.

    Args:
        graph: with the types C, C_AR, H, H_AR.
        reaction_field: dielectric constant beyond the cutoff.

    Raises:
        InputError: other types, or a combination of them without parameters.
    """
    lj = np.array([_find(LENNARD_JONES, graph, [atom]) for atom in range(graph.n_atoms)])
    bonds = np.array([_find(BONDS, graph, row) for row in graph.bonds.tolist()])
    angles = np.array([_find(ANGLES, graph, row) for row in graph.angles.tolist()])
    charges = build_charges(graph)
    dihedrals, multiplicity, phase, strength = _torsions(graph)
    impropers = _impropers(graph)
    n_proper, n_improper = len(dihedrals), len(impropers)
    exclusions, pairs = _neighbour_pairs(graph)
    one, other = pairs.T
    return ForceField(
        types=graph.types,
        masses=graph.masses,
        charges=charges,
        sigma=lj[:, 0],
        epsilon=lj[:, 1],
        bonds=graph.bonds,
        bond_r0=bonds[:, 0],
        bond_k=bonds[:, 1],
        constraints=graph.bonds,
        constraint_r0=bonds[:, 0],
        angles=graph.angles,
        angle_theta0=np.radians(angles[:, 0]),
        angle_k=angles[:, 1],
        dihedrals=np.concatenate([dihedrals, impropers]),
        dihedral_n=np.concatenate([multiplicity, np.full(n_improper, 2)]),
        dihedral_phase=np.concatenate([phase, np.full(n_improper, np.pi)]),
        dihedral_k=np.concatenate([strength, np.full(n_improper, RING_IMPROPER)]),
        dihedral_improper=np.repeat([False, True], [n_proper, n_improper]),
        exclusions=exclusions,
        pairs=pairs,
        pair_charge_product=SCALE_14 * charges[one] * charges[other],
        pair_sigma=np.sqrt(lj[one, 0] * lj[other, 0]),
        pair_epsilon=SCALE_14 * np.sqrt(lj[one, 1] * lj[other, 1]),
        combination="geometric",
        cutoff=CUTOFF,
        reaction_field=reaction_field,
        dispersion_correction=True,
        source="OPLS-AA: Jorgensen, Maxwell, Tirado-Rives, JACS 118, 11225 (1996); alkane torsions of Price, "
        "Ostrovsky, Jorgensen, J. Comput. Chem. 22, 1340 (2001)",
    )


def build_charges(graph: MolecularGraph) -> NDArray[np.float64]:
    """``(n_atoms,)``: every carbon neutralises its own hydrogens, an ipso carbon its substituent."""
    charges = np.zeros(graph.n_atoms)
    for atom, kind in enumerate(graph.types):
        around = [graph.types[n] for n in graph.neighbours[atom]]
        if kind == "H":
            charges[atom] = HYDROGEN
        elif kind == "H_AR":
            charges[atom] = AROMATIC
        elif kind == "C_AR":
            charges[atom] = -AROMATIC
        else:
            charges[atom] = AROMATIC * around.count("C_AR") - HYDROGEN * around.count("H")
    return charges


def _torsions(graph: MolecularGraph) -> tuple[Ints, Ints, NDArray[np.float64], NDArray[np.float64]]:
    """One row a term that is not zero: atoms, multiplicity, phase, half of V."""
    rows, numbers = [], []
    for row in graph.dihedrals.tolist():
        for n, v in enumerate(_find(TORSIONS, graph, row), start=1):
            if v:
                rows.append(row)
                numbers.append((n, np.pi if n == 2 else 0.0, KCAL * v / 2))
    values = np.array(numbers).reshape(-1, 3)
    atoms = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return atoms, values[:, 0].astype(np.int64), values[:, 1], values[:, 2]


def _impropers(graph: MolecularGraph) -> Ints:
    """Both neighbours in the ring, the aromatic carbon, its substituent."""
    rows = []
    for centre, first, second, third in graph.impropers.tolist():
        if graph.types[centre] == "C_AR":
            around = sorted((first, second, third), key=lambda atom: not graph.in_ring[atom])
            rows.append((*around[:2], centre, around[2]))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _neighbour_pairs(graph: MolecularGraph) -> tuple[Ints, Ints]:
    """Pairs one or two bonds apart, and pairs three bonds apart; i < j, sorted."""
    distances = graph.topological_distances(3).toarray()
    upper = np.triu(distances)
    return np.argwhere((upper == 1) | (upper == 2)), np.argwhere(upper == 3)


def _find(
    table: Mapping[Key, tuple[float, ...]], graph: MolecularGraph, atoms: list[int]
) -> tuple[float, ...]:
    key = tuple(graph.types[a] for a in atoms)
    found = table.get(key, table.get(key[::-1]))
    if found is None:
        raise InputError(f"OPLS-AA as it is here has no parameters for {'-'.join(key)} in {graph.name}")
    return found
