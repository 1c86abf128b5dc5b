"""Scripts that print a table from embedded or published frames, run on a few of them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import write_frames
from bmzoo.molecules.polystyrene_beads import bead_chain
from bmzoo.systems import load_system
from bmzoo.systems.system import System

ROOT = Path(__file__).parents[2]
Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls a script's ``main`` with words of a command line; what it printed."""

    def call(name: str, *words: object) -> str:
        monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        importlib.import_module(name).main()
        return capsys.readouterr().out

    return call


def test_the_melt_remembers(run: Run) -> None:
    rows = {line[:22].strip(): line[22:].split() for line in run("melt_autocorrelation").splitlines()}
    assert rows["lag, ps"] == ["6", "12", "24", "48", "96"]
    # what docs/reference-data.md says of them
    assert float(rows["cos backbone torsions"][0]) == pytest.approx(0.92, abs=0.005)
    assert float(rows["1-3 bead distances"][-1]) == pytest.approx(0.54, abs=0.005)


def test_the_coarse_grained_model_of_adp(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    script = importlib.import_module("cg_model")

    def five_runs(system: System, split: str) -> list[NDArray[np.float64]]:
        assert system.reference is not None
        frames = coarse_grain(system.reference.frames(split, 0, 1000), system.topology.mapping)
        return np.split(np.stack([frame.positions for frame in frames]), 5)

    monkeypatch.setattr(script, "mapped", five_runs)
    system = load_system("adp")
    assert system.reference is not None
    record = {**system.reference.coarse, "runs": [300] * 4}
    frames = system.reference.coarse_frames()
    write_frames(tmp_path / "cg.xtc", [next(frames) for _ in range(1200)])
    (tmp_path / "cg.json").write_text(json.dumps(record))
    printed = run("cg_model", "adp", "--trajectory", tmp_path / "cg.xtc", "--output", tmp_path)
    assert "| torsion 1 |" in printed
    assert "<svg" in (tmp_path / "adp.svg").read_text()
    assert json.loads((tmp_path / "adp.json").read_text())["frames"]["simulated"] == 1200


def test_chains_of_beads_against_published_ones(run: Run, tmp_path: Path) -> None:
    system = load_system("fritz")
    assert system.reference is not None
    frame = next(system.reference.frames("test"))
    (tmp_path / "published").mkdir()
    write_frames(tmp_path / "published" / "1.gro", [frame], bead_chain())
    printed = run("coarse_chains", "--published", tmp_path / "published", "--output", tmp_path / "a.json")
    assert "| published | 1 |" in printed
    melts = {row["melt"]: row for row in json.loads((tmp_path / "a.json").read_text())["rows"]}
    assert melts["fritz"]["end-to-end nm"] == pytest.approx(6.04, abs=0.01)


def test_published_frames_are_scored(run: Run, shared_data: Path) -> None:
    words = ["--states", "568K", "--step", "26", "--families", "distributions", "--data", shared_data / "sps"]
    rows = run("published_table", *words).splitlines()
    assert "| 568K reference (floor) |" in rows[2]
    assert float(rows[3].split("|")[3]) == pytest.approx(0.08, abs=0.01)  # angles of the published GAN


def test_pictures_of_the_tour(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    script = importlib.import_module("pictures")
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    script.dipeptide()
    system, reference, beads = script.first_test_frame("sps:568K")
    some = Frame(reference.positions[: 2 * system.topology.n_atoms], reference.box)
    script.one_to_many(system, beads, [some, some], "samples")
    script.thermal_width(system, {side: [some] for side in script.SIDES})
    for name in ("dipeptide", "samples", "thermal-width"):
        assert "<svg" in (tmp_path / f"{name}.svg").read_text()
