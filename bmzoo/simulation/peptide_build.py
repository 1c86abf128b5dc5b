"""Capped peptides built offline: sequence -> coordinates, Amber force field, OpenMM system."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError

if TYPE_CHECKING:
    from openmm import System
    from openmm.app import Topology as OpenMMTopology

FORCE_FIELD_FILES = ("amber99sbildn.xml", "amber99_obc.xml")
"""amber99sb-ildn and the built-in GBSAOBCForce (OBC2), both shipped with OpenMM."""

HYDROGEN_MASS = 3.0
"""g/mol; mass taken from the bonded heavy atom, so that 4 fs steps integrate accurately."""


@dataclass(frozen=True)
class Peptide:
    """A built peptide: OpenMM topology and positions ``(n_atoms, 3)`` in nm."""

    topology: OpenMMTopology
    positions: NDArray[np.float64]

    @property
    def labels(self) -> list[tuple[int, str]]:
        """Residue number (the ACE cap is 0) and name of every atom."""
        return [(atom.residue.index, atom.name) for atom in self.topology.atoms()]

    def atom(self, residue: int, name: str) -> int:
        """Index of an atom by residue number and atom name."""
        return self.labels.index((residue, name))


def build_peptide(
    sequence: str, backbone: Mapping[int, tuple[float, float]] | None = None, *, seed: int = 0
) -> Peptide:
    """ACE-``sequence``-NME with L residues and all-trans peptide bonds.

    Args:
        sequence: one-letter codes.
        backbone: (phi, psi) in degrees by residue number, 1 for the first amino acid; the ring
            keeps the phi of a proline.
        seed: of the conformer embedding.

    Raises:
        InputError: the sequence could not be embedded.
    """
    from openmm import Vec3, unit
    from openmm.app import Modeller

    molecule, labels = _embedded_molecule(sequence, seed)
    _set_backbone(molecule, labels, len(sequence), backbone or {})
    order = sorted(range(len(labels)), key=lambda at: (labels[at][0], at))
    topology = _heavy_topology(molecule, labels, order)
    xyz = molecule.GetConformer().GetPositions()[order] / 10.0
    modeller = Modeller(topology, [Vec3(*row) for row in xyz] * unit.nanometer)
    _add_hydrogens(modeller, seed)
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer))
    return Peptide(modeller.topology, positions)


def create_system(topology: OpenMMTopology, *, constrained: bool = True, repartition: bool = True) -> System:
    """The reference Hamiltonian: no cutoff, OBC2 implicit water, bonds to hydrogen constrained."""
    from openmm import unit
    from openmm.app import HBonds, NoCutoff

    return _force_field().createSystem(
        topology,
        nonbondedMethod=NoCutoff,
        constraints=HBonds if constrained else None,
        hydrogenMass=HYDROGEN_MASS * unit.dalton if repartition else None,
        removeCMMotion=False,
    )


def atom_classes(topology: OpenMMTopology) -> tuple[str, ...]:
    """Amber atom classes (CT, H1, ...), one an atom."""
    field = _force_field()
    types = _template_types(field, topology)
    return tuple(field._atomTypes[t].atomClass for t in types)


def _add_hydrogens(modeller: Any, seed: int) -> None:
    """OpenMM scatters hydrogens with Python's generator, which is seeded here and put back after."""
    from openmm import Platform

    state = random.getstate()
    random.seed(seed)
    try:
        modeller.addHydrogens(_force_field(), pH=7.0, platform=Platform.getPlatformByName("Reference"))
    finally:
        random.setstate(state)


@cache
def _force_field() -> Any:
    from openmm.app import ForceField

    return ForceField(*FORCE_FIELD_FILES)


def _template_types(field: Any, topology: OpenMMTopology) -> list[str]:
    """Type names by matching residues against templates, as ``createSystem`` does."""
    data = field._SystemData(topology)
    field._matchAllResiduesToTemplates(data, topology, {}, False)
    return [data.atomType[atom] for atom in topology.atoms()]


def _embedded_molecule(sequence: str, seed: int) -> tuple[Any, list[tuple[int, str, str]]]:
    """An RDKit molecule of heavy atoms in 3-D, with (residue number, residue name, atom name)."""
    from rdkit import Chem
    from rdkit.Chem.rdDistGeom import EmbedMolecule

    bare = Chem.MolFromFASTA(sequence)
    if bare is None:
        raise InputError(f"'{sequence}' is no amino-acid sequence; use one-letter codes such as YYDPETGTWY")
    infos = [atom.GetPDBResidueInfo() for atom in bare.GetAtoms()]
    labels = [(i.GetResidueNumber(), i.GetResidueName().strip(), i.GetName().strip()) for i in infos]
    index = {(number, name): at for at, (number, _, name) in enumerate(labels)}
    last = len(sequence)
    edited = Chem.RWMol(bare)

    single, double = Chem.BondType.SINGLE, Chem.BondType.DOUBLE

    def add(symbol: str, *label: Any) -> int:
        labels.append(label)
        new: int = edited.AddAtom(Chem.Atom(symbol))
        return new

    acetyl = [add("C", 0, "ACE", "CH3"), add("C", 0, "ACE", "C"), add("O", 0, "ACE", "O")]
    edited.AddBond(acetyl[0], acetyl[1], single)
    edited.AddBond(acetyl[1], acetyl[2], double)
    edited.AddBond(acetyl[1], index[1, "N"], single)
    amide = index[last, "OXT"]  # becomes the nitrogen of the NME cap
    edited.ReplaceAtom(amide, Chem.Atom("N"))
    labels[amide] = (last + 1, "NME", "N")
    edited.AddBond(add("C", last + 1, "NME", "C"), amide, single)
    molecule = edited.GetMol()
    Chem.SanitizeMol(molecule)
    full = Chem.AddHs(molecule)
    if EmbedMolecule(full, randomSeed=seed + 1) != 0:
        raise InputError(f"RDKit could not embed ACE-{sequence}-NME; try another seed")
    return Chem.RemoveHs(full), labels


def _set_backbone(
    molecule: Any,
    labels: Sequence[tuple[int, str, str]],
    length: int,
    backbone: Mapping[int, tuple[float, float]],
) -> None:
    """Sets omega to 180 degrees everywhere, phi and psi where given."""
    from rdkit.Chem import rdMolTransforms as geometry

    index = {(number, name): at for at, (number, _, name) in enumerate(labels)}
    conformer = molecule.GetConformer()
    for residue in range(1, length + 1):
        alpha_before = index[residue - 1, "CH3" if residue == 1 else "CA"]
        before, after = index[residue - 1, "C"], index[residue + 1, "N"]
        n, ca, c = (index[residue, name] for name in ("N", "CA", "C"))
        geometry.SetDihedralDeg(conformer, alpha_before, before, n, ca, 180.0)
        if residue in backbone:
            phi, psi = backbone[residue]
            if "PRO" not in {name for number, name, _ in labels if number == residue}:
                geometry.SetDihedralDeg(conformer, before, n, ca, c, phi)
            geometry.SetDihedralDeg(conformer, n, ca, c, after, psi)
    methyl = index[length + 1, "C"]
    geometry.SetDihedralDeg(
        conformer, index[length, "CA"], index[length, "C"], index[length + 1, "N"], methyl, 180.0
    )


def _heavy_topology(
    molecule: Any, labels: Sequence[tuple[int, str, str]], order: Sequence[int]
) -> OpenMMTopology:
    """An OpenMM topology of the heavy atoms in ``order``, which keeps residues together."""
    from openmm.app import Element, Topology

    topology = Topology()
    chain = topology.addChain()
    residues: dict[int, Any] = {}
    atoms: dict[int, Any] = {}
    for at in order:
        number, residue_name, name = labels[at]
        if number not in residues:
            residues[number] = topology.addResidue(residue_name, chain, str(number))
        element = Element.getBySymbol(molecule.GetAtomWithIdx(at).GetSymbol())
        atoms[at] = topology.addAtom(name, element, residues[number])
    for bond in molecule.GetBonds():
        topology.addBond(atoms[bond.GetBeginAtomIdx()], atoms[bond.GetEndAtomIdx()])
    return topology
