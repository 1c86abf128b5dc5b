"""GROMACS itp and top files: one molecule, and its force field where the files hold it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.formats.gromacs_text import Preprocessor, Row
from bmzoo.molecules.formats.gromacs_types import WIDTHS, TypeTables
from bmzoo.molecules.graph import MolecularGraph

TYPE_SECTIONS = frozenset({"defaults", "atomtypes", *WIDTHS})
MOLECULE_SECTIONS = frozenset({"atoms", "bonds", "pairs", "angles", "dihedrals", "exclusions", "constraints"})
HARMLESS_SECTIONS = frozenset(
    {"system", "molecules", "position_restraints", "distance_restraints", "dihedral_restraints"}
)
CONSTRAINT_WITH_BOND = 1
"""[ constraints ] of function 1 count as chemical bonds, those of function 2 do not."""
PULLING = (6, 9, 10)
"""Functions of [ bonds ] that restrain a distance and are no chemical bonds."""

MASSES = {
    "H": 1.008, "B": 10.81, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998, "Na": 22.990,
    "Mg": 24.305, "Si": 28.085, "P": 30.974, "S": 32.06, "Cl": 35.45, "K": 39.098, "Ca": 40.078,
    "Fe": 55.845, "Zn": 65.38, "Br": 79.904, "I": 126.904,
}  # fmt: skip


@dataclass
class MoleculeRows:
    """The sections of one [ moleculetype ]."""

    name: str
    exclude_bonds: int
    where: str
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def section(self, name: str) -> list[Row]:
        return self.rows.get(name, [])


@dataclass(frozen=True)
class Atom:
    """A row of [ atoms ]; ``mass`` and ``charge`` are None where only the type knows them."""

    type: str
    residue_id: int
    residue_name: str
    name: str
    charge: float | None
    mass: float | None
    row: Row


def read_gromacs(paths: Sequence[str | Path]) -> tuple[MolecularGraph, ForceField | None]:
    """Reads one molecule.

    #include is followed from the file's own folder, #ifdef is false unless the files define the name.
    Bonds and angles of function 2 (G96) become harmonic ones of the same curvature. Cutoff and reaction
    field stand in no itp file: set them with ``dataclasses.replace``.

    Args:
        paths: itp and top files that belong together; one of them may include the others.

    Returns:
        The graph; and the force field, or ``None`` where there is no [ atomtypes ] (or, with a
        warning, where the files use terms that :class:`ForceField` does not have).

    Raises:
        InputError: no or several molecules, malformed lines, unknown atoms or types.
    """
    from bmzoo.molecules.formats.gromacs_terms import UnsupportedError, build_force_field

    tables, molecules, chosen, unknown = _collect(paths)
    source = ", ".join(Path(p).name for p in paths)
    molecule = _only_molecule(molecules, chosen, source)
    atoms = _atoms(molecule, tables)
    graph = _graph(molecule, atoms, tables)
    if not tables.atoms:
        return graph, None
    try:
        if unknown:
            raise UnsupportedError(f"[ {unknown[0].section} ] ({unknown[0].where})")
        return graph, build_force_field(graph, molecule, atoms, tables, source)
    except UnsupportedError as missing:
        warnings.warn(f"{source} has no usable force field: {missing} is not supported", stacklevel=2)
        return graph, None


def bonded_pairs(molecule: MoleculeRows) -> list[tuple[int, int]]:
    """Chemical bonds, i < j, each once."""
    found = set()
    for row in molecule.section("bonds"):
        i, j = row.atoms(2)
        if len(row.words) < 3 or row.integer(2) not in PULLING:
            found.add((min(i, j), max(i, j)))
    for row in molecule.section("constraints"):
        i, j = row.atoms(2)
        if row.integer(2) == CONSTRAINT_WITH_BOND:
            found.add((min(i, j), max(i, j)))
    return sorted(found)


def _collect(paths: Sequence[str | Path]) -> tuple[TypeTables, list[MoleculeRows], list[str], list[Row]]:
    """Tables, molecules, the names in [ molecules ], and the first rows of unknown sections."""
    tables, molecules, chosen, unknown = TypeTables(), list[MoleculeRows](), list[str](), list[Row]()
    for row in Preprocessor().read(paths):
        if not row.words:
            continue
        if row.section in TYPE_SECTIONS:
            tables.add(row)
        elif row.section == "moleculetype":
            molecules.append(MoleculeRows(row.words[0], row.integer(1), row.where))
        elif row.section in MOLECULE_SECTIONS:
            if not molecules:
                raise row.error("a [ moleculetype ] must come first")
            molecules[-1].rows.setdefault(row.section, []).append(row)
        elif row.section == "molecules":
            chosen.append(row.words[0])
        elif row.section not in HARMLESS_SECTIONS:
            unknown.append(row)
    return tables, molecules, chosen, unknown


def _only_molecule(molecules: list[MoleculeRows], chosen: list[str], source: str) -> MoleculeRows:
    if not molecules:
        raise InputError(f"{source} describes no molecule; give the itp file with its [ moleculetype ]")
    used = [m for m in molecules if m.name in chosen] if chosen else molecules
    if chosen and not used:
        raise InputError(f"{source}: [ molecules ] lists {chosen[0]}, but no file describes it; add its itp")
    if len(used) > 1:
        names = ", ".join(m.name for m in used)
        raise InputError(f"{source} describes several molecules ({names}); give the itp file of one")
    return used[0]


def _atoms(molecule: MoleculeRows, tables: TypeTables) -> list[Atom]:
    """``nr type resnr residue atom cgnr [charge [mass]]``."""
    found: list[Atom] = []
    for row in molecule.section("atoms"):
        if len(row.words) < 6:
            raise row.error(
                f"expected 'nr type resnr residue atom cgnr charge', found {len(row.words)} words"
            )
        if row.integer(0) != len(found) + 1:
            raise row.error(f"expected atom {len(found) + 1}, found {row.words[0]}; list the atoms in order")
        kind = row.words[1]
        if tables.atoms and kind not in tables.atoms:
            raise row.error(f"the atom type '{kind}' is not in [ atomtypes ]")
        charge = row.real(6) if len(row.words) > 6 else None
        mass = row.real(7) if len(row.words) > 7 else None
        found.append(Atom(kind, row.integer(2), row.words[3], row.words[4], charge, mass, row))
    if not found:
        raise InputError(f"{molecule.where}: the molecule {molecule.name} has no atoms")
    for section, width in (("bonds", 2), ("pairs", 2), ("angles", 3), ("dihedrals", 4), ("constraints", 2)):
        for row in molecule.section(section):
            for atom in row.atoms(width):
                if not 0 <= atom < len(found):
                    raise row.error(f"there is no atom {atom + 1}, {molecule.name} has {len(found)}")
    return found


def _graph(molecule: MoleculeRows, atoms: list[Atom], tables: TypeTables) -> MolecularGraph:
    masses = [_known_mass(atom, tables) for atom in atoms]
    elements = tuple(element(a.name, a.type, m) for a, m in zip(atoms, masses, strict=True))
    return MolecularGraph(
        name=molecule.name,
        elements=elements,
        names=tuple(a.name for a in atoms),
        types=tuple(a.type for a in atoms),
        masses=np.array([m or MASSES.get(e, 0.0) for m, e in zip(masses, elements, strict=True)]),
        bonds=np.array(bonded_pairs(molecule), dtype=np.int64).reshape(-1, 2),
        residue_ids=np.array([a.residue_id for a in atoms], dtype=np.int64),
        residue_names=tuple(a.residue_name for a in atoms),
    )


def _known_mass(atom: Atom, tables: TypeTables) -> float | None:
    if atom.mass is not None:
        return atom.mass
    return tables.atoms[atom.type].mass if atom.type in tables.atoms else None


def element(name: str, kind: str, mass: float | None) -> str:
    """The element by mass, where the first letter of name or type agrees; else by letters.

    United atoms (CH2 weighs as much as N) and repartitioned hydrogens are thus told by their letters.
    """
    letters = [word.lstrip("0123456789").capitalize()[:1] for word in (name, kind)]
    if mass is not None:
        nearest = min(MASSES, key=lambda symbol: abs(MASSES[symbol] - mass))
        if abs(MASSES[nearest] - mass) < 0.1 and nearest[0] in letters:
            return nearest
    return next((letter for letter in letters if letter in MASSES), "X")
