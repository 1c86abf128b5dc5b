"""Checkpoints on disk, and the one door."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmzoo.backends import checkpoints, loading
from bmzoo.backends.checkpoints import read_checkpoint, save_checkpoint, topology_hash, verify
from bmzoo.backends.loading import load_backmapper
from bmzoo.errors import InputError
from bmzoo.molecules.topology import Topology
from bmzoo.testing.toys import toy_pairs, toy_topology


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = load_backmapper("fragments", toy_topology(), library=toy_pairs(20), config={"neighbours": 2})
    example = next(toy_pairs(1, seed=5)).coarse
    return save_checkpoint(model, tmp_path / "fragments" / "toy", system="toy", state="300K", example=example)


def other_topology() -> Topology:
    topology = toy_topology()
    graph = dataclasses.replace(topology.graph, chirality=-topology.graph.chirality)
    return Topology(graph, topology.mapping)


def edit(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_folder(saved: Path) -> None:
    assert {p.name for p in saved.iterdir()} == {
        "model.safetensors",
        "config.json",
        "card.md",
        "reference.npz",
    }
    assert [p.name for p in saved.parent.iterdir()] == ["toy"]
    config = read_checkpoint(saved).config
    assert (config["backend"], config["system"], config["state"]) == ("fragments", "toy", "300K")
    assert config["config"]["neighbours"] == 2
    assert config["topology"] == topology_hash(toy_topology())
    assert verify(saved, toy_topology()) < 1e-6


def test_hash_sees_chemistry_and_mapping() -> None:
    topology = toy_topology()
    assert topology_hash(topology) == topology_hash(toy_topology())
    assert topology_hash(topology) != topology_hash(other_topology())
    owners = topology.mapping.owners.copy()
    owners[0] = 1
    moved = dataclasses.replace(topology.mapping, owners=owners)
    assert topology_hash(topology) != topology_hash(Topology(topology.graph, moved))


def test_replaces_an_older_checkpoint(saved: Path) -> None:
    model = read_checkpoint(saved).restore(toy_topology())
    save_checkpoint(model, saved, system="new")
    assert read_checkpoint(saved).config["system"] == "new"
    assert [p.name for p in saved.parent.iterdir()] == ["toy"]


def test_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_backmapper("geometric", toy_topology())
    monkeypatch.setattr(model, "state", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_checkpoint(model, tmp_path / "toy", system="toy")
    assert not list(tmp_path.iterdir())


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = load_backmapper("geometric", toy_topology())
    with pytest.raises(InputError, match="cannot write the checkpoint"):
        save_checkpoint(model, tmp_path / "file" / "toy", system="toy")


def test_newer_format_is_refused(saved: Path) -> None:
    edit(saved, format_version=checkpoints.FORMAT_VERSION + 1)
    with pytest.raises(InputError, match="install a newer bmzoo"):
        read_checkpoint(saved)


def test_older_format_is_upgraded(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(saved, format_version=checkpoints.FORMAT_VERSION - 1)
    with pytest.raises(InputError, match="cannot be upgraded"):
        read_checkpoint(saved)
    monkeypatch.setitem(
        checkpoints.UPGRADES,
        checkpoints.FORMAT_VERSION - 1,
        lambda config, arrays: (config | {"new": 1}, arrays),
    )
    assert read_checkpoint(saved).config["new"] == 1


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_damaged_files_are_named(saved: Path, name: str) -> None:
    path = saved / name
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=name):
        read_checkpoint(saved)


def test_changed_bytes_are_seen(saved: Path) -> None:
    path = saved / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="get the weights again"):
        read_checkpoint(saved)
    edit(saved, sha256=hashlib.sha256(data).hexdigest())
    read_checkpoint(saved)


@pytest.mark.parametrize("change", [{"config": None}, {"config": [1]}, {"scale": "x"}, {"also": 5}])
def test_damaged_configurations_are_named(saved: Path, change: dict[str, Any]) -> None:
    edit(saved, **change)
    with pytest.raises(InputError, match=r"config\.json is damaged"):
        read_checkpoint(saved)


def test_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it has no config\.json"):
        read_checkpoint(tmp_path)


def test_verify_sees_changed_weights(saved: Path) -> None:
    with np.load(saved / "reference.npz") as stored:
        arrays = dict(stored)
    arrays["atoms"] = arrays["atoms"] + 0.01
    np.savez(saved / "reference.npz", **arrays)
    with pytest.raises(InputError, match="no longer gives its own example"):
        verify(saved, toy_topology())


class TestLoading:
    def test_weights_of_several_molecules(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        model = load_backmapper("fragments", toy_topology(), library=toy_pairs(20))
        folder = tmp_path / "fragments" / "both"
        save_checkpoint(model, folder, system="toy+other", state="300K+350K", also=[other_topology()])
        monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
        for topology in (toy_topology(), other_topology()):
            assert loading.weights_matching("fragments", topology) == folder
        alone = tmp_path / "fragments" / "toy"
        save_checkpoint(model, alone, system="toy", state="300K")
        for state in ("300K", "400K"):
            assert loading.weights_matching("fragments", toy_topology(), "toy", state) == alone

    def test_weights_of_a_training(self, saved: Path) -> None:
        folder = saved.parent / "run"
        folder.mkdir()
        saved.rename(folder / "weights")
        assert load_backmapper("fragments", toy_topology(), weights=folder).name == "fragments"

    def test_weights_by_folder_and_by_topology(self, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loading, "WEIGHTS", saved.parents[1])
        for weights in (saved, "toy", None):
            model = load_backmapper("fragments", toy_topology(), weights=weights)
            assert model.config.neighbours == 2  # type: ignore[attr-defined]
        changed = load_backmapper("fragments", toy_topology(), weights="toy", settings=["neighbours=3"])
        assert changed.config.neighbours == 3  # type: ignore[attr-defined]

    def test_no_weights_names_what_would_work(self) -> None:
        with pytest.raises(InputError, match=r"needs atomistic reference frames of TOY .*'geometric'"):
            load_backmapper("fragments", toy_topology())

    def test_unknown_tag(self) -> None:
        with pytest.raises(InputError, match="neither a folder nor shipped weights"):
            load_backmapper("fragments", toy_topology(), weights="nowhere")

    def test_weights_of_another_backend(self, saved: Path) -> None:
        edit(saved, backend="geometric")
        with pytest.raises(InputError, match="holds weights of backend 'geometric'"):
            load_backmapper("fragments", toy_topology(), weights=saved)

    def test_weights_where_none_are_needed(self, saved: Path) -> None:
        with pytest.raises(InputError, match="has no weights"):
            load_backmapper("geometric", toy_topology(), weights=saved)

    def test_weights_of_another_molecule(self, saved: Path) -> None:
        checkpoint = read_checkpoint(saved)
        with pytest.raises(InputError, match=r"made for toy:300K .*'geometric'"):
            checkpoints.check_chemistry(checkpoint, other_topology(), transferable=False)
        with pytest.raises(InputError, match="no fragment for the molecule"):
            load_backmapper("fragments", other_topology(), weights=saved)
