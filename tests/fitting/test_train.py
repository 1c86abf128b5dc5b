"""``bmzoo train``: from a configuration to weights that other commands read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.sparse import csr_array
from typer.testing import CliRunner, Result

from bmzoo.backends import registry
from bmzoo.backends.backmapper import Capabilities
from bmzoo.backends.checkpoints import read_config, verify
from bmzoo.backends.loading import load_backmapper
from bmzoo.cli.main import app
from bmzoo.errors import InputError
from bmzoo.fitting.config import read_run_config
from bmzoo.fitting.data import load_material
from bmzoo.fitting.run import train
from bmzoo.frames.trajectory import Trajectory
from bmzoo.frames.writers import open_writer
from bmzoo.molecules.formats.mapping_yaml import write_yaml
from bmzoo.molecules.formats.native import save_topology_json
from bmzoo.molecules.labels import LikeAtoms
from bmzoo.systems import load_system
from bmzoo.testing.linear import Linear
from bmzoo.testing.toys import toy_frames, toy_topology

SHORT = {"steps": 60, "validate_every": 20, "log_every": 10, "validation_frames": 40}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A short train split of adp."""
    system = load_system("adp")
    assert system.reference is not None
    folder = tmp_path / "adp-data"
    folder.mkdir()
    with open_writer(folder / "train.xtc", system.topology.graph, 1) as writer:
        for frame in system.reference.frames("train", 0, 400):
            writer.write(frame)
    provenance = {"system": "adp", "splits": {"train": {"file": "train.xtc", "runs": [400]}}}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    return folder


def config(data: Path, **changes: Any) -> dict[str, Any]:
    return {"backend": "linear", "system": "adp", "data": str(data), "training": SHORT} | changes


def bmzoo(*words: Any) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_like_atoms_are_numbered_alike() -> None:
    """Octane's molecules were built with either hand of a CH2, which is nothing to learn."""
    (material,) = load_material(read_run_config({"backend": "linear", "system": "octane"})[1])
    graph = material.topology.graph
    like = LikeAtoms(material.topology)
    for frame in (next(material.training_pairs()).atomistic, material.held_out_frames()[0]):
        atoms = frame.positions.reshape(-1, graph.n_atoms, 3)
        assert like.same_hands(atoms) is atoms


def test_command(tmp_path: Path, data: Path) -> None:
    path = tmp_path / "linear.yaml"
    path.write_text(yaml.safe_dump(config(data)))
    folder = tmp_path / "run"
    found = bmzoo("train", path, "--output", folder, "--set", "settings.batch_size=32")
    assert found.exit_code == 0, found.output
    lines = found.output.splitlines()
    assert lines[0] == f"training in {folder}"
    assert lines[-1] == f"wrote {folder}/weights; use it with: bmzoo backmap --weights {folder}"
    assert "step 20/60" in lines[1]
    assert {p.name for p in folder.iterdir()} == {
        "config.yaml",
        "log.jsonl",
        "resume.pt",
        "result.json",
        "weights",
    }
    assert yaml.safe_load((folder / "config.yaml").read_text())["settings"]["batch_size"] == 32

    result = json.loads((folder / "result.json").read_text())
    assert result["data"][0]["frames"] == 360
    assert result["data"][0]["validation_frames"] == list(range(360, 400))
    validated = [json.loads(row) for row in (folder / "log.jsonl").read_text().splitlines()]
    scores = [row["validation"] for row in validated if "validation" in row]
    assert [row["score"] for row in scores][-1] == result["best_score"] < scores[0]["score"] * 0.9
    assert "adp:300K/angle_jsd" in scores[0]

    saved = read_config(folder / "weights")
    assert (saved["system"], saved["state"]) == ("adp", "300K")
    assert result["data"][0]["sha256"] in saved["created_by"]
    verify(folder / "weights", load_system("adp").topology)

    again = bmzoo("train", path, "--output", folder)
    assert again.exit_code == 2
    assert "is finished; choose another --output" in again.output

    beads = tmp_path / "beads.xtc"
    bmzoo("coarse-grain", data / "train.xtc", "--system", "adp", "--stop", 3, "-o", beads)
    words = ("--system", "adp", "--backend", "linear", "--weights", folder, "-o", tmp_path / "atoms.xtc")
    mapped = bmzoo("backmap", beads, *words)
    assert mapped.exit_code == 0, mapped.output
    assert len(Trajectory(tmp_path / "atoms.xtc")) == 3

    words = ("--systems", "adp", "--frames", 8, "--refine", "none", "--weights", folder)
    scored = bmzoo("benchmark", *words, "--backends", "linear", "--output", tmp_path / "scores")
    assert scored.exit_code == 0, scored.output
    (row,) = json.loads((tmp_path / "scores" / "results.json").read_text())["rows"]
    assert (row["backend"], row["weights"]) == ("linear", str(folder))
    many = bmzoo("benchmark", *words, "--output", tmp_path / "many")
    assert many.exit_code == 2
    assert "--weights are those of one backend" in many.output


def test_stopped_training_goes_on(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(config(data), output=tmp_path / "whole")
    step = Linear.training_step

    def killed(self: Linear, batch: Any, number: int) -> Any:
        if number == 45:
            raise KeyboardInterrupt
        return step(self, batch, number)

    monkeypatch.setattr(Linear, "training_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train(config(data), output=tmp_path / "broken")
    monkeypatch.setattr(Linear, "training_step", step)
    lines: list[str] = []
    train(config(data), output=tmp_path / "broken", report=lines.append)
    assert lines[0] == f"going on with {tmp_path / 'broken'}"
    assert lines[1].startswith("resumed at step 40")
    same = [(f / "weights" / "model.safetensors").read_bytes() for f in (whole, tmp_path / "broken")]
    assert same[0] == same[1]


def test_unfinished_training_with_another_configuration(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "run"
    train(config(data), output=folder)
    (folder / "result.json").unlink()
    with pytest.raises(InputError, match=r"begun with settings.batch_size = 64, not 8"):
        train(config(data, settings={"batch_size": 8}), output=folder)
    train(config(data), output=folder, settings=["training.steps=70"])
    assert json.loads((folder / "result.json").read_text())["steps"] == 70
    (folder / "result.json").unlink()
    train(config(data, settings={"batch_size": 8}), output=folder, resume=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="holds no training"):
        train(config(data), output=tmp_path / "other", resume=False)


def test_one_process_at_a_time(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, step = tmp_path / "run", Linear.training_step

    def meanwhile(self: Linear, batch: Any, number: int) -> Any:
        if number == 45:
            with pytest.raises(InputError, match=r"another process works in .*run; wait"):
                train(config(data), output=folder)
            with pytest.raises(InputError, match="another process"):
                train(config(data), output=folder, resume=False)
        return step(self, batch, number)

    monkeypatch.setattr(Linear, "training_step", meanwhile)
    train(config(data), output=folder)
    assert (folder / "result.json").exists()


def test_own_molecule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topology = toy_topology()
    save_topology_json(tmp_path / "toy.json", topology.graph)
    write_yaml(topology.mapping, topology.graph, tmp_path / "toy.yaml")
    with open_writer(tmp_path / "toy.xtc", topology.graph, 2) as writer:
        for frame in toy_frames(20, 2, periodic=True):
            writer.write(frame)
    monkeypatch.chdir(tmp_path)
    files = {"topology": "toy.json", "mapping": "toy.yaml", "reference": "toy.xtc"}
    folder = train({"backend": "linear", **files, "training": SHORT | {"score": "jsd"}})
    assert folder.parts[0] == "runs"
    assert folder.name.startswith("linear-TOY-20")
    assert read_config(folder / "weights")["system"] == "TOY"


class Shared(Linear):
    """Takes every molecule to have the same network, which is true of the toy and of itself."""

    capabilities = Capabilities(transferable=True, fitting="gradient")


def test_several_systems(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "linear", f"{__name__}:Shared")
    registry.refresh()
    both = config(data) | {"system": ["adp", "adp:300K"], "data": [str(data), str(data)]}
    folder = train(both, output=tmp_path / "run")
    assert len(json.loads((folder / "result.json").read_text())["data"]) == 2
    with pytest.raises(InputError, match="'data' names 1 folders for 2 systems"):
        train(config(data, system=["adp", "adp"]), output=tmp_path / "other")
    with pytest.raises(InputError, match="these are no weights of 'linear' for TOY"):
        load_backmapper("linear", toy_topology(), weights=folder)


def test_other_mapping_of_a_system(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same molecule with its own beads, and with centres of mass for beads."""
    monkeypatch.setitem(registry.BUILT_IN, "linear", f"{__name__}:Shared")
    registry.refresh()
    topology = load_system("adp").topology
    weights = np.zeros((topology.n_beads, topology.n_atoms))
    weights[topology.mapping.owners, np.arange(topology.n_atoms)] = topology.graph.masses
    centres = replace(topology.mapping, weights=csr_array(weights))
    write_yaml(centres, topology.graph, tmp_path / "centres.yaml")
    mappings = [None, str(tmp_path / "centres.yaml")]
    both = config(data) | {"system": ["adp", "adp"], "data": [str(data)] * 2, "mapping": mappings}
    own, other = load_material(read_run_config(both)[1])
    assert (own.label, other.label) == ("adp:300K", "adp:300K@centres")
    assert "mapping" not in own.describe()
    assert other.describe()["mapping"] == "centres.yaml"
    first, second = (next(m.training_pairs()) for m in (own, other))
    np.testing.assert_allclose(
        second.coarse.positions, other.topology.mapping.apply(first.atomistic.positions), atol=1e-6
    )
    assert np.abs(first.coarse.positions - second.coarse.positions).max() > 1e-3
    folder = train(both, output=tmp_path / "run")
    assert [d["system"] for d in json.loads((folder / "result.json").read_text())["data"]] == [
        own.label,
        other.label,
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backend": "linaer"}, "did you mean 'linear'"),
        ({"backend": ""}, "names no backend"),
        ({"backend": "fragments"}, "learns from its library"),
        ({"system": "apd"}, "did you mean 'adp'"),
        ({"system": None}, "say what to train on"),
        ({"system": ["adp", "cln"]}, "made for one molecule"),
        ({"topology": "m.json"}, "not both"),
        ({"mapping": ["a.yaml", "b.yaml"]}, "'mapping' names 2 mappings for 1 systems"),
        ({"mapping": "m.yaml"}, "m.yaml"),
        ({"training": {"stebs": 3}}, "did you mean 'training.steps'"),
        ({"training": {"steps": 0}}, "'training.steps' = 0 will not do"),
        ({"settings": {"bath_size": 3}}, "did you mean 'settings.batch_size'"),
        ({"training": {"score": "nonsense"}}, "unknown score 'nonsense'"),
        ({"training": {"score": "validity/nonsense"}}, "gives no score 'validity/nonsense'"),
        ({"training": {"validation_share": 0.999}}, "none is left to learn from"),
    ],
)
def test_bad_configurations(tmp_path: Path, data: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        train(config(data, **changes), output=tmp_path / "run", settings=["training.validate_every=1"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("score", ["jsd", "jsd_ratio", "consistency/cg_rmsd"])
def test_scores(tmp_path: Path, data: Path, score: str) -> None:
    folder = train(config(data, training={**SHORT, "steps": 20, "score": score}), output=tmp_path / "run")
    result = json.loads((folder / "result.json").read_text())
    assert np.isfinite(result["best_score"])
    assert result["score_name"] == score
