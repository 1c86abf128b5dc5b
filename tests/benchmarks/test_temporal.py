"""The temporal experiments run, on an untrained model and few frames, and beads go to and fro."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.backends.checkpoints import save_checkpoint
from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.backends.temporal_cvae.model import TemporalCVAE
from bmzoo.errors import InputError
from bmzoo.frames.datasets import pairs
from bmzoo.frames.frame import Frame
from bmzoo.systems import load_system

SCRIPTS = Path(__file__).parents[2] / "benchmarks"
SMALL = TemporalCVAEConfig(
    cells=4, features=4, blocks=1, hidden=16, latent=4, batch=4, components=2, edge=1.2, seeds=20
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


@pytest.fixture(scope="module")
def trajectories() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("_trajectories")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    system = load_system("adp")
    assert system.reference is not None
    model = TemporalCVAE(system.topology, SMALL)
    frames = islice(system.reference.frames("train"), 100)
    model.training_batches(pairs(frames, system.topology.mapping), seed=0)
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    return str(save_checkpoint(model, folder, system="adp", state="300K"))


def test_both_test_sets(script, weights, tmp_path, monkeypatch, capsys):  # type: ignore[no-untyped-def]
    pytest.importorskip("matplotlib")
    temporal = script("temporal")
    monkeypatch.setattr(temporal, "FAMILIES", ("energetics", "consistency", "landscape", "kinetics"))
    few = ["--frames", "40", "--parallel", "4", "--threads", "1", "--output", str(tmp_path)]
    temporal.main(["adp", "--backends", "geometric,vae=temporal_cvae", "--weights", f"vae={weights}", *few])
    found = json.loads((tmp_path / "adp.json").read_text())
    assert [(row["test_set"], row["name"]) for row in found["rows"]] == [
        (name, backend) for name in ("in_distribution", "generalisation") for backend in ("geometric", "vae")
    ]
    for row in found["rows"]:
        assert row["n_frames"] == 40
        assert row["energy_sd"] > 0
        assert row["scores"]["consistency/cg_rmsd"]["value"] < 1e-3
        assert "kinetics/internal_velocity_w1" in row["scores"]
    assert "| generalisation | vae | 40 |" in capsys.readouterr().out
    assert "| in-distribution | geometric |" in script("tables").markdown(tmp_path / "adp.json")
    for name in ("generalisation-velocities", "in_distribution-energies", "latent-vae", "samples"):
        assert "<svg" in (tmp_path / f"adp-{name}.svg").read_text()
    long = ["--drift", "--length", "100", "--trajectories", "2"]
    temporal.main(["adp", "--backends", "vae=temporal_cvae", "--weights", f"vae={weights}", *few, *long])
    (row,) = json.loads((tmp_path / "adp-drift.json").read_text())["drift"]
    assert {"energetics/equipartition_angle"} <= {change["score"] for change in row["shown"]}
    assert "| vae | energetics/total_w1 |" in capsys.readouterr().out


def test_speed_of_parallel_trajectories(script, weights, capsys):  # type: ignore[no-untyped-def]
    small = ["--copies", "3", "--frames", "2,4", "--threads", "1", "--system", "adp"]
    script("speed").main(["--backend", "temporal_cvae", "--weights", weights, *small])
    assert "| 3 | 4 |" in capsys.readouterr().out
    with pytest.raises(InputError, match="side by side"):
        script("speed").main(["--backend", "geometric", *small])


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(1, 30))
def test_beads_go_to_and_fro(trajectories: ModuleType, length: int, n_frames: int) -> None:
    run = [Frame(np.full((1, 3), float(k)), time=2.0 * k, index=k) for k in range(length)]
    found = list(trajectories.to_and_fro(run, n_frames))
    places = [int(frame.positions[0, 0]) for frame in found]
    assert places[:length] == list(range(length))[:n_frames]
    assert set(np.abs(np.diff(places)).tolist()) <= {1}
    assert [frame.time for frame in found] == [2.0 * k for k in range(n_frames)]
    assert trajectories.consecutive(found) == [found]


def test_sources_are_read(trajectories: ModuleType) -> None:
    one, other = trajectories.sources("fragments,mine=temporal_cvae", ["mine=folder"])
    assert (one.name, one.backend, one.weights) == ("fragments", "fragments", None)
    assert (other.name, other.backend, other.weights) == ("mine", "temporal_cvae", "folder")
    for backends, folders in (("a,a", []), ("", []), ("a", ["b=c"]), ("a", ["a"])):
        with pytest.raises(InputError):
            trajectories.sources(backends, folders)
