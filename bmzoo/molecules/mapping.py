"""From atoms to beads: a sparse matrix of weights, and which bead owns an atom."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bmzoo.errors import InputError

if TYPE_CHECKING:
    from bmzoo.molecules.graph import MolecularGraph


FEWEST_REFERENCES = {"assign": 1, "trans": 3, "cis": 3, "out": 2, "chiral": 3}
"""Kinds of rules, and how many reference atoms each needs at least."""


@dataclass(frozen=True)
class Bead:
    """One bead: the atoms (indices) that it is the weighted centre of."""

    name: str
    type: str
    atoms: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Rule:
    """A geometric modifier of a Backward file: ``kind`` is assign, trans, cis, out or chiral.

    ``atoms`` are indices in the molecule: the atom to place, then its references.
    """

    kind: str
    atoms: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Mapping:
    """Beads of one molecule.

    Attributes:
        molecule: name of the molecule.
        bead_names, bead_types: one a bead.
        weights: sparse ``(n_beads, n_atoms)``, never normalised; an atom may be shared.
        owners: ``(n_atoms,)`` the bead that an atom belongs to when it is generated.
        bonds: ``(n, 2)`` bonded beads, i < j, sorted.
        rules: geometric modifiers, in file order.
        source: file or format that it was read from.
    """

    molecule: str
    bead_names: tuple[str, ...]
    bead_types: tuple[str, ...]
    weights: csr_array
    owners: NDArray[np.int64]
    bonds: NDArray[np.int64]
    rules: tuple[Rule, ...] = field(default=())
    source: str = ""

    @classmethod
    def from_beads(
        cls,
        graph: MolecularGraph,
        beads: Sequence[Bead],
        *,
        owners: MappingType[int, int] | None = None,
        bonds: Sequence[tuple[int, int]] | NDArray[np.int64] | None = None,
        rules: Sequence[Rule] = (),
        source: str = "",
    ) -> Mapping:
        """Builds a mapping; see ``assign_owners`` and ``bead_bonds`` for what is left out.

        Args:
            graph: the molecule.
            beads: with atom indices and weights; no bead may be empty.
            owners: atom -> bead, for atoms that another bead shall own than the default one.
            bonds: ``(n, 2)`` bonded beads; derived from the graph where None.
            rules: geometric modifiers.
            source: file or format, for messages.

        Raises:
            InputError: an empty bead, an unknown atom or bead, negative weights.
        """
        where = source or f"the mapping of {graph.name}"
        weights = _weight_matrix(beads, graph.n_atoms, where)
        found = assign_owners(graph, weights, where=where)
        for atom, bead in (owners or {}).items():
            if not (0 <= atom < graph.n_atoms and 0 <= bead < len(beads)):
                raise InputError(f"{where}: no atom {atom + 1} or no bead {bead + 1} to own it")
            found[atom] = bead
        joined = bead_bonds(graph, found, weights) if bonds is None else _checked_bonds(bonds, beads, where)
        mapping = cls(
            molecule=graph.name,
            bead_names=tuple(bead.name for bead in beads),
            bead_types=tuple(bead.type for bead in beads),
            weights=weights,
            owners=found,
            bonds=joined,
            rules=tuple(rules),
            source=source,
        )
        mapping.validate(graph)
        return mapping

    @classmethod
    def from_map(cls, path: str | PathLike[str], graph: MolecularGraph) -> Mapping:
        """Reads our YAML, a deepBM ``.map`` or Backward ``.map`` files; see ``formats/mapping_file.py``."""
        from bmzoo.molecules.formats.mapping_file import read_mapping

        return read_mapping(path, graph)

    @property
    def n_beads(self) -> int:
        return len(self.bead_names)

    @property
    def n_atoms(self) -> int:
        return len(self.owners)

    @cached_property
    def matrix(self) -> csr_array:
        """``(n_beads, n_atoms)`` with rows that sum to one: bead = matrix @ atoms."""
        totals = np.asarray(self.weights.sum(axis=1)).ravel()
        return csr_array(self.weights.multiply(1.0 / totals[:, None]))

    def apply(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """Bead positions of whole molecules.

        Args:
            positions: ``(n_molecules * n_atoms, 3)``, molecules whole.

        Returns:
            ``(n_molecules * n_beads, 3)``, in the same unit.
        """
        per_molecule = np.asarray(positions, dtype=np.float64).reshape(-1, self.n_atoms, 3)
        wide = per_molecule.transpose(1, 0, 2).reshape(self.n_atoms, -1)
        beads = self.matrix @ wide
        return beads.reshape(self.n_beads, -1, 3).transpose(1, 0, 2).reshape(-1, 3)

    def treats_alike(self, order: NDArray[np.int64]) -> bool:
        """Whether atoms may be numbered in this order and no bead sees it; ``(n_atoms,)``."""
        away = abs(self.weights[:, order] - self.weights)
        return bool((self.owners[order] == self.owners).all() and away.max() <= 1e-9 * self.weights.max())

    def validate(self, graph: MolecularGraph) -> None:
        """Checks that mapping and graph belong together.

        Raises:
            InputError: wrong number of atoms, a bead without atoms.
        """
        if self.n_atoms != graph.n_atoms:
            raise InputError(
                f"the mapping {self.source or self.molecule} describes {self.n_atoms} atoms, "
                f"the molecule {graph.name} has {graph.n_atoms}"
            )
        totals = np.asarray(self.weights.sum(axis=1)).ravel()
        for bead in np.flatnonzero(totals <= 0):
            raise InputError(
                f"bead {bead + 1} ({self.bead_names[bead]}) of {self.source or self.molecule} "
                "has no atoms; give it at least one, or remove it"
            )


def assign_owners(graph: MolecularGraph, weights: csr_array, *, where: str = "") -> NDArray[np.int64]:
    """The bead that owns each atom: the one of largest weight, the earlier of equals.

    An atom without weight goes with the nearest atom along bonds that has one (the earlier bead
    where two are as near), so that hydrogens follow their parents.

    Args:
        graph: the molecule.
        weights: sparse ``(n_beads, n_atoms)``.
        where: file or format, for messages.

    Returns:
        ``(n_atoms,)``.

    Raises:
        InputError: a connected molecule of the graph has no mapped atom at all.
    """
    columns = weights.toarray() if weights.shape[0] else np.zeros((1, graph.n_atoms))
    owners = np.where(columns.max(axis=0) > 0, columns.argmax(axis=0), -1).astype(np.int64)
    waiting = np.flatnonzero(owners < 0).tolist()
    while waiting:
        reached = {
            atom: min(owned)
            for atom in waiting
            if (owned := [int(owners[n]) for n in graph.neighbours[atom] if owners[n] >= 0])
        }
        if not reached:
            raise InputError(
                f"{where or graph.name}: atom {waiting[0] + 1} ({graph.names[waiting[0]]}) "
                "is not bonded to any atom that has a bead; give it one"
            )
        for atom, bead in reached.items():
            owners[atom] = bead
        waiting = [atom for atom in waiting if atom not in reached]
    return owners


def bead_bonds(graph: MolecularGraph, owners: NDArray[np.int64], weights: csr_array) -> NDArray[np.int64]:
    """Bonded beads: those that share an atom, or own two atoms that are bonded.

    Returns:
        ``(n, 2)``, i < j, sorted.
    """
    shared = csr_array(weights != 0).astype(np.int64)
    one, other = (shared @ shared.T).nonzero()
    through_bonds = owners[graph.bonds].reshape(-1, 2)
    pairs = np.sort(np.concatenate([np.column_stack([one, other]), through_bonds]), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0).astype(np.int64).reshape(-1, 2)


def _weight_matrix(beads: Sequence[Bead], n_atoms: int, where: str) -> csr_array:
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for number, bead in enumerate(beads):
        label = f"{where}: bead {number + 1} ({bead.name})"
        if not bead.atoms:
            raise InputError(f"{label} has no atoms; give it at least one, or remove it")
        if len(bead.atoms) != len(bead.weights):
            raise InputError(f"{label} has {len(bead.atoms)} atoms but {len(bead.weights)} weights")
        if len(set(bead.atoms)) != len(bead.atoms):
            raise InputError(f"{label} names an atom twice; use weights instead")
        if min(bead.atoms) < 0 or max(bead.atoms) >= n_atoms:
            raise InputError(f"{label} names atom {max(bead.atoms) + 1}, the molecule has {n_atoms}")
        if not all(np.isfinite(w) and w >= 0 for w in bead.weights) or sum(bead.weights) <= 0:
            raise InputError(f"{label} needs weights that are not negative and not all zero")
        rows += [number] * len(bead.atoms)
        columns += bead.atoms
        values += bead.weights
    return csr_array((np.array(values, dtype=np.float64), (rows, columns)), shape=(len(beads), n_atoms))


def _checked_bonds(
    bonds: Sequence[tuple[int, int]] | NDArray[np.int64], beads: Sequence[Bead], where: str
) -> NDArray[np.int64]:
    pairs = np.sort(np.asarray(bonds, dtype=np.int64).reshape(-1, 2), axis=1)
    for i, j in pairs.tolist():
        if i < 0 or j >= len(beads) or i == j:
            raise InputError(f"{where}: no bond can join beads {i + 1} and {j + 1} of {len(beads)}")
    return np.unique(pairs, axis=0).reshape(-1, 2)
