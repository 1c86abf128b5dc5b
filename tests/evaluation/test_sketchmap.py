"""Sketch-map on cases whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from bmzoo.errors import InputError
from bmzoo.evaluation import sketchmap
from bmzoo.evaluation.placing import squared_distances
from bmzoo.evaluation.sigmoid import Sigmoid
from bmzoo.evaluation.sketchmap import fit_sketch_map

SEEDS = st.integers(0, 2**31)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 5), st.floats(2, 12), st.floats(0.5, 12))
def test_the_sigmoid_is_a_half_at_sigma_and_has_the_slope_it_says(sigma: float, a: float, b: float) -> None:
    s = Sigmoid(sigma, a, b)
    r = np.linspace(0, 5 * sigma, 200)
    values, slope = s.with_slope(r**2)
    assert s(np.array([0.0, sigma**2])) == pytest.approx([0, 0.5], abs=1e-9)
    assert (np.diff(values) >= 0).all()
    assert values[-1] <= 1
    step = 1e-5 * sigma
    numeric = (s((r + step) ** 2) - s((r - step) ** 2)) / (2 * step)
    np.testing.assert_allclose(slope * r, numeric, atol=1e-6 * max(1, a, b) ** 2 / sigma)


@pytest.mark.parametrize(("sigma", "a", "b"), [(0, 2, 2), (-1, 2, 2), (np.nan, 2, 2), (1, 1, 2), (1, 2, 0)])
def test_sigmoids_without_gradient_are_refused(sigma: float, a: float, b: float) -> None:
    with pytest.raises(InputError, match="sketch-map"):
        Sigmoid(sigma, a, b)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_the_gradient_of_the_stress(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, places, weights = rng.normal(size=(7, 4)), rng.normal(size=(7, 2)), rng.random(7) + 0.1
    target, low = Sigmoid(1.5, 6, 3)(squared_distances(points, points)), Sigmoid(1.5, 2, 3)
    _, gradient = sketchmap.stress(places, target, weights, low, gradient=True)
    for i, k in np.ndindex(*places.shape):
        step = np.zeros_like(places)
        step[i, k] = 1e-6
        ends = [sketchmap.stress(places + s, target, weights, low)[0] for s in (step, -step)]
        assert gradient[i, k] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-7)


@settings(max_examples=5, deadline=None)
@given(SEEDS)
def test_the_stress_never_rises_and_a_landmark_projects_onto_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(120, 6)) * rng.uniform(0.2, 2, 6)
    found = fit_sketch_map(points, n_landmarks=30, seed=seed)
    assert (np.diff(found.history) <= 0).all()
    assert found.stress < found.history[0]
    target = found.high(squared_distances(found.landmarks, found.landmarks))
    assert sketchmap.stress(found.positions, target, found.weights, found.low)[0] == pytest.approx(
        found.stress
    )
    assert found.weights.sum() == pytest.approx(1)
    places, residual = found.project(found.landmarks)
    np.testing.assert_allclose(places, found.positions, atol=1e-2 * found.low.sigma)
    assert (residual >= 0).all()


def test_clusters_are_found_again_from_two_seeds() -> None:
    """Five Gaussians in twenty dimensions, far apart."""
    rng = np.random.default_rng(5)
    truth = np.repeat(np.arange(5), 60)
    points = 3 * rng.normal(size=(5, 20))[truth] + 0.5 * rng.normal(size=(300, 20))
    for seed in (0, 1):
        found = fit_sketch_map(points, n_landmarks=50, seed=seed)
        places, _ = found.project(points)
        labels = KMeans(5, n_init=10, random_state=0).fit_predict(places)
        assert adjusted_rand_score(labels, truth) >= 0.9


def test_a_plane_in_many_dimensions_comes_out_as_it_is() -> None:
    rng = np.random.default_rng(2)
    flat = rng.uniform(size=(200, 2)) * (2, 1)
    axes, _ = np.linalg.qr(rng.normal(size=(7, 2)))
    points = flat @ axes.T + rng.normal(size=7)
    found = fit_sketch_map(points, n_landmarks=40, high=(2, 2), low=(2, 2))
    assert found.stress < 1e-12
    places, residual = found.project(points)
    assert residual.max() < 1e-6
    # rigid: also the scale is the plane's
    np.testing.assert_allclose(squared_distances(places, places), squared_distances(flat, flat), atol=1e-6)
    assert procrustes(flat, places)[2] < 1e-12


def test_turning_and_shifting_the_points_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    points = rng.normal(size=(60, 4))
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    one, other = (fit_sketch_map(p, n_landmarks=20) for p in (points, points @ turn + 3))
    assert other.stress == pytest.approx(one.stress, rel=1e-3)


def test_points_that_coincide_are_one_landmark() -> None:
    points = np.repeat(np.random.default_rng(0).normal(size=(6, 3)), 10, axis=0)
    found = fit_sketch_map(points, n_landmarks=40)
    assert len(found.landmarks) == 6
    np.testing.assert_allclose(found.weights, 1 / 6)


def test_what_cannot_be_mapped_is_refused() -> None:
    with pytest.raises(InputError, match="four different points"):
        fit_sketch_map(np.ones((10, 3)))
    with pytest.raises(InputError, match="finite"):
        fit_sketch_map(np.full((10, 3), np.nan))
    found = fit_sketch_map(np.random.default_rng(0).normal(size=(20, 3)), n_landmarks=10)
    with pytest.raises(InputError, match="2 dimensions"):
        found.project(np.zeros((4, 2)))
