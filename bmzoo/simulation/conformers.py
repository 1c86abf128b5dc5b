"""Start conformers of small molecules by distance geometry (rdkit's ETKDG)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.graph import MolecularGraph


def embed(graph: MolecularGraph, rng: np.random.Generator) -> NDArray[np.float64]:
    """One random conformer; torsions as rdkit knows them from crystals.

    Riniker, Landrum, J. Chem. Inf. Model. 55, 2562 (2015).

    Args:
        graph: saturated but for six-rings of the type C_AR, which are aromatic; all hydrogens present.

    Returns:
        ``(n_atoms, 3)`` nm, centred.

    Raises:
        InputError: if rdkit finds none.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    molecule = Chem.RWMol()
    for element in graph.elements:
        atom = Chem.Atom(element)
        atom.SetNoImplicit(True)
        molecule.AddAtom(atom)
    for i, j in graph.bonds.tolist():
        aromatic = graph.types[i] == graph.types[j] == "C_AR"
        molecule.AddBond(i, j, Chem.BondType.AROMATIC if aromatic else Chem.BondType.SINGLE)
        for atom in (i, j) if aromatic else ():
            molecule.GetAtomWithIdx(atom).SetIsAromatic(True)
    Chem.SanitizeMol(molecule)
    if rdDistGeom.EmbedMolecule(molecule, randomSeed=int(rng.integers(2**31 - 1))) != 0:
        raise InputError(f"rdkit finds no conformer of {graph.name}; check its bonds")
    positions: NDArray[np.float64] = molecule.GetConformer().GetPositions() / 10.0
    return positions - positions.mean(axis=0)
