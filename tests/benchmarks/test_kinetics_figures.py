import importlib
import json
from pathlib import Path

import pytest

from bmzoo.frames.trajectory import write_frames
from bmzoo.systems import load_system

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


def test_figures_of_kinetics(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Short runs, two samples: enough to draw, and nothing to be learned from."""
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr("bmzoo.evaluation.discrete.N_DRAWS", 2)
    system = load_system("adp")
    assert system.reference is not None
    frames = list(system.reference.frames("test", 0, 240))
    for number in (1, 2):
        write_frames(tmp_path / f"none.{number}.xtc", frames)
    samples = ",".join(str(tmp_path / f"none.{k}.xtc") for k in (1, 2))
    arguments = ["--reference", str(tmp_path / "none.1.xtc"), "--output", str(tmp_path)]
    script = importlib.import_module("kinetics")
    script.main(["adp", f"same={samples}", *arguments])
    assert "kinetics/velocity_w1[hydrogen]" in capsys.readouterr().out
    for what in ("timescales", "velocities", "autocorrelation", "surfaces"):
        assert "<svg" in (tmp_path / f"adp-{what}.svg").read_text()
    found = json.loads((tmp_path / "adp-kinetics.json").read_text())
    score = found["results"]["same"]["scores"]["kinetics/cosine_all[1]"]
    assert score["value"] == pytest.approx(1)
    with pytest.raises(SystemExit, match="NAME=FILE"):
        script.main(["adp", "reference=x.xtc"])
