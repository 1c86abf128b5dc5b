"""Flat-bottom ranges of non-bonded distances: found in the target, and brought about across boundaries."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bmzoo.backends.morphing.ranges import FREE, Holder, NonBonded, Range, Ranges
from bmzoo.molecules.beads import chain_graph, identity_mapping, merge_consecutive
from bmzoo.molecules.topology import Topology

N, LOW, EDGE = 6, 0.45, 4.0
BOX = np.array([[EDGE, 0.0, 0.0], [0.5, EDGE, 0.0], [-0.4, 0.3, EDGE]])
Floats = NDArray[np.float64]


def chain(s: int = 1) -> Topology:
    graph = chain_graph("C", ("C1",) * N, 72.0)
    return Topology(graph, merge_consecutive(graph, s) if s > 1 else identity_mapping(graph), None, 300.0)


def zigzag(origin: tuple[float, float, float]) -> Floats:
    """Bonds of 0.5 nm along z, bent to and fro along y."""
    k = np.arange(N)
    return np.array(origin) + np.stack([0 * k, 0.1 * (k % 2), 0.49 * k], axis=1)


def melt(gap: float) -> Floats:
    """Two chains side by side across a boundary, their beads opposite or not, and one far away."""
    other = zigzag((EDGE - gap + 0.1, 0.3, 0.55))
    return np.array([zigzag((0.1, 0.3, 0.5)), other, zigzag((2.1, 2.2, 0.4))])


def holder(s: int, low: float = LOW) -> Holder:
    return Holder(chain(s), Ranges(Range(0.4, 0.6), Range(0.7, 1.2), Range(low, np.inf)))


def merged(x: Floats, s: int) -> Floats:
    return chain(s).mapping.apply(x.reshape(-1, 3)).reshape(len(x), -1, 3)


def nearest(x: Floats) -> Floats:
    return NonBonded(chain()).nearest(x, BOX, 1.5)


@settings(max_examples=12, deadline=None)
@given(gap=st.floats(0.3, 0.42), s=st.sampled_from([2, 3, 6]))
def test_too_near_is_pushed_apart_and_far_away_untouched(gap: float, s: int) -> None:
    """Opposite beads are equally near, so that centres held let nothing but turns and bends resolve it."""
    x = melt(gap)
    x[1, ::2] += [0.0, 0.05, 0.0]
    hold = holder(s)
    beads = merged(x, s)
    moved = hold(x, beads, 30, BOX)
    assert nearest(x).min() < LOW
    before, after = (np.square(np.minimum(nearest(v) - LOW, 0)).sum() for v in (x, moved))
    assert after < 0.5 * before
    assert merged(moved, s) == pytest.approx(beads, abs=1e-9)
    assert np.array_equal(moved[2], x[2])


def test_one_bead_that_can_give_way_does() -> None:
    x = melt(0.6)
    x[1, 2, 0] += 0.3  # crosses the boundary, towards the first chain
    moved = holder(3)(x, merged(x, 3), 60, BOX)
    assert nearest(x).min() < 0.35
    assert nearest(moved).min() > LOW - 0.01
    assert not holder(3).outside(moved)[2].any()


def test_nothing_outside_nothing_moves() -> None:
    x = melt(0.6)
    assert nearest(x).min() > LOW
    assert np.array_equal(holder(3)(x, merged(x, 3), 20, BOX), x)
    near = melt(0.35)
    free = Holder(chain(3), Ranges(Range(0.4, 0.6), Range(0.7, 1.2), Range(LOW, np.inf)), push=False)
    assert np.array_equal(free(near, merged(near, 3), 20, BOX), near)


@settings(max_examples=10, deadline=None)
@given(
    shift=st.tuples(*[st.floats(-3, 3)] * 3),
    cells=st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=3, max_size=3),
)
def test_images_do_not_matter(shift: tuple[float, ...], cells: list[tuple[int, ...]]) -> None:
    x = melt(0.35)
    x[1, 2, 1] += 0.1
    away = (np.array(shift) + np.array(cells) @ BOX)[:, None]
    moved = holder(3)(x, merged(x, 3), 10, BOX)
    elsewhere = holder(3)(x + away, merged(x + away, 3), 10, BOX)
    assert np.abs(moved - x).max() > 1e-3
    assert elsewhere - away == pytest.approx(moved, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_range_of_the_target_is_its_nearest_pair(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.25, (5, N, 3))
    x = np.cumsum(steps, axis=1) + rng.uniform(0, EDGE, (5, 1, 3))
    found = Ranges.of([x], [BOX], chain(), 0.0)
    flat = x.reshape(-1, 3)
    cells = np.array(list(product((-2, -1, 0, 1, 2), repeat=3))) @ BOX
    every = np.linalg.norm(flat[None, :, None] + cells[None, None] - flat[:, None, None], axis=-1)
    molecule, place = np.divmod(np.arange(len(flat)), N)
    bonded = (molecule[:, None] == molecule) & (np.abs(place[:, None] - place) <= 2)
    every[bonded, 62] = np.inf  # the cell of both; images of a bonded bead count
    assert found.next_nearest.high > every.min()
    assert found.non_bonded.low == pytest.approx(every.min(), abs=1e-6)
    assert found.non_bonded.high == np.inf
    again = Ranges.from_array(found.as_array())
    assert again == found


def test_lone_chain_has_no_non_bonded_range() -> None:
    straight = zigzag((0, 0, 0))[None]
    assert Ranges.of([straight], [None], chain(), 0.0).non_bonded == FREE
    with pytest.raises(ValueError, match="three ranges"):
        Ranges.from_array(np.zeros((2, 2)))
