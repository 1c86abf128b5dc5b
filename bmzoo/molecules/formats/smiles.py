"""Molecules from SMILES, through rdkit."""

from __future__ import annotations

from collections import Counter

import numpy as np

from bmzoo.errors import InputError
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.stereo import parity


def read_smiles(smiles: str, name: str = "MOL") -> MolecularGraph:
    """Heavy atoms in the order of the SMILES, then all hydrogens.

    Names are the element and a running number for each element (C1, C2, H1); one residue.
    Hands come from the @ and @@ of the SMILES, 0 where it gives none.

    Raises:
        InputError: if rdkit cannot read the SMILES.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        parsed = Chem.MolFromSmiles(smiles)
    if parsed is None or parsed.GetNumAtoms() == 0:
        raise InputError(f"cannot read the SMILES {smiles!r} of {name}; check its brackets and valences")
    molecule = Chem.AddHs(parsed)
    if any(atom.GetAtomicNum() == 0 for atom in molecule.GetAtoms()):
        raise InputError(f"the SMILES {smiles!r} of {name} holds a wildcard (*); write the atom itself")
    elements = tuple(atom.GetSymbol() for atom in molecule.GetAtoms())
    graph = MolecularGraph(
        name=name,
        elements=elements,
        names=running_names(elements),
        types=elements,
        masses=np.array([atom.GetMass() for atom in molecule.GetAtoms()]),
        bonds=np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]),
        residue_ids=np.ones(len(elements), dtype=np.int64),
        residue_names=(name,) * len(elements),
    )
    tags = [_hand(molecule.GetAtomWithIdx(centre)) for centre in graph.stereocentres[:, 0].tolist()]
    graph.chirality[:] = tags
    return graph


def running_names(elements: tuple[str, ...]) -> tuple[str, ...]:
    """C1, C2, H1, ... in order."""
    counts: Counter[str] = Counter()
    names = []
    for element in elements:
        counts[element] += 1
        names.append(f"{element}{counts[element]}")
    return tuple(names)


def _hand(atom: object) -> int:
    """Our hand from rdkit's tag, which speaks of neighbours in the order of the atom's bonds.

    Counter-clockwise seen from the first neighbour is a negative ``(b - a) x (c - a) . (d - a)``.
    """
    from rdkit.Chem import ChiralType

    signs = {ChiralType.CHI_TETRAHEDRAL_CCW: -1, ChiralType.CHI_TETRAHEDRAL_CW: 1}
    sign = signs.get(atom.GetChiralTag(), 0)  # type: ignore[attr-defined]
    bonds = atom.GetBonds()  # type: ignore[attr-defined]
    return sign * parity(tuple(bond.GetOtherAtomIdx(atom.GetIdx()) for bond in bonds))  # type: ignore[attr-defined]
