import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from bmzoo.evaluation.histograms import count, jsd, wasserstein
from bmzoo.evaluation.resampling import compare, halves

counts = st.lists(st.integers(0, 50), min_size=6, max_size=6).filter(any)


@given(counts, counts)
@settings(max_examples=40, deadline=None)
def test_jsd_is_scipys(one: list[int], other: list[int]) -> None:
    p, q = np.array(one, float), np.array(other, float)
    assert jsd(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-12)
    assert jsd(p, q) == pytest.approx(jsd(q, p), abs=1e-12)


@given(counts, counts)
@settings(max_examples=40, deadline=None)
def test_wasserstein_is_scipys(one: list[int], other: list[int]) -> None:
    p, q, x = np.array(one, float), np.array(other, float), 0.5 * np.arange(6)
    assert wasserstein(0.5)(p, q) == pytest.approx(wasserstein_distance(x, x, p, q), abs=1e-9)


@given(counts, counts, st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_circular_wasserstein_does_not_depend_on_the_cut(
    one: list[int], other: list[int], shift: int
) -> None:
    p, q = np.array(one, float), np.array(other, float)
    distance = wasserstein(1.0, circular=True)
    assert distance(p, q) == pytest.approx(distance(np.roll(p, shift), np.roll(q, shift)), abs=1e-9)


def test_disjoint_and_equal_histograms() -> None:
    assert jsd(np.array([1.0, 0]), np.array([0, 3.0])) == 1
    assert jsd(np.array([1.0, 2]), np.array([2.0, 4])) == pytest.approx(0, abs=1e-15)
    assert np.isnan(jsd(np.zeros(2), np.array([2.0, 4])))


def test_nothing_outside_the_edges_is_lost() -> None:
    values = np.array([-9.0, 0.0, 0.5, 1.0, 9.0, np.nan])
    found = count(values, np.zeros(1, dtype=int), 1, np.linspace(0, 1, 3))
    np.testing.assert_array_equal(found, [[1, 1, 2, 2]])


def test_groups_are_kept_apart() -> None:
    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=(30, 7)), rng.integers(0, 4, size=(30, 1))
    edges = np.linspace(-1, 1, 11)
    found = count(values, groups, 4, edges)
    for group in range(4):
        expected, _ = np.histogram(values[groups[:, 0] == group], edges)
        np.testing.assert_array_equal(found[group, 1:-1], expected)


def test_halves_are_disjoint_and_equal() -> None:
    for n in range(9):
        one, other = halves(n)
        assert len(one) == len(other) == n // 2
        assert not set(one) & set(other)


def test_a_perfect_method_is_as_good_as_the_floor() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(40):
        reference, generated = rng.multinomial(200, np.full(20, 0.05), size=(2, 32)).astype(float)
        found.append(compare(reference, generated, jsd))
    value, floor, error = (np.array(column) for column in zip(*found, strict=True))
    assert value.mean() / floor.mean() == pytest.approx(1, abs=0.2)
    # Where both are noise, the bootstrap adds its own: never too small, up to twice too large.
    assert 0.7 * value.std() < error.mean() < 3 * value.std()
