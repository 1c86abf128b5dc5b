"""Alanine dipeptide and chignolin: topology, mapping, embedded reference frames."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cache

import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from bmzoo.errors import InputError
from bmzoo.molecules.stereo import hands
from bmzoo.simulation import dipeptide
from bmzoo.simulation.chignolin_states import STATES, classify
from bmzoo.simulation.peptide_build import Peptide, build_peptide
from bmzoo.simulation.peptide_geometry import are_left_handed, are_trans, dihedrals
from bmzoo.simulation.peptides import SEQUENCES, peptide_topology, phi_psi_divergence
from bmzoo.systems import load_system
from bmzoo.systems.reference import Reference

SYSTEMS = ("adp", "cln")


@cache
def peptide(system: str) -> Peptide:
    return build_peptide(SEQUENCES[system])


@cache
def frames(system: str, split: str) -> np.ndarray:
    """``(n_frames, n_atoms, 3)`` nm."""
    reference = embedded(system)
    with XTCFile(str(reference.folder / reference.split(split)["file"])) as file:
        return np.array([frame.x for frame in file])


def embedded(system: str) -> Reference:
    reference = load_system(system).reference
    assert reference is not None
    return reference


@pytest.mark.parametrize(("name", "n_atoms", "n_beads", "charge"), [("adp", 22, 6, 0), ("cln", 175, 10, -2)])
def test_sizes(name: str, n_atoms: int, n_beads: int, charge: int) -> None:
    system = load_system(name)
    topology = system.topology
    assert (topology.n_atoms, topology.n_beads) == (n_atoms, n_beads)
    assert topology.force_field is not None
    assert topology.force_field.charges.sum() == pytest.approx(charge, abs=1e-9)
    assert topology.force_field.types == topology.graph.types
    assert len(topology.graph.bonds) == len(topology.force_field.bonds)
    assert set(topology.graph.components) == {0}
    assert not system.periodic


@pytest.mark.parametrize("name", SYSTEMS)
def test_embedded_topology_is_what_the_engine_says(name: str) -> None:
    graph, field = peptide_topology(name)
    topology = load_system(name).topology
    for expected, found in ((graph, topology.graph), (field, topology.force_field)):
        assert vars(expected).keys() >= set(type(expected).__dataclass_fields__)
        for entry in type(expected).__dataclass_fields__:
            np.testing.assert_array_equal(getattr(found, entry), getattr(expected, entry), err_msg=entry)


@pytest.mark.parametrize("name", SYSTEMS)
def test_mapping(name: str) -> None:
    topology = load_system(name).topology
    graph, mapping = topology.graph, topology.mapping
    rows, columns = mapping.weights.nonzero()
    assert np.array_equal(rows, np.arange(mapping.n_beads)), "one atom a bead"
    assert np.array_equal(mapping.owners[columns], rows)
    for bead in range(mapping.n_beads):
        own = set(np.flatnonzero(mapping.owners == bead).tolist())
        reached, waiting = set(), [int(columns[bead])]
        while waiting:
            atom = waiting.pop()
            reached.add(atom)
            waiting += [n for n in graph.neighbours[atom] if n in own and n not in reached]
        assert reached == own, f"the atoms of bead {bead} hang together"
    crossing = {
        tuple(sorted((int(mapping.owners[i]), int(mapping.owners[j])))) for i, j in graph.bonds.tolist()
    }
    assert {tuple(b) for b in mapping.bonds.tolist()} == {c for c in crossing if c[0] != c[1]}


def test_owners_of_the_dipeptide() -> None:
    topology = load_system("adp").topology
    sizes = Counter(topology.mapping.owners.tolist())
    assert [sizes[b] for b in range(6)] == [6, 2, 2, 4, 2, 6]


def test_threonine_has_two_centres_of_the_right_hand() -> None:
    """CIP labels from coordinates, by rdkit: L-threonine is (2S,3R), every other residue S."""
    from rdkit import Chem
    from rdkit.Geometry import Point3D

    graph = load_system("cln").topology.graph
    molecule = Chem.RWMol()
    for element in graph.elements:
        molecule.AddAtom(Chem.Atom(element))
    orders = _double_bonds(graph)
    for pair in graph.bonds.tolist():
        double = tuple(pair) in orders
        molecule.AddBond(*pair, Chem.BondType.DOUBLE if double else Chem.BondType.SINGLE)
    conformer = Chem.Conformer(graph.n_atoms)
    for atom, position in enumerate(peptide("cln").positions * 10.0):
        conformer.SetAtomPosition(atom, Point3D(*position.tolist()))
    molecule.AddConformer(conformer)
    for atom in molecule.GetAtoms():
        atom.SetNoImplicit(True)
    Chem.AssignStereochemistryFrom3D(molecule)
    labels = {
        (int(graph.residue_ids[a.GetIdx()]), graph.names[a.GetIdx()]): a.GetProp("_CIPCode")
        for a in molecule.GetAtoms()
        if a.HasProp("_CIPCode") and a.GetSymbol() == "C"
    }
    for centre in graph.stereocentres[:, 0].tolist():
        where = (int(graph.residue_ids[centre]), graph.names[centre])
        assert labels[where] == ("R" if where[1] == "CB" else "S"), where
    found = hands(peptide("cln").positions[None], graph.stereocentres)[0]
    assert np.array_equal(found, graph.chirality)
    assert len(found) == 11


def _double_bonds(graph) -> set[tuple[int, int]]:  # type: ignore[no-untyped-def]
    """The carbonyls: enough for priorities of backbone and threonine centres."""
    return {
        (i, j)
        for i, j in graph.bonds.tolist()
        if {graph.names[i], graph.names[j]} in ({"C", "O"}, {"CG", "OD1"}, {"CD", "OE1"})
    }


@pytest.mark.parametrize("name", SYSTEMS)
def test_unknown_state(name: str) -> None:
    from importlib import import_module

    with pytest.raises(InputError, match=import_module(f"bmzoo.systems.{name}").STATES[0]):
        import_module(f"bmzoo.systems.{name}").load("1K")


@pytest.mark.parametrize("name", SYSTEMS)
def test_embedded_files_are_the_recorded_ones(name: str) -> None:
    reference = embedded(name)
    for split in reference.splits:
        described = reference.split(split)
        content = (reference.folder / described["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == described["sha256"]
        assert len(frames(name, split)) == reference.n_frames(split)
    assert reference.provenance["temperature"] == load_system(name).topology.temperature


@pytest.mark.parametrize("name", SYSTEMS)
def test_embedded_frames_are_sound(name: str) -> None:
    """Trans peptides, L residues and unbroken bonds in every frame."""
    topology = load_system(name).topology
    graph, field = topology.graph, topology.force_field
    assert field is not None
    for split in embedded(name).splits:
        positions = frames(name, split)
        assert are_trans(peptide(name), positions).all()
        assert are_left_handed(peptide(name), positions).all()
        assert np.all(hands(positions, graph.stereocentres) == graph.chirality)
        i, j = field.bonds.T
        lengths = np.linalg.norm(positions[:, i] - positions[:, j], axis=2)
        assert np.abs(lengths / field.bond_r0 - 1.0).max() < 0.2


def test_dipeptide_basins_and_halves() -> None:
    train, test = frames("adp", "train"), frames("adp", "test")
    assert len(train) >= 30_000
    assert len(test) >= 10_000
    for positions in (train, test):
        shares = dipeptide.populations(peptide("adp"), positions)
        assert shares["beta"] > 0.3
        assert shares["alpha_R"] > 0.2
        assert 0.005 < shares["alpha_L"] < 0.05
    everything = np.concatenate([train, test])
    runs = np.concatenate([embedded("adp").split(s)["runs"] for s in ("train", "test")])
    half = np.repeat(np.arange(len(runs)) % 2, runs).astype(bool)
    assert phi_psi_divergence(peptide("adp"), everything[half], everything[~half]) < 0.02


def test_dipeptide_forces_belong_to_the_frames() -> None:
    """Recomputed at the stored positions, which are rounded to 1e-4 nm."""
    import openmm

    from bmzoo.simulation.openmm_system import build_system

    reference = embedded("adp")
    stored = np.load(reference.folder / reference.split("train")["forces"])["forces"]
    positions = frames("adp", "train")
    assert stored.shape == positions.shape
    system = build_system(load_system("adp").topology, 1)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    for index in range(0, len(positions), 3000):
        context.setPositions(positions[index])
        forces = context.getState(forces=True).getForces(asNumpy=True)._value
        assert np.sqrt(np.mean((stored[index] - forces) ** 2)) < 25.0
        assert np.sqrt(np.mean(forces**2)) > 300.0


def test_chignolin_has_every_state() -> None:
    for split in ("train", "test"):
        counts = np.bincount(classify(peptide("cln"), frames("cln", split)), minlength=4)
        assert np.all(counts[[0, 1, 3]] > 0.05 * counts.sum()), dict(zip(STATES, counts, strict=True))
    assert "not thermodynamic" in embedded("cln").provenance["note"]


def test_landscape_atoms() -> None:
    adp, cln = load_system("adp"), load_system("cln")
    assert adp.landscape is not None
    assert cln.landscape is not None
    quads = np.array(adp.landscape.atoms)
    built = build_peptide("A", {1: (-70.0, 140.0)})
    np.testing.assert_allclose(np.degrees(dihedrals(built.positions[None], quads)), [[-70, 140]], atol=1e-6)
    (alphas,) = cln.landscape.atoms
    assert {cln.topology.graph.names[a] for a in alphas} == {"CA"}
    assert len(alphas) == 10


def test_embedded_coarse_grained_simulation() -> None:
    """Enough long trajectories, hands and bonds of the beads as in the reference, both large basins."""
    reference = embedded("adp")
    described = reference.coarse
    content = (reference.folder / described["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == described["sha256"]
    assert len(described["runs"]) >= 20
    assert min(described["runs"]) >= 4000
    beads = np.stack([f.positions for f in reference.coarse_frames(0, None, 40)])
    n, ca, cb, c = (beads[:, k] for k in (1, 2, 3, 4))
    assert np.einsum("...i,...i", np.cross(n - ca, c - ca), cb - ca).min() > 0, "left-handed"
    for i, j in load_system("adp").topology.mapping.bonds:
        lengths = np.linalg.norm(beads[:, i] - beads[:, j], axis=-1)
        assert 0.12 < lengths.min() < lengths.max() < 0.17
    phi, psi = dihedrals(beads, np.array([(0, 1, 2, 4), (1, 2, 4, 5)])).T
    shares = np.bincount(dipeptide.basins(phi, psi), minlength=3) / len(beads)
    assert min(shares[:2]) > 0.2
