"""Stereocentres, hands and tacticity against rdkit's own three-dimensional structures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.stereo import hands, tacticity

LALA = "C[C@H](N)C(=O)O"


def embedded(smiles: str, seed: int = 7) -> np.ndarray:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(molecule, randomSeed=seed, useRandomCoords=True) == 0
    return molecule.GetConformer().GetPositions()


def renumbered(graph: MolecularGraph, order: np.ndarray) -> MolecularGraph:
    """Atom ``i`` of the new molecule is atom ``order[i]`` of the old one."""
    place = np.argsort(order)
    take = lambda values: tuple(values[i] for i in order)  # noqa: E731
    return replace(
        graph,
        elements=take(graph.elements),
        names=take(graph.names),
        types=take(graph.types),
        masses=graph.masses[order],
        bonds=place[graph.bonds],
        residue_names=take(graph.residue_names),
        chirality=np.zeros(0, dtype=np.int8),
    )


@pytest.mark.parametrize(
    "smiles",
    [
        LALA,
        "C[C@@H](N)C(=O)O",
        "N[C@@H](C)C(=O)O",
        "[C@](F)(Cl)(Br)I",
        "[C@@H](F)(Cl)Br",
        "C[C@@H](O)[C@H](N)C(=O)O",
        "O=C1CC[C@H]2[C@@H]1CCC2O",
        "C[C@H](c1ccccc1)C[C@@H](c1ccccc1)CC(c1ccccc1)C",
        "C[N@@+](CC)(CCC)c1ccccc1",
    ],
)
def test_smiles_hands_are_those_of_the_structure(smiles: str) -> None:
    graph = MolecularGraph.from_smiles(smiles)
    found = hands(embedded(smiles)[None], graph.stereocentres)[0]
    given = graph.chirality != 0
    assert given.any()
    np.testing.assert_array_equal(found[given], graph.chirality[given])


@pytest.mark.parametrize(
    ("smiles", "centres"),
    [
        ("CCCC", 0),
        (LALA, 1),
        ("CC(C)C", 0),
        ("CCC(CCC)CCCC", 1),
        ("CC(F)C(O)C(F)C", 3),  # the middle one is pseudo-asymmetric
        ("CCC(O)CC", 0),
        ("OC1CCCCC1O", 2),
        ("CC(c1ccccc1)" + "CC(c1ccccc1)" * 8 + "CCc1ccccc1", 9),
    ],
)
def test_number_of_stereocentres(smiles: str, centres: int) -> None:
    assert len(MolecularGraph.from_smiles(smiles).stereocentres) == centres


def test_stereocentres_do_not_depend_on_numbering() -> None:
    graph = MolecularGraph.from_smiles("CC(c1ccccc1)" + "CC(c1ccccc1)" * 4 + "C")
    order = np.random.default_rng(1).permutation(graph.n_atoms)
    moved = renumbered(graph, order)
    assert sorted(order[moved.stereocentres[:, 0]]) == graph.stereocentres[:, 0].tolist()


def test_a_mirror_turns_every_hand_and_motion_none() -> None:
    graph = MolecularGraph.from_smiles("C[C@@H](O)[C@H](N)C(=O)O")
    positions = embedded("C[C@@H](O)[C@H](N)C(=O)O")
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    several = np.stack([positions, positions * [1, 1, -1], positions @ rotation + 4.0])
    found = hands(several, graph.stereocentres)
    np.testing.assert_array_equal(found[1], -found[0])
    np.testing.assert_array_equal(found[2], found[0])
    np.testing.assert_array_equal(graph.with_hands(positions).chirality, found[0])


def polystyrene(sequence: str, end: str) -> str:
    """Stereo SMILES: written along the chain alike, equal tags are isotactic."""
    return (
        "C"
        + "C".join(f"[C{tag}H](c1ccccc1)" for tag in sequence.replace("R", "@ ").replace("S", "@@ ").split())
        + end
    )


@pytest.mark.parametrize("end", ["C", "CC", "CCc1ccccc1"])
@pytest.mark.parametrize(
    ("sequence", "racemic"),
    [("RRRR", [0, 0, 0]), ("RSRS", [1, 1, 1]), ("RRSR", [0, 1, 1]), ("SS", [0]), ("RS", [1])],
)
def test_tacticity_of_oligomers(sequence: str, end: str, racemic: list[int]) -> None:
    graph = MolecularGraph.from_smiles(polystyrene(sequence, end))
    found = tacticity(graph, graph.chirality)
    along = found.racemic[0, np.argsort(found.dyads[:, 0])]
    assert along.tolist() == racemic
    assert found.racemic_fraction == pytest.approx(np.mean(racemic))


def test_equal_tags_are_isotactic_in_space() -> None:
    """The zig-zag chain of an isotactic oligomer has all rings on one side: checked by geometry."""
    smiles = polystyrene("RR", "C")
    graph, positions = MolecularGraph.from_smiles(smiles), embedded(polystyrene("RR", "C"))
    molecule = Chem.MolFromSmiles(smiles)
    labels = [label for _, label in Chem.FindMolChiralCenters(molecule, useLegacyImplementation=False)]
    assert sorted(labels) == ["R", "S"]  # meso: the two centres are mirror images
    assert tacticity(graph, hands(positions[None], graph.stereocentres)).racemic_fraction == 0.0


def test_tacticity_does_not_depend_on_numbering() -> None:
    smiles = polystyrene("RRSRSSR", "CCc1ccccc1")
    graph, positions = MolecularGraph.from_smiles(smiles), embedded(smiles)
    expected = tacticity(graph, hands(positions[None], graph.stereocentres)).racemic_fraction
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(graph.n_atoms)
        moved = renumbered(graph, order)
        found = tacticity(moved, hands(positions[order][None], moved.stereocentres))
        assert found.racemic_fraction == pytest.approx(expected) == pytest.approx(4 / 6)


def test_unknown_hands_are_left_out() -> None:
    graph = MolecularGraph.from_smiles(polystyrene("RR", "CC(c1ccccc1)C"))
    found = tacticity(graph, graph.chirality)
    assert sorted(found.racemic[0].tolist()) == [-1, 0]
    assert np.isnan(tacticity(MolecularGraph.from_smiles("CC"), np.zeros((2, 0))).racemic_fraction)
