"""``results.json`` as it is read: what is not ours is refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmzoo.benchmark.results import Results, Row
from bmzoo.errors import InputError
from bmzoo.evaluation.score import make_score


@pytest.fixture
def data() -> dict[str, Any]:
    row = Row(
        "adp", "300K", "in_distribution", "fragments", "", "none", 0, 4, 2, 22, 8.0, 22.0, 1.0,
        scores={"a/b": make_score(0.3, 0.1, 0.01).as_dict()},
    )  # fmt: skip
    return Results(settings={"seed": 0}, rows=[row], machine={"processor": "another"}).as_dict()


def _read(data: Any, folder: Path) -> Results:
    path = folder / "results.json"
    path.write_text(json.dumps(data))
    return Results.read(path)


def test_numbers_that_are_none_become_nothing(data: dict[str, Any], tmp_path: Path) -> None:
    data["rows"][0]["scores"]["a/b"] |= {"value": float("nan"), "stderr": float("inf")}
    (row,) = _read(data, tmp_path).rows
    assert row.scores["a/b"]["value"] is row.scores["a/b"]["stderr"] is None


def _text_for_a_number(data: dict[str, Any]) -> None:
    data["rows"][0]["scores"]["a/b"]["value"] = "high"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["rows"][0].update(unheard_of=1),
        lambda data: data["rows"][0].pop("seconds"),
        lambda data: data["rows"][0].update(seconds=None),
        lambda data: data["rows"][0]["scores"]["a/b"].pop("stderr"),
        lambda data: data.update(rows=3),
        # or it would be the machine that reads
        lambda data: data.pop("machine"),
        _text_for_a_number,
    ],
)
def test_another_version_is_named(
    data: dict[str, Any], change: Callable[[dict[str, Any]], Any], tmp_path: Path
) -> None:
    data["bmzoo"] = "9.9"
    change(data)
    with pytest.raises(InputError, match=r"written by bmzoo 9\.9 .*run the benchmark again"):
        _read(data, tmp_path)


@pytest.mark.parametrize("found", [[1], {"rows": []}, "text"])
def test_another_file_is_refused(found: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no results\.json of a benchmark"):
        _read(found, tmp_path)


def test_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Results.read(tmp_path)
