"""Placement, rules, ideal distances, relaxation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bmzoo.backends.geometric.chemistry import ideal_angles, ideal_pairs
from bmzoo.backends.geometric.model import Geometric
from bmzoo.backends.geometric.placement import bead_shares, coincident, place
from bmzoo.errors import InputError
from bmzoo.molecules.covalent import bond_lengths, bond_orders
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping, Rule
from bmzoo.molecules.stereo import hands
from bmzoo.molecules.topology import Topology
from bmzoo.testing.toys import toy_pairs, toy_topology


def mapping_of(rule: Rule, n_atoms: int = 5) -> Mapping:
    """One bead an atom, so that atoms start where beads are."""
    return Mapping(
        "T", ("B",) * n_atoms, ("B",) * n_atoms, csr_array(np.eye(n_atoms)), np.arange(n_atoms),
        np.zeros((0, 2), dtype=np.int64), (rule,), "test.map",
    )  # fmt: skip


BEADS = np.array([[[5.0, 5, 5], [0, 0, 0], [0.1, 0, 0], [0.1, 0.1, 0], [0, 0, 0.2]]])


@pytest.mark.parametrize(
    ("kind", "atoms", "expected"),
    [
        ("assign", (0, 2, 3), [0.1, 0.05, 0]),
        ("trans", (0, 1, 2, 3), [0, -0.125, 0]),
        ("cis", (0, 1, 2, 3), [-0.125, 0.125, 0]),
        ("out", (0, 1, 2), [-0.125, 0, 0]),
        ("chiral", (0, 1, 2, 4), None),
    ],
)
def test_rules(kind: str, atoms: tuple[int, ...], expected: list[float] | None) -> None:
    mapping = mapping_of(Rule(kind, atoms))
    placed = place(mapping, bead_shares(mapping), BEADS, 0.125)
    assert np.allclose(placed[0, 1:], BEADS[0, 1:])
    if expected is not None:
        assert np.allclose(placed[0, 0], expected)
    else:
        arms = placed[0, [0, 2, 4]] - placed[0, 1]
        assert np.linalg.norm(arms[0]) == pytest.approx(0.125)
        assert arms[0] @ np.cross(arms[1], arms[2]) > 0


def test_chiral_with_three_follows_the_order_of_the_references() -> None:
    signs = []
    for order in ((0, 1, 2, 3, 4), (0, 1, 3, 2, 4)):
        mapping = mapping_of(Rule("chiral", order))
        placed = place(mapping, bead_shares(mapping), BEADS, 0.125)[0]
        signs.append(placed[0, 2])
    assert signs[0] * signs[1] < 0


def test_bad_rules_are_named() -> None:
    for rule, message in (
        (Rule("trnas", (0, 1, 2, 3)), "did you mean 'trans'"),
        (Rule("cis", (0, 1)), "needs 3"),
    ):
        mapping = mapping_of(rule)
        with pytest.raises(InputError, match=message):
            place(mapping, bead_shares(mapping), BEADS, 0.125)


def test_shared_atoms_lie_between_beads_and_unweighted_ones_on_their_owner() -> None:
    weights = csr_array(np.array([[1.0, 3.0, 0.0], [0.0, 1.0, 0.0]]))
    mapping = Mapping("T", ("A", "B"), ("A", "B"), weights, np.array([0, 0, 1]), np.array([[0, 1]]))
    placed = place(mapping, bead_shares(mapping), np.array([[[0.0, 0, 0], [0.4, 0, 0]]]), 0.125)
    assert np.allclose(placed[0, :, 0], [0.0, 0.1, 0.4])
    assert coincident(placed).tolist() == [[False, False, False]]
    assert coincident(np.zeros((1, 2, 3))).all()


@pytest.mark.parametrize(
    ("smiles", "atoms", "order", "length", "angle"),
    [
        ("CC", (0, 1), 1.0, 0.154, 109.5),
        ("c1ccccc1", (0, 1), 1.5, 0.1395, 120.0),
        ("C=C", (0, 1), 2.0, 0.134, 120.0),
        ("CC#N", (1, 2), 3.0, 0.116, 180.0),
        ("CC(=O)NC", (1, 2), 2.0, 0.123, 120.0),
        ("CC(=O)NC", (1, 3), 1.0, 0.135, 120.0),
    ],
)
def test_ideal_distances(
    smiles: str, atoms: tuple[int, int], order: float, length: float, angle: float
) -> None:
    graph = MolecularGraph.from_smiles(smiles)
    row = graph.bonds.tolist().index(list(atoms))
    assert bond_orders(graph)[row] == pytest.approx(order)
    assert bond_lengths(graph)[row] == pytest.approx(length, abs=0.012)
    middle = graph.angles[:, 1] == atoms[0] if graph.degrees[atoms[0]] > 1 else graph.angles[:, 1] == atoms[1]
    assert np.degrees(ideal_angles(graph)[middle]) == pytest.approx(angle, abs=0.1)


@pytest.mark.parametrize("smiles", ["c1ccccc1", "C1CCCC1", "c1ccc2[nH]ccc2c1", "C1CCNC1"])
def test_planar_rings_close(smiles: str) -> None:
    graph = MolecularGraph.from_smiles(smiles)
    pairs = ideal_pairs(graph)
    assert (pairs.low <= pairs.high).all()
    for atom in np.flatnonzero(graph.degrees == 3).tolist():
        theta = np.degrees(ideal_angles(graph)[graph.angles[:, 1] == atom])
        assert theta.sum() == pytest.approx(360, abs=15) or smiles == "C1CCNC1"


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_relaxed_molecules_have_bonds_hands_and_beads(seed: int) -> None:
    topology = toy_topology()
    coarse = next(toy_pairs(1, 5, periodic=True, seed=seed)).coarse
    (frame,) = Geometric(topology).backmap([coarse], seed=seed)
    molecules = frame.positions.reshape(-1, topology.n_atoms, 3)
    i, j = topology.graph.bonds.T
    lengths = np.linalg.norm(molecules[:, i] - molecules[:, j], axis=2)
    assert np.abs(lengths - bond_lengths(topology.graph)).max() < 0.03
    assert (hands(molecules, topology.graph.stereocentres) == topology.graph.chirality).all()
    assert np.abs(topology.mapping.apply(frame.positions) - coarse.positions).max() < 1e-9


def test_beads_of_the_same_atoms_are_refused() -> None:
    topology = toy_topology()
    weights = topology.mapping.weights.toarray()
    weights[3] = weights[2]
    mapping = Mapping(
        "TOY", topology.mapping.bead_names, topology.mapping.bead_types, csr_array(weights),
        topology.mapping.owners, topology.mapping.bonds, source="double.map",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"two beads of double\.map"):
        Geometric(Topology(topology.graph, mapping))


def test_published_melt_keeps_its_tacticity(shared_data: object) -> None:
    from itertools import islice
    from pathlib import Path

    from bmzoo.frames.trajectory import read_frames
    from bmzoo.frames.whole import whole_molecules
    from bmzoo.systems import load_system

    topology = load_system("sps").topology
    folder = Path(str(shared_data)) / "sps"
    coarse = next(islice(whole_molecules(read_frames(folder / "cg.gro"), topology, beads=True), 1))
    (frame,) = Geometric(topology, Geometric.Config(iterations=80)).backmap([coarse], seed=0)
    found = hands(frame.positions.reshape(-1, topology.n_atoms, 3), topology.graph.stereocentres)
    known = topology.graph.chirality != 0
    assert (found == topology.graph.chirality)[:, known].mean() > 0.98
