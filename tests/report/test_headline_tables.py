"""Headline tables of made-up rows: what is bold, what is said beside a row, what a run lacks."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from bmzoo.benchmark.results import COLUMNS, Results, Row
from bmzoo.evaluation.score import make_score
from bmzoo.report.sections import costs, frames, overview, systems
from bmzoo.report.source import Entry, Part, Source

OVERLAPS, AUC, RMSD = "validity/overlaps_per_1000", "detectability/c2st_auc", "consistency/cg_rmsd"


def made(*rows: tuple[str, str, dict[str, tuple[float, float, float | None]]], **settings: object) -> Source:
    """Rows of ``(backend, refine, {score: (value, floor, error)})`` on one system."""
    part = Part("adp", "300K")
    for k, (backend, refine, scores) in enumerate(rows):
        found = {name: make_score(*numbers).as_dict() for name, numbers in scores.items()}
        row = Row("adp", "300K", "in_distribution", backend, "", refine, 0, 4, 2, 22, 8.0, 22.0, 1.0, found)
        part.entries.append(Entry(row, Path("nowhere"), k % 8 + 1))
    results = Results(settings=dict(settings), rows=[e.row for e in part.entries], machine={})
    return Source(Path("nowhere"), results, [part], list(dict.fromkeys(row[0] for row in rows)))


def bold(source: Source, score: str) -> set[str]:
    """Backends whose cell is bold."""
    rows = re.findall(r"<tr><th scope=\"row\".*?</tr>", overview(source))
    column = list(COLUMNS.values()).index(score) - len(COLUMNS) - 1
    names = [re.sub("<.*?>", "", re.findall("<td.*?</td>", row)[0]) for row in rows]
    return {name for name, row in zip(names, rows, strict=True) if "<strong>" in row.split("<td")[column]}


def test_fewer_overlaps_than_real_frames_are_no_merit() -> None:
    source = made(
        ("few", "minimise", {OVERLAPS: (16.0, 23.0, 1.0)}),
        ("right", "thermalise", {OVERLAPS: (26.0, 23.0, 0.6)}),
    )
    assert bold(source, OVERLAPS) == {"right"}


def test_below_the_floor_is_no_better_than_at_it() -> None:
    scores = {"low": 0.40, "at": 0.5, "near": 0.51, "high": 0.6}
    source = made(*((name, "none", {AUC: (value, 0.5, 0.01)}) for name, value in scores.items()))
    assert bold(source, AUC) == {"at", "near"}


def test_rounding_is_no_merit() -> None:
    source = made(
        ("one", "none", {RMSD: (5.7e-8, 0.0, 2e-9)}),
        ("two", "none", {RMSD: (2.3e-6, 2.7e-16, 5e-9)}),
        ("off", "none", {RMSD: (6e-3, 0.0, 1e-4)}),
    )
    assert bold(source, RMSD) == {"one", "two"}
    text = overview(source)
    assert text.count("&lt; 1e−5") == 2
    assert "e−16" not in text
    assert "5e−9" not in text


def test_frames_that_stayed_raw_are_counted_beside_the_row() -> None:
    source = made(("geometric", "thermalise", {AUC: (0.9, 0.5, 0.01)}))
    source.parts[0].entries[0].row.failed_frames = ["frame 1 sample 0: no", "frame 2 sample 1: no"]
    assert "2 of 8 kept raw" in overview(source)


def _text(found: str) -> str:
    return html.unescape(re.sub("<.*?>", "", found))


def test_what_a_run_lacks_comes_with_a_command() -> None:
    scores = {AUC: (0.9, 0.5, 0.01)}
    rows = (("geometric", "none", scores), ("geometric", "thermalise", scores))
    settings = {"systems": ("adp",), "backends": ("all",), "samples": 3, "seed": 0, "split": "test"}
    source = made(*rows, **settings)
    ladder = (
        "--backends geometric --samples 1 --refine none,minimise,thermalise:1,thermalise:10,thermalise:100"
    )
    assert f"bmzoo benchmark --systems adp {ladder} computes them" in _text(costs(source, []))
    consecutive = "bmzoo benchmark --systems adp --consecutive computes them"
    assert consecutive in _text(systems(source, {"adp-300K": []}))
    scores = scores | {"kinetics/velocity_w1": (0.1, 0.1, None)}
    whole = made(("geometric", "thermalise:10", scores), **settings)
    assert "Not here" not in costs(whole, []) + systems(whole, {"adp-300K": []})


def test_without_dynamics_none_are_missing() -> None:
    source = made(("fragments", "none", {AUC: (0.9, 0.5, 0.01)}))
    assert "Not here" not in costs(source, [])


def test_a_run_without_rows_says_so() -> None:
    source = Source(Path("nowhere"), Results(settings={}, machine={}), [], [])
    assert "No row was finished" in overview(source)
    assert costs(source, []) == systems(source, {}) == ""
    assert "no reference frame" in frames(source)


@pytest.mark.parametrize(("number", "said"), [(8, False), (9, True)])
def test_colours_that_repeat_are_confessed(number: int, said: bool) -> None:
    source = made(*((f"b{k}", "none", {AUC: (0.5, 0.5, 0.01)}) for k in range(number)))
    assert ("more backends than colours" in systems(source, {"adp-300K": []})) is said


def test_names_of_strangers_are_text() -> None:
    source = made(("<img src=x>", "none", {AUC: (0.5, 0.5, 0.01)}))
    part = source.parts[0]
    part.system = "../<b>größe</b>"
    assert re.fullmatch(r"[\w.-]+", part.key)
    page = overview(source) + systems(source, {part.key: []})
    assert "<img" not in page
    assert "<b>g" not in page
