"""Molecules from PDB files, through rdkit."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.formats.text import read_text
from bmzoo.molecules.graph import MolecularGraph

LONGEST_BOND = 3.0
"""Angstrom; a longer CONECT bond crosses a periodic boundary, and says nothing about hands."""


def read_pdb(path: str | PathLike[str]) -> MolecularGraph:
    """The atoms of the first model, bonds from CONECT records.

    Where some atoms have no CONECT record, bonds are added from distances and covalent radii (rdkit),
    with a warning. Hands come from the coordinates; 0 where a molecule is broken across the box.

    Raises:
        InputError: unreadable, no atoms, an atom of unknown element.
    """
    text = read_text(path)
    molecule = _parsed(text, guess=False)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise InputError(f"{path} holds no ATOM or HETATM records that can be read; is it a PDB file?")
    lonely = sum(atom.GetDegree() == 0 for atom in molecule.GetAtoms())
    if lonely and molecule.GetNumAtoms() > 1:
        molecule = _parsed(text, guess=True)
        warnings.warn(
            f"{path}: {lonely} of {molecule.GetNumAtoms()} atoms have no CONECT record; "
            "bonds were guessed from distances and covalent radii",
            stacklevel=2,
        )
    graph = _graph(molecule, Path(path))
    positions = molecule.GetConformer().GetPositions()
    hands = graph.with_hands(positions).chirality
    hands[_broken(positions, graph)] = 0
    graph.chirality[:] = hands
    return graph


def _parsed(text: str, *, guess: bool) -> Any:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        return Chem.MolFromPDBBlock(text, sanitize=False, removeHs=False, proximityBonding=guess)


def _graph(molecule: Any, path: Path) -> MolecularGraph:
    infos = [atom.GetPDBResidueInfo() for atom in molecule.GetAtoms()]
    elements = tuple(atom.GetSymbol() for atom in molecule.GetAtoms())
    names = tuple(info.GetName().strip() for info in infos)
    for number, (element, name) in enumerate(zip(elements, names, strict=True), start=1):
        if element == "*":
            raise InputError(f"{path}: the element of atom {number} ({name}) is unknown; fill columns 77-78")
    return MolecularGraph(
        name=path.stem,
        elements=elements,
        names=names,
        types=elements,
        masses=np.array([atom.GetMass() for atom in molecule.GetAtoms()]),
        bonds=np.array(
            [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()], dtype=np.int64
        ),
        residue_ids=np.array([info.GetResidueNumber() for info in infos], dtype=np.int64),
        residue_names=tuple(info.GetResidueName().strip() for info in infos),
    )


def _broken(positions: NDArray[np.float64], graph: MolecularGraph) -> NDArray[np.bool_]:
    centres = graph.stereocentres
    spokes = positions[centres[:, 1:]] - positions[centres[:, :1]]
    return np.linalg.norm(spokes, axis=-1).max(axis=1, initial=0.0) > LONGEST_BOND
