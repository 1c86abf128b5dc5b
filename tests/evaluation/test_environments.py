"""SOAP of groups of atoms, and clusters of environments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from molecules import chain_frames, chain_topology
from scipy.spatial.transform import Rotation

from bmzoo.errors import InputError
from bmzoo.evaluation import environments as env
from bmzoo.frames.frame import Frame

TOPOLOGY = chain_topology()
GROUPS = env.bead_groups(TOPOLOGY, 2)


def _vectors(positions: np.ndarray, box: np.ndarray | None = None, **options: bool) -> np.ndarray:
    frame = Frame(positions=positions, box=box)
    return env.describe([frame], TOPOLOGY, GROUPS, **options).vectors


def _molecules(seed: int, count: int = 2) -> np.ndarray:
    """Distorted chains side by side, 0.35 nm apart; ``(count * 8, 3)`` nm."""
    frame = chain_frames(1, noise=0.03)[0]
    x = frame.positions[: 8 * count] + 0.01 * np.random.default_rng(seed).normal(size=(8 * count, 3))
    x[:, 1] -= 0.25 * np.repeat(np.arange(count), 8)
    return x


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_soap_does_not_see_turns_shifts_and_names_of_atoms(seed: int) -> None:
    x = _molecules(seed)
    expected = _vectors(x)
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    np.testing.assert_allclose(_vectors(x @ turn.T + rng.normal(size=3)), expected, atol=1e-8)
    # like atoms of one group, numbered in another way
    swapped = x.reshape(2, 8, 3).copy()
    swapped[:, :4] = swapped[:, rng.permutation(4)]
    np.testing.assert_allclose(_vectors(swapped.reshape(-1, 3)), expected, atol=1e-8)
    # whole molecules in another order
    other = _vectors(x.reshape(2, 8, 3)[::-1].reshape(-1, 3)).reshape(2, len(GROUPS), -1)[::-1]
    np.testing.assert_allclose(other.reshape(expected.shape), expected, atol=1e-8)


def test_soap_sees_other_molecules_only_where_they_count() -> None:
    x = _molecules(1)
    apart = x.reshape(2, 8, 3) + np.array([[[0, 0, 0]], [[0, 0, 5.0]]])
    near, far = _vectors(x), _vectors(apart.reshape(-1, 3))
    assert np.abs(near - far).max() > 1e-3
    np.testing.assert_allclose(_vectors(x, surroundings=False), far, atol=1e-8)
    # a box brings its images near
    box = np.diag([3.0, 3.0, 3.0])
    wrapped = apart.copy()
    wrapped[1, :, 2] -= 5.0 - 3.0
    np.testing.assert_allclose(_vectors(wrapped.reshape(-1, 3), box), _vectors(x, box), atol=1e-8)


def test_vectors_are_of_unit_length_and_know_their_frame() -> None:
    found = env.describe(chain_frames(2), TOPOLOGY, GROUPS)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1)
    assert np.bincount(found.frames).tolist() == [4 * len(GROUPS)] * 2


def test_groups_of_beads() -> None:
    assert [g.tolist() for g in GROUPS] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [g.tolist() for g in env.bead_groups(TOPOLOGY, 1, ends=False)] == [[2, 3], [4, 5]]
    assert env.bead_groups(TOPOLOGY, None)[0].tolist() == list(range(8))
    with pytest.raises(InputError, match="no whole number of groups"):
        env.bead_groups(TOPOLOGY, 3)
    with pytest.raises(InputError, match="between its ends"):
        env.bead_groups(TOPOLOGY, 2, ends=False)


def test_as_many_clusters_as_there_are() -> None:
    rng = np.random.default_rng(0)
    points = np.repeat(rng.normal(size=(3, 2)), 20, axis=0) + 0.01 * rng.normal(size=(60, 2))
    assert env.fit_clusters(points).n_clusters == 3
    assert env.fit_clusters(points, 5).n_clusters == 5


def test_confusion_and_agreement() -> None:
    one, other = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 1, 2, 0])
    matrix = env.confusion(one, other, 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    kept, kappa = env.agreement(matrix)
    assert kept == pytest.approx(4 / 6)
    assert kappa == pytest.approx((4 / 6 - 1 / 3) / (1 - 1 / 3))
    assert env.agreement(np.diag([3.0, 1.0])) == (1, 1)
    counts = env.counts_by_frame(other, np.array([0, 0, 0, 1, 1, 1]), 3)
    assert counts.tolist() == [[1, 2, 0], [1, 1, 1]]


def test_cells_outside_the_grid_are_its_rim() -> None:
    points = np.array([[-9.0, 0.5], [0.1, 0.1], [0.9, 0.9], [0.5, 9.0]])
    cells = env.grid_cells(points, np.zeros(2), np.ones(2), 2)
    assert [divmod(c, 4) for c in cells.tolist()] == [(0, 2), (1, 1), (2, 2), (2, 3)]
