"""The chemical graph of one molecule: atoms, bonds and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MolecularGraph:
    """Atoms and bonds of one molecule (or of a whole, disconnected box).

    Attributes:
        name: molecule name.
        elements: element symbols, one an atom.
        names: atom names as in the user's files.
        types: force-field types (the element where none are known).
        masses: ``(n_atoms,)`` g/mol.
        bonds: ``(n_bonds, 2)``, i < j, sorted.
        residue_ids, residue_names: one an atom.
        chirality: ``(n_stereocentres,)`` in the order of ``stereocentres``: the hand that each
            centre must have, +1 or -1, 0 where free or unknown.
            The hand is the sign of ``(b - a) x (c - a) . (d - a)`` with a < b < c < d the
            neighbours of the centre.
    """

    name: str
    elements: tuple[str, ...]
    names: tuple[str, ...]
    types: tuple[str, ...]
    masses: NDArray[np.float64]
    bonds: Ints
    residue_ids: Ints
    residue_names: tuple[str, ...]
    chirality: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))

    @property
    def n_atoms(self) -> int:
        return len(self.elements)

    @cached_property
    def is_hydrogen(self) -> NDArray[np.bool_]:
        return np.array([e == "H" for e in self.elements])

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """Bonded atoms of every atom, ascending."""
        found: list[list[int]] = [[] for _ in range(self.n_atoms)]
        for i, j in self.bonds.tolist():
            found[i].append(j)
            found[j].append(i)
        return tuple(tuple(sorted(f)) for f in found)

    @cached_property
    def stereocentres(self) -> Ints:
        """``(n, 5)`` centre and its four neighbours, ascending; see molecules/stereo (to come)."""
        raise InputError("not yet")
