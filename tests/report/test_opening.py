"""The command that measures the page runs."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from browser import missing

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there")
def test_opening(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    main = importlib.import_module("report_page").main
    main([str(folder), "--repeats", "1", "--output", str(tmp_path)])
    assert "| written, s | MB |" in capsys.readouterr().out
    found = json.loads((tmp_path / "opening.json").read_text())
    assert found["systems"] == ["adp:300K"]
    assert min(found["figures"].values()) > 0
    assert found["figures"]["elements"] > 1000
