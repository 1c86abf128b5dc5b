"""Superposition, degenerate cases included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from bmzoo.errors import InputError
from bmzoo.frames.superpose import superpose

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(3, 8))
def test_undoes_rotations_and_translations(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4, 5, n, 3))
    turns = Rotation.random(20, rng=rng).as_matrix().reshape(4, 5, 3, 3)
    moved = x @ turns + rng.normal(scale=10, size=(4, 5, 1, 3))
    fit = superpose(x, moved)
    np.testing.assert_allclose(fit(x), moved, atol=1e-6)
    np.testing.assert_allclose(fit.rmsd, 0, atol=1e-6)
    assert fit.rmsd.shape == (4, 5)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.booleans())
def test_is_the_best_proper_rotation(seed: int, mirrored: bool) -> None:
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=(7, 3)), rng.normal(scale=0.3, size=(7, 3))
    y = (x * [1, 1, -1] if mirrored else x) + noise
    w = rng.uniform(0.1, 2.0, 7)
    fit = superpose(x, y, w)
    np.testing.assert_allclose(np.linalg.det(fit.rotation), 1)
    a, b = x - np.average(x, axis=0, weights=w), y - np.average(y, axis=0, weights=w)
    expected, rssd = Rotation.align_vectors(b, a, weights=w)
    assert fit.rmsd <= rssd / np.sqrt(w.sum()) + 1e-6
    np.testing.assert_allclose(fit.rotation.T, expected.as_matrix(), atol=1e-4)
    rest = np.linalg.norm(fit(x) - y, axis=1)
    np.testing.assert_allclose(fit.rmsd, np.sqrt(np.average(rest**2, weights=w)))


def test_weights_and_broadcasting() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 5, 3)), rng.normal(size=(5, 3))
    fit = superpose(x, y, np.array([1.0, 1, 1, 0, 0]))
    alone = superpose(x[:, :3], y[:3])
    np.testing.assert_allclose(fit.rotation, alone.rotation, atol=1e-9)
    np.testing.assert_allclose(fit.translation, alone.translation, atol=1e-9)
    np.testing.assert_allclose(fit.rmsd, alone.rmsd)


def test_one_point_is_only_moved() -> None:
    fit = superpose([[1.0, 2, 3]], [[4.0, 4, 4]])
    np.testing.assert_array_equal(fit.rotation, np.eye(3))
    np.testing.assert_allclose(fit.translation, [3, 2, 1])
    assert fit.rmsd == 0


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 4))
def test_points_on_a_line_turn_as_little_as_possible(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    along, across = rng.normal(size=3), rng.normal(size=3)
    along, across = along / np.linalg.norm(along), across / np.linalg.norm(across)
    if along @ across < -0.99:
        return
    steps = np.sort(rng.normal(size=n))[:, None]
    fit = superpose(steps * along, steps * across + 5)
    np.testing.assert_allclose(fit.rmsd, 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(fit.rotation), 1)
    smallest, _ = Rotation.align_vectors(across, along)
    angle = np.arccos(np.clip(along @ across, -1, 1))
    np.testing.assert_allclose(smallest.magnitude(), angle, atol=1e-6)
    np.testing.assert_allclose(Rotation.from_matrix(fit.rotation).magnitude(), angle, atol=1e-4)


def test_opposite_directions_and_coinciding_points() -> None:
    fit = superpose([[0.0, 0, 0], [1, 0, 0]], [[0.0, 0, 0], [-1, 0, 0]])
    np.testing.assert_allclose(fit.rmsd, 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(fit.rotation), 1)
    same = superpose(np.ones((4, 3)), np.zeros((4, 3)))
    np.testing.assert_allclose(same.rotation, np.eye(3))


def test_what_cannot_be_superposed() -> None:
    for x, y in ((np.zeros((3, 3)), np.zeros((4, 3))), (np.zeros((0, 3)), np.zeros((0, 3))), ([1.0], [1.0])):
        with pytest.raises(InputError, match="superposed"):
            superpose(x, y)
    for w in ([0.0, 0], [-1.0, 2]):
        with pytest.raises(InputError, match="weights"):
            superpose(np.zeros((2, 3)), np.zeros((2, 3)), w)
