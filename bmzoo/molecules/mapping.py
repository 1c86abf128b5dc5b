"""From atoms to beads: a sparse matrix of weights, and which bead owns an atom."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bmzoo.errors import InputError

if TYPE_CHECKING:
    from bmzoo.molecules.graph import MolecularGraph


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
        weights: sparse ``(n_beads, n_atoms)``, as read: never normalised, an atom may be shared.
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
