"""Pairs, splits, rotations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bmzoo.errors import InputError
from bmzoo.frames.datasets import (
    coarse_grain,
    pairs,
    random_rotation,
    set_apart,
    split_runs,
)
from bmzoo.frames.frame import Frame
from bmzoo.molecules.mapping import Mapping

BOX = np.array([[5.0, 0, 0], [-1.5, 2.6, 0], [0, 0.9, 2.4]])
BONDS = [[0, 1], [1, 2], [2, 3]]


def two_beads() -> Mapping:
    """Atoms 0 to 2 and atom 3, atom 2 shared."""
    return Mapping(
        molecule="TOY",
        bead_names=("A", "B"),
        bead_types=("A", "B"),
        weights=csr_array(np.array([[12.0, 1.0, 6.0, 0.0], [0.0, 0.0, 6.0, 12.0]])),
        owners=np.array([0, 0, 0, 1]),
        bonds=np.array([[0, 1]]),
    )


def test_pairs_of_wrapped_frames() -> None:
    rng = np.random.default_rng(0)
    whole = np.cumsum(rng.uniform(-0.3, 0.3, (3, 4, 3)), axis=1) + rng.normal(scale=4, size=(3, 1, 3))
    steps = rng.integers(-2, 3, whole.shape)
    steps[:, 0] = 0
    wrapped = (whole + steps @ BOX).reshape(-1, 3)
    frames = [Frame(wrapped, BOX, 3.0, 7, name="x, frame 7")]
    (pair,) = pairs(frames, two_beads(), BONDS)
    np.testing.assert_allclose(pair.atomistic.positions, whole.reshape(-1, 3), atol=1e-12)
    expected = np.stack(
        [(12 * whole[:, 0] + whole[:, 1] + 6 * whole[:, 2]) / 19, (6 * whole[:, 2] + 12 * whole[:, 3]) / 18],
        1,
    )
    np.testing.assert_allclose(pair.coarse.positions, expected.reshape(-1, 3), atol=1e-12)
    assert (pair.coarse.index, pair.coarse.time, pair.coarse.name) == (7, 3.0, "x, frame 7")
    (beads,) = coarse_grain(frames, two_beads(), BONDS)
    np.testing.assert_array_equal(beads.positions, pair.coarse.positions)


def test_frames_that_are_no_whole_number_of_molecules() -> None:
    with pytest.raises(InputError, match="here has 5 atoms"):
        list(coarse_grain([Frame(np.zeros((5, 3)), name="here")], two_beads()))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.floats(0.05, 0.9), st.integers(0, 1000))
def test_splits_share_no_run(runs: list[int], fraction: float, seed: int) -> None:
    total = sum(runs)
    if round(fraction * total) in (0, total):
        return
    train, held = split_runs(runs, fraction, np.random.default_rng(seed))
    assert sorted([*train, *held]) == list(range(total))
    assert len(train)
    assert len(held)
    if len(runs) > 1:
        run_of = np.repeat(np.arange(len(runs)), runs)
        assert not set(run_of[train]) & set(run_of[held])


@pytest.mark.parametrize("fraction", [0.0, 1.0, 0.001])
def test_splits_that_leave_nothing(fraction: float) -> None:
    with pytest.raises(InputError, match="share"):
        split_runs([5, 5], fraction, np.random.default_rng(0))


def test_rotations_are_proper_and_even() -> None:
    rng = np.random.default_rng(0)
    turns = np.array([random_rotation(rng) for _ in range(4000)])
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.tile(np.eye(3), (4000, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    np.testing.assert_allclose(turns.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose((turns**2).mean(axis=0), 1 / 3, atol=0.03)


def test_runs_are_set_apart() -> None:
    frames = [Frame(np.zeros((1, 3)), time=3.0 * k, index=k) for k in range(1, 7)]
    found = [frame.time for frame in set_apart(frames, [3, 2, 2], 2.0)]
    assert found == [2.0, 4.0, 8.0, 10.0, 14.0, 16.0]
    assert [frame.time for frame in set_apart(frames, [3, 2, 2], None)] == [3.0 * k for k in range(1, 7)]
