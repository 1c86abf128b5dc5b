"""Cutting, searching, drawing, joining."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.spatial.transform import Rotation

from bmzoo.backends.fragments.assembly import draw
from bmzoo.backends.fragments.groups import cut
from bmzoo.backends.fragments.library import FragmentClass, collect, describe
from bmzoo.backends.fragments.model import Fragments
from bmzoo.backends.fragments.packing import Packing, _contacts
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.periodic import neighbour_pairs
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping
from bmzoo.molecules.stereo import hands
from bmzoo.molecules.topology import Topology
from bmzoo.testing.toys import BOX, toy_frames, toy_pairs, toy_topology


def chain(n: int) -> Topology:
    """A chain of n carbons with two beads of chain ends and one bead an atom."""
    graph = MolecularGraph(
        "CHAIN", ("C",) * n, ("C",) * n, ("C",) * n, np.full(n, 12.0),
        np.array([[i, i + 1] for i in range(n - 1)]), np.ones(n, dtype=np.int64), ("CHN",) * n,
    )  # fmt: skip
    mapping = Mapping(
        "CHAIN", ("B",) * n, ("B",) * n, csr_array(np.eye(n)), np.arange(n), graph.bonds, source="chain"
    )
    return Topology(graph, mapping)


def chain_pairs(topology: Topology, n_frames: int) -> Iterator[PairedFrames]:
    rng = np.random.default_rng(0)
    for index in range(n_frames):
        steps = rng.standard_normal((topology.n_atoms, 3))
        steps *= 0.15 / np.linalg.norm(steps, axis=1, keepdims=True)
        frame = Frame(np.cumsum(steps, axis=0), index=index)
        yield PairedFrames(frame, frame)


def test_groups_cover_every_atom_once_and_join() -> None:
    topology = toy_topology()
    groups = cut(topology, "bead", reach=2)
    own = np.concatenate([group.own for group in groups])
    assert sorted(own.tolist()) == list(range(topology.n_atoms))
    assert all(set(group.own.tolist()).isdisjoint(group.halo.tolist()) for group in groups)
    assert len({group.key for group in groups}) == len(groups)
    (whole,) = cut(topology, "molecule", reach=2)
    assert len(whole.own) == topology.n_atoms
    assert not len(whole.halo)


def test_groups_of_a_chain_serve_longer_chains() -> None:
    short, long = (cut(chain(n), "bead", reach=2) for n in (7, 12))
    assert {group.key for group in short} == {group.key for group in long}
    model = Fragments(chain(7), Fragments.Config(scope="bead"))
    model.fit(chain_pairs(chain(7), 30))
    longer = Fragments(chain(12), Fragments.Config(scope="bead"))
    longer.load_state(model.state())
    coarse = next(chain_pairs(chain(12), 1)).coarse
    (frame,) = longer.backmap([coarse], seed=0)
    assert np.abs(frame.positions - coarse.positions).max() < 1e-9


def test_other_hand_other_class() -> None:
    topology = toy_topology()
    graph = dataclasses.replace(topology.graph, chirality=-topology.graph.chirality)
    mirrored = Topology(graph, topology.mapping)
    first, second = (cut(t, "bead", reach=2)[0].key for t in (topology, mirrored))
    assert first != second
    model = Fragments(mirrored)
    with pytest.raises(InputError, match="no molecule of the library has the stereocentres"):
        model.fit(toy_pairs(5))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n_beads=st.integers(1, 6))
def test_descriptors_know_rotations_from_reflections(seed: int, n_beads: int) -> None:
    rng = np.random.default_rng(seed)
    beads = 0.4 * rng.standard_normal((3, n_beads, 3))
    moved = beads @ Rotation.random(rng=rng).as_matrix() + rng.standard_normal(3)
    assert np.allclose(describe(beads), describe(moved), atol=1e-9)
    if n_beads > 3:
        assert not np.allclose(describe(beads), describe(-beads), atol=1e-6)


def test_search_finds_itself() -> None:
    beads = 0.4 * np.random.default_rng(0).standard_normal((50, 5, 3))
    library = FragmentClass.of(beads, beads)
    assert (library.nearest(beads, 1)[:, 0] == np.arange(50)).all()
    assert library.nearest(beads, 100).shape == (50, 50)


def test_draw_prefers_the_cheap() -> None:
    cost = np.tile([0.0, 1.0, 50.0], (20_000, 1))
    uniform = (np.arange(20_000) + 0.5) / 20_000
    counts = np.bincount(draw(cost, uniform), minlength=3) / 20_000
    assert counts == pytest.approx([1 / (1 + np.exp(-1)), np.exp(-1) / (1 + np.exp(-1)), 0], abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_contacts_are_those_of_the_neighbour_list(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = BOX * rng.uniform(0.2, 0.5)
    points, atoms = rng.uniform(-1, 2, (6, 3)), rng.uniform(-1, 2, (30, 3))
    expected = neighbour_pairs(points, box, 0.3, atoms)
    first, second, distances = _contacts(points, atoms, box, 0.3)
    rows = [sorted(zip(a, b, d, strict=True)) for a, b, d in (
        (expected.first.tolist(), expected.second.tolist(), expected.distances.tolist()),
        (first.tolist(), second.tolist(), distances.tolist()),
    )]  # fmt: skip
    assert np.allclose(rows[0], rows[1], atol=1e-9)


def test_library_is_thinned_evenly() -> None:
    molecules = collect(toy_pairs(20, 5), toy_topology(), max_molecules=30)
    assert 15 <= len(molecules) <= 30


@pytest.mark.parametrize("scope", ["molecule", "bead"])
def test_library_frames_come_back(scope: str) -> None:
    topology = toy_topology()
    model = Fragments(topology, Fragments.Config(scope=scope, neighbours=1, sweeps=0))
    model.fit(toy_pairs(30))
    pair = list(toy_pairs(30))[11]
    (frame,) = model.backmap([pair.coarse], seed=0)
    assert np.abs(frame.positions - pair.atomistic.positions).max() < 2e-3


@pytest.mark.parametrize("scope", ["molecule", "bead"])
def test_bonds_hands_and_beads_are_kept(scope: str) -> None:
    topology = toy_topology()
    model = Fragments(topology, Fragments.Config(scope=scope))
    model.fit(toy_pairs(60, 5, seed=1))
    for pair in toy_pairs(4, 5, periodic=True, seed=2):
        for frame in model.backmap([pair.coarse], n_samples=2, seed=3):
            molecules = frame.positions.reshape(-1, topology.n_atoms, 3)
            reference = pair.atomistic.positions.reshape(-1, topology.n_atoms, 3)
            i, j = topology.graph.bonds.T
            lengths, expected = (np.linalg.norm(m[:, i] - m[:, j], axis=2) for m in (molecules, reference))
            assert np.abs(lengths - expected).max() < 0.03
            assert (hands(molecules, topology.graph.stereocentres) == topology.graph.chirality).all()
            assert np.abs(topology.mapping.apply(frame.positions) - pair.coarse.positions).max() < 1e-9


def test_packing_costs() -> None:
    topology = chain(6)
    packing = Packing(topology.graph, cut(topology, "bead", reach=1))
    atoms = np.zeros((2, 6, 3))
    atoms[0, :, 0] = 0.15 * np.arange(6)
    atoms[1] = atoms[0] + np.array([0.0, 0.9, 0.0])
    rows = np.arange(2)
    assert packing(0, atoms[:, None, :1], rows, atoms, None).tolist() == [[0.0], [0.0]]
    # carbons touch at 0.34 - 0.03 nm; this candidate of the first molecule is 0.02 nm too near to an
    # atom of the second, and the next one is so through the box
    candidates = np.array([[[[0.0, 0.61, 0.0]], [[0.0, -0.11, 0.0]]]])
    box = np.diag([5.0, 1.3, 5.0])
    costs = packing(0, candidates, rows[:1], atoms, box)
    others = [max(0.31 - np.hypot(0.29, 0.15 * n), 0) ** 2 / 2e-4 for n in range(1, 6)]
    assert costs[0] == pytest.approx([2.0 + sum(others)] * 2)


def test_refuses_what_it_cannot_do() -> None:
    model = Fragments(toy_topology())
    with pytest.raises(InputError, match="has no library"):
        list(model.backmap(toy_frames(1), seed=0))
    with pytest.raises(InputError, match="holds no reference frames"):
        model.fit([])
    broken = next(toy_pairs(1))
    broken.atomistic.positions[0, 0] = np.nan
    with pytest.raises(InputError, match="toy, frame 0 of the library"):
        model.fit([broken])
