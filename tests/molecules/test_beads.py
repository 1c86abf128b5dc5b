"""Molecules of beads, and the encoder that merges consecutive ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.molecules.beads import (
    BEAD,
    bead_graph,
    chain_graph,
    chain_paths,
    identity_mapping,
    merge_consecutive,
)
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.systems import load_system


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 40), s=st.integers(1, 12), seed=st.integers(0, 99))
def test_merging_keeps_the_centre_of_mass(n: int, s: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = chain_graph("X", ["A"] * n, rng.uniform(1, 9, n))
    mapping = merge_consecutive(graph, s)
    positions = rng.standard_normal((2 * n, 3))
    beads = mapping.apply(positions).reshape(2, -1, 3)
    counts = np.bincount(mapping.owners)
    assert counts.sum() == n
    assert (counts[:-1] == s).all()
    assert len(counts) == 1 or s / 2 <= counts[-1] < 1.5 * s
    weight = np.bincount(mapping.owners, graph.masses)
    centre = np.einsum("i,mix->mx", weight, beads) / weight.sum()
    whole = np.einsum("i,mix->mx", graph.masses, positions.reshape(2, n, 3)) / graph.masses.sum()
    assert np.allclose(centre, whole)
    assert mapping.bonds.tolist() == [[k, k + 1] for k in range(len(counts) - 1)]


def test_like_beads_have_like_weights() -> None:
    """The model that is morphed and the target have other masses, but one and the same encoder."""
    one, other = (merge_consecutive(chain_graph("X", "K" * 9, m), 4) for m in (1.0, 312.45))
    assert np.array_equal(one.weights.toarray(), other.weights.toarray())


@given(n=st.integers(1, 40), s=st.integers(1, 12))
def test_short_ends(n: int, s: int) -> None:
    counts = np.bincount(merge_consecutive(chain_graph("X", "K" * n, 1.0), s, short_ends=True).owners)
    assert counts.sum() == n
    assert counts[0] == min(n, max(1, s // 2))
    assert (counts[1:-1] == s).all()
    assert counts[-1] <= s
    if n == 32 and s in (2, 4):
        assert counts[-1] == s // 2


def test_order_is_that_of_the_chain() -> None:
    graph = MolecularGraph(
        "shuffled", (BEAD,) * 4, tuple("abcd"), ("K",) * 4, np.ones(4), np.array([[0, 2], [2, 1], [1, 3]]),
        np.ones(4, dtype=int), ("X",) * 4,
    )  # fmt: skip
    assert chain_paths(graph) == [[0, 2, 1, 3]]
    assert merge_consecutive(graph, 2).owners.tolist() == [0, 1, 0, 1]


def test_branches_and_rings_are_refused() -> None:
    star = MolecularGraph(
        "star", (BEAD,) * 4, tuple("abcd"), ("K",) * 4, np.ones(4), np.array([[0, 1], [0, 2], [0, 3]]),
        np.ones(4, dtype=int), ("X",) * 4,
    )  # fmt: skip
    with pytest.raises(InputError, match="no linear chain"):
        merge_consecutive(star, 2)
    with pytest.raises(InputError, match="at least 1"):
        merge_consecutive(chain_graph("X", "KK", 1.0), 0)


def test_beads_of_polystyrene() -> None:
    topology = load_system("sps").topology
    graph = bead_graph(topology)
    assert graph.n_atoms == topology.n_beads
    assert graph.elements == (BEAD,) * 20
    assert graph.masses.sum() == pytest.approx(topology.graph.masses[:160].sum(), rel=0.02)
    assert graph.masses[1] == pytest.approx(77.1, abs=0.1)
    assert not len(graph.stereocentres)
    assert identity_mapping(graph).apply(np.eye(20, 3)).tolist() == np.eye(20, 3).tolist()
