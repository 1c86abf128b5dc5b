"""Scales, paths and levels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.report.lines import Subject, make_curves
from bmzoo.report.markup import inline, rich, short
from bmzoo.report.surfaces import _joined, free_energy_levels
from bmzoo.report.svg import LEVELS, Scale, polyline

few = settings(max_examples=30, deadline=None)


@few
@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4), st.integers(2, 8))
def test_ticks_are_round_and_inside(low: float, width: float, wanted: int) -> None:
    scale = Scale(low, low + width, 0.0, 100.0)
    ticks = scale.ticks(wanted)
    assert len(ticks) <= 2 * wanted + 1
    assert all(-1e-3 <= scale(tick) <= 100 + 1e-3 for tick in ticks)


def test_logarithmic_ticks_are_powers_of_ten() -> None:
    scale = Scale(0.01, 100.0, 0.0, 100.0, log=True)
    assert scale.ticks() == pytest.approx([0.01, 0.1, 1.0, 10.0, 100.0])
    assert float(scale(1.0)) == pytest.approx(50.0)


def test_a_level_line_keeps_its_ends_only() -> None:
    path = polyline(np.arange(6.0), np.array([1.0, 1.0, 1.0, 1.0, 3.0, 1.0]))
    assert path == "M0.0 1L3.0 1L4.0 3L5.0 1"


def test_levels_are_kt_above_the_deepest_bin() -> None:
    counts = np.array([[1.0, np.exp(-1.5)], [np.exp(-20.0), 0.0]])
    assert free_energy_levels(counts).tolist() == [[0, 1], [LEVELS - 1, -1]]


@few
@given(st.lists(st.integers(0, 50), min_size=12, max_size=12).filter(lambda c: sum(c[1:-1]) > 0))
def test_densities_integrate_to_what_lies_inside(counts: list[int]) -> None:
    values = np.array(counts, dtype=np.float64)
    histogram = {"edges": np.linspace(0.0, 2.0, 11), "reference": values, "generated": values}
    curves = make_curves(Subject("energetics/lj"), [histogram])
    inside = float((curves.lines[0] * np.diff(curves.edges))[curves.inside].sum())
    assert inside == pytest.approx(1 - curves.outside[0])
    assert curves.floor is None


def test_what_lies_beyond_the_axis_is_counted() -> None:
    """Bins there are, but the figure ends before them."""
    reference, generated = np.zeros(102), np.zeros(102)
    reference[48:53] = 20.0
    generated[50], generated[90], generated[101] = 5.0, 4.0, 1.0
    histogram = {"edges": np.linspace(60.0, 180.0, 101), "reference": reference, "generated": generated}
    curves = make_curves(Subject("distributions/angle[C-C-H]"), [histogram])
    assert curves.window[1] < 160
    assert curves.outside == pytest.approx([0.5])


def test_bins_of_few_counts_are_drawn_as_one() -> None:
    rng = np.random.default_rng(0)
    many, few = (np.histogram(rng.normal(size=n), np.linspace(-4, 4, 51))[0] for n in (100_000, 40))
    edges = np.linspace(-4.0, 4.0, 51)
    for counts, bins in ((many, 50), (few, 10)):
        values = np.concatenate([[0.0], counts, [0.0]])
        histogram = {"edges": edges, "reference": values, "generated": values}
        assert len(make_curves(Subject("energetics/lj"), [histogram]).reference) == bins
    # g(r) is a ratio, not a count
    histogram = {"edges": edges, "reference": np.ones(50), "generated": np.ones(50)}
    assert len(make_curves(Subject("packing/g_inter[C-C]"), [histogram]).reference) == 50


def test_improper_energies_have_no_axis_of_degrees() -> None:
    assert Subject("distributions/improper[C-C-C-H]").circular
    assert not Subject("energetics/improper").circular


def test_subjects_know_their_score() -> None:
    subject = Subject("distributions/angle[C-C-H]")
    assert subject.score == "distributions/angle_jsd[C-C-H]"
    assert (subject.title, subject.axis) == ("angle C-C-H", "angle / degrees")


def test_numbers_are_short_and_markup_is_safe() -> None:
    assert [short(x) for x in (None, 1234.5, 2.276e-6, -0.5)] == ["–", "1,230", "2.28e−6", "−0.5"]
    assert inline("`a<b` and **c**") == "<code>a&lt;b</code> and <strong>c</strong>"
    assert rich("one\n\n- a,\n- b") == "<p>one</p><ul><li>a,</li><li>b</li></ul>"


def test_bins_are_joined_where_frames_are_few() -> None:
    counts = np.zeros((50, 50))
    counts[::5, ::5] = 1.0
    joined = _joined(counts, 5)
    assert joined.shape == (10, 10)
    assert (joined == 1.0).all()
