"""The commands that measure backends run, on untrained models and a few molecules."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from bmzoo.backends.checkpoints import save_checkpoint
from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.model import Equivariant
from bmzoo.backends.voxel_gan.config import VoxelGANConfig
from bmzoo.backends.voxel_gan.model import VoxelGAN
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.systems import load_system

SCRIPTS = Path(__file__).parents[2] / "benchmarks"
SMALL = VoxelGANConfig(features=4, hidden=16, noise=4, cells=4, neighbours=2, sweeps=0)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    system = load_system("sps:568K")
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    return str(save_checkpoint(VoxelGAN(system.topology, SMALL), folder, system="sps", state="568K"))


@pytest.fixture(scope="module")
def flow_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    system = load_system("sps:568K")
    torch.manual_seed(0)
    config = EquivariantConfig(layers=1, scalars=8, vectors=4, pseudovectors=2, hidden=8, steps=1)
    folder = tmp_path_factory.mktemp("weights") / "flow"
    return str(save_checkpoint(Equivariant(system.topology, config), folder, system="sps", state="568K"))


def run_papers(script: Callable[[str], ModuleType], output: Path, *arguments: str) -> dict:
    """Two chains of one embedded frame: enough to run, and nothing to be learned from."""
    pytest.importorskip("matplotlib")
    small = ["--frames", "1", "--molecules", "2", "--threads", "1", "--data", str(output / "nothing")]
    script("papers").main([*arguments, *small, "--output", str(output)])
    assert "<svg" in (output / f"{arguments[0]}.svg").read_text()
    return json.loads((output / f"{arguments[0]}.json").read_text())


def test_speed(script, weights, tmp_path, capsys):
    small = ["--molecules", "1", "--copies", "1,2", "--threads", "1"]
    script("speed").main(["--weights", weights, *small, "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "| 2 | 324 |" in printed
    assert "Exponent of time against copies" in printed
    found = json.loads((tmp_path / "speed.json").read_text())
    # one atom of a chain is a bead of its own
    assert [row["placements"] for row in found["rows"]] == [161, 322]
    assert found["threads"] == 1
    assert found["weights"].startswith("tiny (")


def test_speed_of_another_backend(script, flow_weights, tmp_path, capsys):
    small = ["--molecules", "1", "--copies", "1", "--threads", "1", "--set", "steps=2"]
    arguments = ["--backend", "equivariant", "--weights", flow_weights, "--output", str(tmp_path)]
    script("speed").main([*arguments, *small])
    printed = capsys.readouterr().out
    assert "placements" not in printed
    assert "With steps=2." in printed
    assert json.loads((tmp_path / "speed.json").read_text())["weights"].startswith("flow (")


def test_speed_of_a_molecule_without_a_box(script, capsys):
    script("speed").main(["--backend", "geometric", "--system", "adp", "--copies", "1,3", "--threads", "1"])
    assert "| 3 | 66 |" in capsys.readouterr().out


def test_boltzmann_weights(script, tmp_path, capsys):
    settings = {"layers": 1, "scalars": 8, "vectors": 4, "pseudovectors": 2, "hidden": 8, "steps": 1}
    model = Equivariant(load_system("adp").topology, EquivariantConfig(**settings))
    folder = save_checkpoint(model, tmp_path / "adp", system="adp", state="300K")
    arguments = ["--frames", "2", "--samples", "3", "--threads", "1", "--output", str(tmp_path)]
    script("boltzmann_weights").main(["--weights", str(folder), *arguments])
    assert "3 samples of each of 2" in capsys.readouterr().out
    rows = json.loads((tmp_path / "weights.json").read_text())["rows"]
    assert len(rows) == 2
    assert all(0.33 < row["effective"] <= 1 for row in rows)
    assert rows[0]["frame"] != rows[1]["frame"]


def test_copies_of_a_box_are_the_box(script):
    speed = script("speed")
    box = np.array([[2.2, 0.0, 0.0], [-0.9, 2.3, 0.0], [0.8, -0.7, 2.1]])
    frame = Frame(np.random.default_rng(0).random((5, 3)), box)
    for copies, shape in ((1, (1, 1, 1)), (2, (2, 1, 1)), (4, (2, 2, 1)), (8, (2, 2, 2))):
        large = speed.replicated(frame, copies)
        np.testing.assert_allclose(large.box, box * np.array(shape)[:, None])
        shifts = (large.positions.reshape(copies, 5, 3) - frame.positions) @ np.linalg.inv(box)
        np.testing.assert_allclose(shifts, shifts.round(), atol=1e-12)
        assert len(np.unique(shifts[:, 0].round(), axis=0)) == copies
    with pytest.raises(InputError, match="powers of two"):
        speed.replicated(frame, 3)


def test_performance(script, weights, tmp_path, capsys):
    found = run_papers(script, tmp_path, "performance", "--weights", weights, "--no-refine")
    printed = capsys.readouterr().out
    assert [row["name"] for row in found["rows"]] == ["ours, raw"]
    assert "published ones were not found" in printed
    assert "reference (floor)" in printed
    scores = found["rows"][0]["scores"]
    assert scores["distributions/angle_jsd"]["value"] > scores["distributions/angle_jsd"]["floor"]


def test_performance_of_another_backend(script, flow_weights, tmp_path):
    arguments = ["--backend", "equivariant", "--weights", flow_weights, "--no-refine"]
    found = run_papers(script, tmp_path, "performance", *arguments)
    assert found["weights"].startswith("flow (")
    # what has learned nothing puts atoms far away, where single precision is coarse
    assert found["rows"][0]["scores"]["consistency/cg_rmsd"]["value"] < 0.01


def test_variants_of_another_system(script, tmp_path):
    torch.manual_seed(0)
    config = EquivariantConfig(layers=1, scalars=8, vectors=4, pseudovectors=2, hidden=8, steps=1)
    folder = tmp_path / "flow"
    save_checkpoint(Equivariant(load_system("adp").topology, config), folder, system="adp", state="300K")
    named = [f"one={folder}", f"other={folder}"]
    arguments = ["variants", "--weights", *named, "--set", "steps=2", "--no-refine", "--frames", "4"]
    script("papers").main([*arguments, "--threads", "1", "--output", str(tmp_path)])
    found = json.loads((tmp_path / "variants.json").read_text())
    assert [row["name"] for row in found["rows"]] == ["one, raw", "other, raw"]
    assert found["rows"][0]["scores"] == found["rows"][1]["scores"]
    assert found["rows"][0]["state"] == "300K"


def test_steps(script, flow_weights, tmp_path):
    arguments = ["--weights", flow_weights, "--steps", "1,2", "--integrators", "euler", "--no-refine"]
    found = run_papers(script, tmp_path, "steps", *arguments)
    assert [row["setting"] for row in found["rows"]] == [
        {"integrator": "euler, raw", "steps": 1},
        {"integrator": "euler, raw", "steps": 2},
    ]


def test_temperature(script, weights, tmp_path):
    found = run_papers(
        script, tmp_path, "temperature", "--weights", weights, "--states", "568K", "--no-refine"
    )
    assert found["rows"][0]["state"] == "568K"


def test_chemistry(script, weights, tmp_path):
    found = run_papers(script, tmp_path, "chemistry", "--weights", f"none={weights}", f"match={weights}")
    assert [row["name"] for row in found["rows"]] == ["none", "match"]
    assert "distributions/proper_jsd[C-C-C-C]" in found["rows"][0]["scores"]


def test_order(script, weights, tmp_path):
    found = run_papers(script, tmp_path, "order", "--weights", weights, "--sweeps", "0,1")
    assert [row["setting"] for row in found["rows"]] == [
        {"order": "tiny", "sweeps": 0},
        {"order": "tiny", "sweeps": 1},
    ]


def test_choice(script, weights, tmp_path):
    found = run_papers(
        script, tmp_path, "choice", "--weights", weights, "--candidates", "2", "--samples", "2"
    )
    settings = [(row["setting"]["choice"], row["setting"]["candidates"]) for row in found["rows"]]
    assert settings == [("plain", 1), ("lowest", 2), ("boltzmann", 2)]
    for row in found["rows"]:
        assert row["n_samples"] == 2
        assert row["cpu_seconds"] > 0
        assert row["scores"]["ensemble/diversity"]["value"] > 0


def test_published_frames_belong_to_their_reference(script, shared_data):
    """At 453 K a file begins one frame late, and the published GAN was trained on some frames of 568 K."""
    scoring = script("_scoring")
    for state in ("568K", "453K"):
        tests = scoring.load_test_set(state, data=shared_data, frames=2, molecules=4)
        assert len(tests.published) == 2
        for frames in tests.published.values():
            beads = [tests.system.topology.mapping.apply(frame.positions) for frame in frames]
            errors = [
                np.linalg.norm(b - c.positions, axis=1) for b, c in zip(beads, tests.coarse, strict=True)
            ]
            assert np.median(errors) < 0.2
    numbers = [frame.index for frame in scoring.load_test_set("568K", data=shared_data, frames=0).atoms]
    assert len(numbers) == 49
    assert not {9, 19, 41} & set(numbers)


def test_weights_of_one_name_are_refused(script):
    with pytest.raises(InputError, match="NAME=FOLDER"):
        script("papers")._named(["a=x", "a=y"])
