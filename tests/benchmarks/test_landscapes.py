"""The commands for landscapes and stability run, on a few frames and steps."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from bmzoo.errors import InputError

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


def test_landscapes(scripts: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--frames", "2", "--landmarks", "20", "--clusters", "2", "--output", str(tmp_path)]
    scripts("landscapes").main(["--systems", "octane", "--backends", "geometric", *small])
    printed = capsys.readouterr().out
    assert "octane 350K, molecules" in printed
    assert "reference (floor)" in printed
    (found,) = json.loads((tmp_path / "octane-350K.json").read_text())["landscapes"]
    assert found["environments"] == 200
    assert found["falls_monotonically"] == [True, True]
    row = found["rows"]["geometric"]
    assert sum(map(sum, row["confusion"])) == 200
    assert sum(row["populations"]) == pytest.approx(1)
    assert 0 <= row["cluster_jsd"]["value"] <= 1
    for name in ("molecules", "molecules-clusters", "stress"):
        assert "<svg" in (tmp_path / f"octane-350K-{name}.svg").read_text()


def test_stability(scripts: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--states", "568K", "--backends", "geometric", "--steps", "10", "--output", str(tmp_path)]
    scripts("stability").main(few)
    assert "| 568K | reference | 1 of 1 | - |" in capsys.readouterr().out
    rows = json.loads((tmp_path / "568K.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["reference", "geometric"]
    assert rows[0]["steps"] == [0, 10]
    # nobody looks whether atoms that are placed geometrically overlap
    assert rows[1]["start"] is None or rows[1]["start"] > rows[0]["start"] + 1
    assert "<svg" in (tmp_path / "568K.svg").read_text()


def test_names_of_what_made_frames(scripts: Any) -> None:
    names = scripts("_sources").names
    assert names("fragments, geometric+minimise") == ["fragments", "geometric+minimise"]
    for text in ("", "a,a"):
        with pytest.raises(InputError, match="each once"):
            names(text)
