"""Timescales, velocities and autocorrelations of made-up histograms."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from bmzoo.benchmark.results import Row
from bmzoo.report.figures import groups
from bmzoo.report.kinetics import autocorrelations, draw_panel, timescales
from bmzoo.report.lines import Subject, make_curves
from bmzoo.report.source import Entry, Histogram, Part

LAGS = np.array([1.0, 2.0, 5.0, 10.0, 20.0])


def made(factor: float) -> dict[str, Histogram]:
    """Two processes, the second unknown at the longest lag; memory; velocities shifted by a factor."""
    slow = np.stack([np.full(5, 40.0), [4.0, 5.0, 6.0, 7.0, np.nan]], axis=1)
    times = np.concatenate([[0.0], LAGS])
    memory = np.exp(-times / 5)
    edges = 10 ** np.linspace(-4.0, 1.0, 301)
    heights = np.exp(-((np.log10(np.sqrt(edges[1:] * edges[:-1])) + 1) ** 2) / 0.1)
    shift = round(60 * np.log10(factor))
    counts = np.concatenate([[0.0], heights, [0.0]])
    moved = np.roll(counts, shift)
    return {
        "kinetics/timescales": {
            "edges": LAGS,
            "reference": slow,
            "reference_stderr": 0.1 * slow,
            "generated": slow / factor,
            "generated_stderr": 0.3 * slow,
        },
        "kinetics/processes": {"edges": np.zeros((3, 2)), "reference": slow, "generated": slow},
        "kinetics/autocorrelation[methyl]": {
            "edges": times,
            "reference": memory,
            "generated": memory**factor,
            "reference_halves": np.stack([memory * 0.9, memory * 1.1]),
        },
        "kinetics/velocity[heavy]": {"edges": edges, "reference": counts, "generated": moved},
    }


def row(backend: str, refine: str, scores: bool = True) -> Row:
    score = {"value": 12.0, "floor": 40.0, "ratio": 0.3, "stderr": 1.5, "unit": "ps", "n": 99, "note": ""}
    names = ("timescale[1]", "timescale[2]", "velocity_w1[heavy]", "autocorrelation[methyl]")
    cost = {"seconds": 1.0, "atoms_per_second": 1.0, "peak_memory_mb": 1.0}
    found = {f"kinetics/{name}": score for name in names} if scores else {}
    return Row("adp", "300K", "in_distribution", backend, "", refine, 0, 9, 1, 22, **cost, scores=found)


@pytest.fixture
def part() -> Part:
    """One row with kinetics, one minimised, and one without: its frames were too few."""
    rows = [row("fragments", "none"), row("geometric", "minimise"), row("geometric", "none", scores=False)]
    entries = [Entry(r, Path("nowhere"), k + 1) for k, r in enumerate(rows)]
    for entry, factor in zip(entries, (2.0, 10.0), strict=False):
        entry.histograms = made(factor)
    return Part("adp", "300K", entries=entries)


def test_a_group_with_a_figure_for_each(part: Part) -> None:
    (group,) = groups(part)
    assert group.title == "Kinetics"
    titles = ["implied timescale 1", "implied timescale 2", "velocity of heavy atoms"]
    assert [f.title for f in group.figures] == [*titles, "dihedrals of methyl groups"]
    for figure in group.figures:
        text = figure.drawing.standalone(figure.title, figure.description)
        assert ET.fromstring(text.encode()).tag.endswith("svg")
        assert "nan" not in text
        assert figure.chips.count("data-refine") == 2
    assert "12 ± 2 ps" in group.figures[0].chips
    assert "W1 floor" in group.figures[2].chips


def test_a_process_without_a_score_says_why(part: Part) -> None:
    for entry in part.entries:
        entry.row.scores.pop("kinetics/timescale[2]", None)
    figure = groups(part)[0].figures[1]
    assert "does not outlive the lag time" in figure.chips
    assert "data-refine" not in figure.chips


def test_lines_end_where_nothing_is_known(part: Part) -> None:
    found = [entry.histograms for entry in part.entries]
    first, second = timescales(found)
    assert first.rows[2] is None
    marks = draw_panel(second, part.entries).shapes
    assert sum('<circle class="mark' in shape for shape in marks) == 4
    assert sum("lag time" in shape for shape in draw_panel(first, part.entries).shapes) == 2


def test_the_band_is_between_the_halves(part: Part) -> None:
    (memory,) = autocorrelations([entry.histograms for entry in part.entries])
    assert memory.band is not None
    assert memory.band[1] / memory.band[0] == pytest.approx(1.1 / 0.9)


def test_velocities_are_densities_over_decades(part: Part) -> None:
    name = "kinetics/velocity[heavy]"
    curves = make_curves(Subject(name), [part.entries[0].histograms[name]])
    widths = np.diff(np.log10(curves.edges))
    assert (curves.reference * widths).sum() == pytest.approx(1.0)
    peak = curves.centres[curves.lines[0].argmax()] / curves.centres[curves.reference.argmax()]
    assert peak == pytest.approx(2.0, rel=0.06)


def test_without_kinetics_there_is_nothing(part: Part) -> None:
    del part.entries[:2]
    assert groups(part) == []
