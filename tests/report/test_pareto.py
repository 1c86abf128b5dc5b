"""Cost against detectability: what is joined, what is written beside points."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest

from bmzoo.benchmark.results import Row
from bmzoo.report.pareto import AUC, draw_pareto
from bmzoo.report.source import Entry, Part

POINTS = {
    "none": (1.0, 0.01),
    "thermalise:10": (0.7, 2.0),
    "minimise": (0.98, 0.1),
    "thermalise": (0.85, 0.05),
    "thermalise:1": (0.75, 0.3),
}


def entry(backend: str, refine: str, auc: float | None, seconds: float, color: int) -> Entry:
    score = {"value": auc, "floor": 0.44, "ratio": None, "stderr": 0.01, "unit": "", "n": 9, "note": ""}
    cost = {"seconds": seconds, "atoms_per_second": 1.0, "peak_memory_mb": 1.0}
    scores = {} if auc is None else {AUC: score}
    row = Row("adp", "300K", "in_distribution", backend, "", refine, 0, 1, 1, 22, **cost, scores=scores)
    return Entry(row, Path("nowhere"), color)


@pytest.fixture
def part() -> Part:
    geometric = [entry("geometric", refine, *point, 1) for refine, point in POINTS.items()]
    fragments = [entry("fragments", "none", 0.6, 0.3, 2), entry("fragments", "thermalise", 0.55, 0.4, 2)]
    return Part("adp", "300K", entries=[*geometric, *fragments])


def test_longer_runs_follow_shorter_ones(part: Part) -> None:
    drawing = draw_pareto(part, clock="CPU seconds")
    assert drawing is not None
    links = [s for s in drawing.shapes if 'class="link s1"' in s]
    ends = [re.findall(r"[ML]([\d.]+) ([\d.]+)", link) for link in links]
    (raw, _), (start, first), (second, third), (fourth, _) = ends
    assert raw == start
    assert (first, third) == (second, fourth)
    assert any("CPU seconds" in s for s in drawing.shapes)


def test_picoseconds_where_there_are_several(part: Part) -> None:
    drawing = draw_pareto(part)
    assert drawing is not None
    written = [re.sub("<.*?>", "", s) for s in drawing.shapes if s.startswith("<text")]
    assert [t for t in written if t.endswith(" ps")] == ["10 ps", "0.1 ps", "1 ps"]
    assert {"geometric", "fragments", "floor"} <= set(written)


def test_the_floor_and_all_names_are_inside(part: Part) -> None:
    drawing = draw_pareto(part)
    assert drawing is not None
    (floor,) = (s for s in drawing.shapes if 'class="rule"' in s)
    height = float(re.findall(r"M\S+ ([\d.]+)", floor)[0])
    assert 0 < height < drawing.height - 44


def test_nothing_without_the_score() -> None:
    assert draw_pareto(Part("adp", "300K", entries=[entry("geometric", "none", None, 1.0, 1)])) is None


def test_twenty_long_names_hide_nothing_and_every_point_says_its_own() -> None:
    names = [f"a_stranger's_backend_with_a_name_without_end_{k}" for k in range(20)]
    entries = [entry(name, "none", 0.9 + 0.005 * k, 1.0, k % 8 + 1) for k, name in enumerate(names)]
    drawing = draw_pareto(Part("adp", "300K", entries=entries))
    assert drawing is not None
    found = [
        re.findall(r'x="([\d.]+)" y="([\d.]+)".*?>(.*)<', s)
        for s in map(unescape, drawing.shapes)
        if "halo f" in s
    ]
    heights = sorted(float(y) for ((_, y, _),) in found)
    assert 1 < len(heights) < 20
    assert min(b - a for a, b in pairwise(heights)) >= 12
    assert all(len(text) <= 28 for ((_, _, text),) in found)
    assert sum("<title>a_stranger" in s for s in drawing.shapes) == 20
