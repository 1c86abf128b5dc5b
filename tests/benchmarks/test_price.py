"""Rows of the price of a second, written as they come and not computed twice."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from bmzoo.benchmark.results import Results

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


def test_rows_are_added_to_those_that_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    main = importlib.import_module("price").main
    arguments = ["adp", "--frames", "4", "--backends", "fragments", "--output", str(tmp_path), "--durations"]
    main([*arguments, "0.01"])
    first = Results.read(tmp_path / "adp-300K.json").rows
    assert [(r.backend, r.refine) for r in first] == [
        ("geometric", "none"),
        ("geometric", "minimise"),
        ("geometric", "thermalise:0.01"),
        ("fragments", "none"),
        ("fragments", "thermalise"),
    ]
    main([*arguments, "0.01,0.02"])
    second = Results.read(tmp_path / "adp-300K.json").rows
    assert [r.refine for r in second][:4] == ["none", "minimise", "thermalise:0.01", "thermalise:0.02"]
    assert [r.seconds for r in second if r.refine != "thermalise:0.02"] == [r.seconds for r in first]
    assert "0.02 ps" in (tmp_path / "adp-300K.svg").read_text()
    with pytest.raises(SystemExit, match="other settings"):
        main([*arguments, "0.01", "--seed", "1"])
