"""What metrics need to know of a molecule, worked out once: terms, classes, separations, radii."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.labels import LikeAtoms
from bmzoo.molecules.topology import Topology

if TYPE_CHECKING:
    from bmzoo.systems.system import Landscape

Ints = NDArray[np.int64]

# Bondi, J. Phys. Chem. 68, 441, 1964; nm.
VDW_RADII = {
    "H": 0.120, "C": 0.170, "N": 0.155, "O": 0.152, "F": 0.147, "Si": 0.210, "P": 0.180, "S": 0.180,
    "Cl": 0.175, "Br": 0.185, "I": 0.198,
}  # fmt: skip
# Cordero et al., Dalton Trans. 2008, 2832; nm.
COVALENT_RADII = {
    "H": 0.031, "C": 0.076, "N": 0.071, "O": 0.066, "F": 0.057, "Si": 0.111, "P": 0.107, "S": 0.105,
    "Cl": 0.102, "Br": 0.120, "I": 0.139,
}  # fmt: skip
G_R_RANGE = 1.0
"""nm; how far pair distributions are looked at."""
FAR = 4
"""Separation of atoms more than three bonds apart, or of different molecules."""


@dataclass(frozen=True, eq=False)
class Terms:
    """Bonds, angles or dihedrals of the molecule, sorted into classes by their atoms' types.

    Attributes:
        atoms: ``(n_terms, width)``.
        labels: one a class, ``C-C-H``.
        classes: ``(n_terms,)`` class of every term.
    """

    atoms: Ints
    labels: tuple[str, ...]
    classes: Ints

    def __len__(self) -> int:
        return len(self.atoms)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """``(n_classes,)`` number of terms."""
        return np.bincount(self.classes, minlength=len(self.labels)).astype(np.float64)


def classify(atoms: Ints, types: tuple[str, ...]) -> Terms:
    """Terms by types; a term read backwards is the same term."""
    rows = np.asarray(atoms, dtype=np.int64)
    labels = []
    for row in rows.tolist():
        forward = [types[a] for a in row]
        labels.append("-".join(min(forward, forward[::-1])))
    names, classes = np.unique(np.array(labels, dtype=object).astype(str), return_inverse=True)
    return Terms(rows, tuple(names.tolist()), classes.astype(np.int64).reshape(-1))


@dataclass(frozen=True, eq=False)
class Context:
    """Everything fixed about a system."""

    topology: Topology
    landscape: Landscape | None = None
    seed: int = 0

    @property
    def n_atoms(self) -> int:
        return self.topology.n_atoms

    @cached_property
    def types(self) -> tuple[str, ...]:
        field = self.topology.force_field
        return self.topology.graph.types if field is None else field.types

    @property
    def pair_cutoff(self) -> float:
        """nm; pairs farther apart are not looked at in boxes."""
        field = self.topology.force_field
        return max(G_R_RANGE, (field.cutoff if field is not None else None) or 0.0)

    @cached_property
    def like_atoms(self) -> LikeAtoms:
        """By which like atoms of all frames are numbered alike."""
        return LikeAtoms(self.topology)

    @cached_property
    def bonds(self) -> Terms:
        return classify(self.topology.graph.bonds, self.types)

    @cached_property
    def angles(self) -> Terms:
        field = self.topology.force_field
        known = field is not None and len(field.angles)
        return classify(field.angles if known else self.topology.graph.angles, self.types)  # type: ignore[union-attr]

    @cached_property
    def propers(self) -> Terms:
        """Proper dihedrals, each once however many terms it has."""
        field = self.topology.force_field
        if field is None or not len(field.dihedrals) + len(field.impropers):
            return classify(self.topology.graph.dihedrals, self.types)
        return classify(_unique(field.dihedrals[~field.dihedral_improper]), self.types)

    @cached_property
    def impropers(self) -> Terms:
        """Improper dihedrals, harmonic and periodic."""
        field = self.topology.force_field
        if field is None or not len(field.dihedrals) + len(field.impropers):
            return classify(self.topology.graph.impropers, self.types)
        periodic = field.dihedrals[field.dihedral_improper]
        return classify(_unique(np.concatenate([field.impropers, periodic])), self.types)

    @cached_property
    def constrained(self) -> NDArray[np.bool_]:
        """``(n_bonds,)`` bonds of the graph that the reference simulation holds."""
        field = self.topology.force_field
        if field is None:
            return np.zeros(len(self.bonds), dtype=bool)
        held = {tuple(sorted(pair)) for pair in field.constraints.tolist()}
        return np.array([tuple(pair) in held for pair in self.bonds.atoms.tolist()], dtype=bool)

    @cached_property
    def separation(self) -> NDArray[np.int8]:
        """``(n_atoms, n_atoms)`` bonds between two atoms, ``FAR`` if more than three."""
        sparse = self.topology.graph.topological_distances(FAR - 1).tocoo()
        table = np.full((self.n_atoms, self.n_atoms), FAR, dtype=np.int8)
        rows, columns = sparse.coords
        table[rows, columns] = sparse.data
        np.fill_diagonal(table, 0)
        return table

    @cached_property
    def elements(self) -> tuple[tuple[str, ...], Ints]:
        """Elements in alphabetical order, and ``(n_atoms,)`` the number of each atom's."""
        names, codes = np.unique(np.array(self.topology.graph.elements), return_inverse=True)
        return tuple(names.tolist()), codes.astype(np.int64)

    @cached_property
    def element_pairs(self) -> tuple[tuple[str, ...], Ints]:
        """Labels ``C-H`` of pairs of elements, and their number by two element codes."""
        names, _ = self.elements
        first, second = np.triu_indices(len(names))
        table = np.zeros((len(names), len(names)), dtype=np.int64)
        table[first, second] = table[second, first] = np.arange(len(first))
        return tuple(f"{names[i]}-{names[j]}" for i, j in zip(first, second, strict=True)), table

    @cached_property
    def vdw_radii(self) -> NDArray[np.float64]:
        return np.array([VDW_RADII.get(e, 0.2) for e in self.topology.graph.elements])

    @cached_property
    def covalent_radii(self) -> NDArray[np.float64]:
        return np.array([COVALENT_RADII.get(e, 0.15) for e in self.topology.graph.elements])


def _unique(rows: Ints) -> Ints:
    return np.unique(rows, axis=0) if len(rows) else rows
