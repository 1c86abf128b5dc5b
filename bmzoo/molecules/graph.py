"""The chemical graph of one molecule: atoms, bonds and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmzoo.errors import InputError
from bmzoo.molecules import topological

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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
        bonds: ``(n_bonds, 2)``, i < j, sorted (put into this form by the constructor).
        residue_ids, residue_names: one an atom.
        chirality: ``(n_stereocentres,)`` in the order of ``stereocentres``: the hand that each
            centre must have, +1 or -1, 0 where free or unknown; all 0 where not given.
            The hand is the sign of ``(b - a) x (c - a) . (d - a)`` with a < b < c < d the
            neighbours of the centre.
        mirror: types that are mirror images of one another (``A1: A2``), both ways; of beads, whose
            hands no stereocentre tells.

    Raises:
        InputError: arrays of different lengths, a bond to an unknown atom or to itself, or twice; a type
            whose mirror image is not its mirror image in turn.
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
    mirror: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("elements", "names", "types", "residue_names"):
            object.__setattr__(self, what, tuple(getattr(self, what)))
        object.__setattr__(self, "masses", np.asarray(self.masses, dtype=np.float64))
        object.__setattr__(self, "residue_ids", np.asarray(self.residue_ids, dtype=np.int64))
        for what in ("names", "types", "masses", "residue_ids", "residue_names"):
            if len(getattr(self, what)) != self.n_atoms:
                raise InputError(
                    f"the molecule {self.name} has {self.n_atoms} elements "
                    f"but {len(getattr(self, what))} {what.replace('_', ' ')}; give one for each atom"
                )
        object.__setattr__(self, "bonds", self._checked_bonds())
        object.__setattr__(self, "mirror", dict(self.mirror))
        for one, other in self.mirror.items():
            if self.mirror.get(other) != one:
                raise InputError(
                    f"the molecule {self.name} has {other} as the mirror image of {one}, but not the other "
                    "way; give both"
                )
        self._check_chirality()

    def _checked_bonds(self) -> Ints:
        bonds = np.sort(np.asarray(self.bonds, dtype=np.int64).reshape(-1, 2), axis=1)
        for i, j in bonds.tolist():
            if i < 0 or j >= self.n_atoms:
                raise InputError(
                    f"the molecule {self.name} has {self.n_atoms} atoms, "
                    f"but a bond between atoms {i + 1} and {j + 1}"
                )
            if i == j:
                raise InputError(f"atom {i + 1} of the molecule {self.name} is bonded to itself")
        unique, counts = np.unique(bonds, axis=0, return_counts=True)
        for i, j in unique[counts > 1].tolist():
            raise InputError(f"the bond {i + 1}-{j + 1} of the molecule {self.name} is listed twice")
        return unique.reshape(-1, 2)

    def _check_chirality(self) -> None:
        chirality = np.asarray(self.chirality, dtype=np.int8)
        n_centres = len(self.stereocentres)
        if not len(chirality):
            chirality = np.zeros(n_centres, dtype=np.int8)
        if len(chirality) != n_centres:
            raise InputError(
                f"the molecule {self.name} has {n_centres} stereocentres, "
                f"but {len(chirality)} hands are given"
            )
        object.__setattr__(self, "chirality", chirality)

    @classmethod
    def from_smiles(cls, smiles: str, name: str = "MOL") -> MolecularGraph:
        """A molecule with all its hydrogens; see ``formats/smiles.py``."""
        from bmzoo.molecules.formats.smiles import read_smiles

        return read_smiles(smiles, name)

    @classmethod
    def from_itp(cls, paths: str | Path | Sequence[str | Path]) -> MolecularGraph:
        """The molecule of a GROMACS itp or top file (or of several); see ``formats/itp.py``."""
        from bmzoo.molecules.formats.itp import read_gromacs

        several = [paths] if isinstance(paths, str | Path) else list(paths)
        return read_gromacs(several)[0]

    @classmethod
    def from_pdb(cls, path: str | Path) -> MolecularGraph:
        """The molecule of a PDB file, hands from its coordinates; see ``formats/pdb.py``."""
        from bmzoo.molecules.formats.pdb import read_pdb

        return read_pdb(path)

    def with_hands(self, positions: ArrayLike) -> MolecularGraph:
        """The same molecule whose stereocentres must have the hands of these positions.

        Args:
            positions: ``(n_atoms, 3)``, in any unit, the molecule whole.
        """
        from bmzoo.molecules.stereo import hands

        one = np.asarray(positions, dtype=np.float64).reshape(1, self.n_atoms, 3)
        return replace(self, chirality=hands(one, self.stereocentres)[0])

    @property
    def n_atoms(self) -> int:
        return len(self.elements)

    @cached_property
    def is_hydrogen(self) -> NDArray[np.bool_]:
        return np.array([e == "H" for e in self.elements], dtype=bool)

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """Bonded atoms of every atom, ascending."""
        return topological.neighbours(self.n_atoms, self.bonds)

    @cached_property
    def degrees(self) -> Ints:
        """``(n_atoms,)`` number of bonds of every atom."""
        return np.array([len(n) for n in self.neighbours], dtype=np.int64)

    @cached_property
    def angles(self) -> Ints:
        """``(n, 3)`` i-j-k, j the middle atom, i < k; sorted by j, i, k."""
        return topological.angles(self.neighbours)

    @cached_property
    def dihedrals(self) -> Ints:
        """``(n, 4)`` proper dihedrals i-j-k-l along bonds, j < k; sorted by j, k, i, l."""
        return topological.dihedrals(self.neighbours, self.bonds)

    @cached_property
    def impropers(self) -> Ints:
        """``(n, 4)`` every atom with exactly three neighbours: the centre, its neighbours ascending."""
        return topological.impropers(self.neighbours)

    @cached_property
    def rings(self) -> tuple[tuple[int, ...], ...]:
        """Smallest set of smallest rings (rdkit); each around the ring from its lowest atom."""
        return topological.rings(self.n_atoms, self.bonds)

    @cached_property
    def in_ring(self) -> NDArray[np.bool_]:
        """``(n_atoms,)`` whether an atom is part of a ring."""
        flags = np.zeros(self.n_atoms, dtype=bool)
        flags[[atom for ring in self.rings for atom in ring]] = True
        return flags

    @cached_property
    def components(self) -> Ints:
        """``(n_atoms,)`` number of the connected molecule, counted from 0 in order of first atoms."""
        return topological.components(self.n_atoms, self.bonds)

    def topological_distances(self, k: int) -> csr_array:
        """Sparse ``(n_atoms, n_atoms)`` number of bonds between atoms 1 to ``k`` bonds apart."""
        return topological.distances(self.n_atoms, self.bonds, k)

    @cached_property
    def symmetry_classes(self) -> Ints:
        """``(n_atoms,)`` equal for atoms that no refinement of elements and bonds tells apart."""
        return topological.symmetry_classes(self.elements, self.neighbours)

    @cached_property
    def stereocentres(self) -> Ints:
        """``(n, 5)`` centre and its four neighbours, ascending; see ``stereo.find_stereocentres``."""
        from bmzoo.molecules.stereo import find_stereocentres

        return find_stereocentres(self)
