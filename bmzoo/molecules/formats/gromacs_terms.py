"""The energy terms of one GROMACS molecule, as a :class:`ForceField`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.formats.gromacs_text import Row
from bmzoo.molecules.formats.gromacs_types import TypeTables, ryckaert_bellemans
from bmzoo.molecules.graph import MolecularGraph

if TYPE_CHECKING:
    from bmzoo.molecules.formats.itp import Atom, MoleculeRows

Pair = tuple[int, int]
Terms = dict[str, Any]


class UnsupportedError(Exception):
    """A term that ForceField does not have."""


def build_force_field(
    graph: MolecularGraph, molecule: MoleculeRows, atoms: Sequence[Atom], tables: TypeTables, source: str
) -> ForceField:
    """All terms with their parameters, from the rows themselves or from the tables of types.

    Raises:
        InputError: parameters that are nowhere to be found.
        UnsupportedError: a functional form without a counterpart.
    """
    types = [tables.atoms[a.type] for a in atoms]
    bonded = [t.bonded for t in types]
    charges = np.array(
        [t.charge if a.charge is None else a.charge for a, t in zip(atoms, types, strict=True)]
    )
    terms: Terms = {}
    terms |= _bonds(molecule, tables, bonded)
    terms |= _constraints(molecule, tables, bonded)
    terms |= _angles(molecule, tables, bonded)
    terms |= _dihedrals(molecule, tables, bonded)
    terms |= _pairs(graph, molecule, atoms, tables, charges)
    return ForceField(
        types=graph.types,
        masses=graph.masses,
        charges=charges,
        sigma=np.array([t.sigma for t in types]),
        epsilon=np.array([t.epsilon for t in types]),
        combination=tables.combination,
        source=source,
        **terms,
    )


def _parameters(
    row: Row, width: int, section: str, tables: TypeTables, bonded: Sequence[str]
) -> tuple[int, list[tuple[float, ...]]]:
    """Function type and one tuple a term: those of the row, else those of the types."""
    function = row.integer(width)
    own = row.reals(width + 1)
    if own:
        return function, [own]
    types = [bonded[a] for a in row.atoms(width)]
    found = tables.find(section, types, function)
    if not found:
        raise row.error(f"no parameters for {'-'.join(types)} in [ {section} ]")
    several = section == "dihedraltypes" and function == 9
    return function, [r.values for r in found] if several else [found[0].values]


def _need(row: Row, values: Sequence[float], count: int) -> Sequence[float]:
    if len(values) < count:
        raise row.error(f"expected {count} parameters, found {len(values)}")
    return values


def _bonds(molecule: MoleculeRows, tables: TypeTables, bonded: Sequence[str]) -> Terms:
    atoms, lengths, strengths = [], [], []
    for row in molecule.section("bonds"):
        function, (values,) = _parameters(row, 2, "bondtypes", tables, bonded)
        if function not in (1, 2):
            raise UnsupportedError(f"bond function {function} ({row.where})")
        r0, k = _need(row, values, 2)[:2]
        atoms.append(row.atoms(2))
        lengths.append(r0)
        # G96: k/4 (r^2 - r0^2)^2 has the curvature 2 k r0^2
        strengths.append(k if function == 1 else 2 * k * r0**2)
    return {"bonds": _rows(atoms, 2), "bond_r0": np.array(lengths), "bond_k": np.array(strengths)}


def _constraints(molecule: MoleculeRows, tables: TypeTables, bonded: Sequence[str]) -> Terms:
    atoms, lengths = [], []
    for row in molecule.section("constraints"):
        _, (values,) = _parameters(row, 2, "constrainttypes", tables, bonded)
        atoms.append(row.atoms(2))
        lengths.append(_need(row, values, 1)[0])
    return {"constraints": _rows(atoms, 2), "constraint_r0": np.array(lengths)}


def _angles(molecule: MoleculeRows, tables: TypeTables, bonded: Sequence[str]) -> Terms:
    atoms, angles, strengths = [], [], []
    for row in molecule.section("angles"):
        function, (values,) = _parameters(row, 3, "angletypes", tables, bonded)
        if function not in (1, 2):
            raise UnsupportedError(f"angle function {function} ({row.where})")
        degrees, k = _need(row, values, 2)[:2]
        atoms.append(row.atoms(3))
        angles.append(np.radians(degrees))
        # G96: k/2 (cos t - cos t0)^2 has the curvature k sin^2 t0
        strengths.append(k if function == 1 else k * np.sin(np.radians(degrees)) ** 2)
    return {"angles": _rows(atoms, 3), "angle_theta0": np.array(angles), "angle_k": np.array(strengths)}


def _dihedrals(molecule: MoleculeRows, tables: TypeTables, bonded: Sequence[str]) -> Terms:
    periodic: list[tuple[tuple[int, ...], int, float, float, bool]] = []
    harmonic: list[tuple[tuple[int, ...], float, float]] = []
    for row in molecule.section("dihedrals"):
        function, several = _parameters(row, 4, "dihedraltypes", tables, bonded)
        atoms = row.atoms(4)
        for values in several:
            if function in (1, 4, 9):
                phase, k, n = _need(row, values, 3)[:3]
                periodic.append((atoms, round(n), np.radians(phase), k, function == 4))
            elif function == 2:
                angle, k = _need(row, values, 2)[:2]
                harmonic.append((atoms, np.radians(angle), k))
            elif function == 3:
                terms = ryckaert_bellemans(_need(row, values, 6)[:6])
                periodic += [(atoms, n, phase, k, False) for n, phase, k in terms]
            else:
                raise UnsupportedError(f"dihedral function {function} ({row.where})")
    return {
        "dihedrals": _rows([p[0] for p in periodic], 4),
        "dihedral_n": np.array([p[1] for p in periodic], dtype=np.int64),
        "dihedral_phase": np.array([p[2] for p in periodic], dtype=np.float64),
        "dihedral_k": np.array([p[3] for p in periodic], dtype=np.float64),
        "dihedral_improper": np.array([p[4] for p in periodic], dtype=bool),
        "impropers": _rows([h[0] for h in harmonic], 4),
        "improper_phi0": np.array([h[1] for h in harmonic], dtype=np.float64),
        "improper_k": np.array([h[2] for h in harmonic], dtype=np.float64),
    }


def _pairs(
    graph: MolecularGraph,
    molecule: MoleculeRows,
    atoms: Sequence[Atom],
    tables: TypeTables,
    charges: np.ndarray,
) -> Terms:
    """1-4 pairs and exclusions."""
    excluded = _excluded(graph, molecule)
    pairs: dict[Pair, tuple[float, float, float]] = {}
    for row in molecule.section("pairs"):
        if len(row.words) > 2 and row.integer(2) != 1:
            raise UnsupportedError(f"pair function {row.words[2]} ({row.where})")
        i, j = sorted(row.atoms(2))
        if (i, j) not in excluded:
            raise UnsupportedError(f"a pair that is not excluded from the other interactions ({row.where})")
        product = tables.fudge_charge * float(charges[i] * charges[j])
        pairs[i, j] = (product, *_pair_parameters(row, (atoms[i].type, atoms[j].type), tables))
    listed = sorted(pairs)
    values = np.array([pairs[p] for p in listed]).reshape(-1, 3)
    return {
        "exclusions": _rows(sorted(excluded - set(listed)), 2),
        "pairs": _rows(listed, 2),
        "pair_charge_product": values[:, 0],
        "pair_sigma": values[:, 1],
        "pair_epsilon": values[:, 2],
    }


def _pair_parameters(row: Row, types: tuple[str, str], tables: TypeTables) -> tuple[float, float]:
    if len(row.words) > 4:
        return tables.lennard_jones(row.real(3), row.real(4))
    found = tables.find("pairtypes", types, 1)
    if found:
        return tables.lennard_jones(*_need(row, found[0].values, 2)[:2])
    if not tables.generate_pairs:
        raise row.error(f"no parameters for {'-'.join(types)} in [ pairtypes ], and gen-pairs is 'no'")
    a, b = tables.atoms[types[0]], tables.atoms[types[1]]
    lorentz = tables.combination == "lorentz-berthelot"
    sigma = (a.sigma + b.sigma) / 2 if lorentz else np.sqrt(a.sigma * b.sigma)
    return float(sigma), float(tables.fudge_lj * np.sqrt(a.epsilon * b.epsilon))


def _excluded(graph: MolecularGraph, molecule: MoleculeRows) -> set[Pair]:
    """Neighbours up to nrexcl bonds away, and what [ exclusions ] lists: one atom, then its partners."""
    found = set()
    for start in range(graph.n_atoms):
        for other in _within(graph, start, molecule.exclude_bonds):
            found.add((min(start, other), max(start, other)))
    for row in molecule.section("exclusions"):
        first, *others = row.atoms(len(row.words))
        for other in others:
            if not (0 <= first < graph.n_atoms and 0 <= other < graph.n_atoms):
                raise row.error(f"there is no atom {max(first, other) + 1}, the molecule has {graph.n_atoms}")
            if other != first:
                found.add((min(first, other), max(first, other)))
    return found


def _within(graph: MolecularGraph, start: int, bonds: int) -> list[int]:
    distance = {start: 0}
    queue = deque([start])
    while queue:
        atom = queue.popleft()
        if distance[atom] == bonds:
            continue
        for near in graph.neighbours[atom]:
            if near not in distance:
                distance[near] = distance[atom] + 1
                queue.append(near)
    return [atom for atom in distance if atom != start]


def _rows(rows: Sequence[tuple[int, ...]], width: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, width)
