"""Coarse-grained simulations: files, resumption, bad input, and force matching on a few frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from bmzoo.cli.main import app
from bmzoo.coarse import fit, simulate
from bmzoo.coarse.force_data import ForceData, bead_masses
from bmzoo.coarse.force_field import CoarseForceField, NetworkSize, load_force_field
from bmzoo.coarse.simulate import SimulationSettings, simulate_to_file
from bmzoo.errors import InputError
from bmzoo.frames.beads import write_beads
from bmzoo.frames.trajectory import Trajectory
from bmzoo.systems import load_system

SETTINGS = SimulationSettings(replicas=3, frames=5, interval=0.05)


@pytest.fixture(scope="module")
def model() -> CoarseForceField:
    return load_force_field(load_system("adp"))


def test_same_seed_same_frames_resumed_or_not(
    model: CoarseForceField, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "FRAMES_PER_CHUNK", 2)
    system = load_system("adp")
    simulate_to_file(system, model, SETTINGS, tmp_path / "whole.npz")

    def stop(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_to_file(system, model, SETTINGS, tmp_path / "cut.npz", stop)
    assert not (tmp_path / "cut.npz").exists()
    changed = SimulationSettings(replicas=3, frames=5, interval=0.05, seed=1)
    with pytest.raises(InputError, match="other settings"):
        simulate_to_file(system, model, changed, tmp_path / "cut.npz")
    record = simulate_to_file(system, model, SETTINGS, tmp_path / "cut.npz")
    one, other = (np.load(tmp_path / f"{name}.npz")["positions"] for name in ("whole", "cut"))
    np.testing.assert_array_equal(one, other)
    described = json.loads(record.read_text())
    assert described["runs"] == [5, 5, 5]
    assert 150 < described["kinetic_temperature_K"] < 450
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.json", "cut.npz", "whole.json", "whole.npz"]


def test_formats_agree(model: CoarseForceField, tmp_path: Path) -> None:
    system = load_system("adp")
    for suffix in ("npz", "xtc"):
        simulate_to_file(system, model, SETTINGS, tmp_path / f"{suffix}.{suffix}")
    small, large = ([*Trajectory(tmp_path / f"{suffix}.{suffix}")] for suffix in ("npz", "xtc"))
    assert [f.time for f in small] == pytest.approx([f.time for f in large])
    for one, other in zip(small, large, strict=True):
        np.testing.assert_allclose(one.positions, other.positions, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--replicas", "0"], "--replicas must be at least 1"),
        (["--interval", "0.0123"], "no multiple of the time step"),
        (["--interval", "-1"], "--interval must be above 0"),
        (["--friction", "0"], "--friction must be above 0"),
        (["--output", "beads.txt"], "choose one of .npz"),
        (["--force-field", "nowhere"], "no coarse-grained force field in nowhere"),
    ],
)
def test_bad_input(change: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["simulate-cg", "adp", "--output", "x.npz", "--frames", "1", *change])
    assert result.exit_code == 2
    assert message in result.output


def test_systems_without_a_force_field() -> None:
    result = CliRunner().invoke(app, ["simulate-cg", "octane", "--output", "x.npz"])
    assert result.exit_code == 2
    assert "train-cg" in result.output


def test_an_explosion_is_told(tmp_path: Path) -> None:
    system = load_system("adp")
    wild = load_force_field(system)
    wild.priors.bonds_k *= 100
    with pytest.raises(InputError, match="has exploded"):
        simulate.simulate(system, wild, SimulationSettings(2, 5), tmp_path / "work")


def test_damaged_bead_files(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_beads(path, np.zeros((2, 3, 3)), np.arange(2))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="damaged"):
        Trajectory(path)
    with pytest.raises(InputError, match="not finite"):
        write_beads(path, np.full((2, 3, 3), np.nan), np.arange(2))


def test_masses() -> None:
    system = load_system("adp")
    masses = bead_masses(system)
    assert masses.sum() == pytest.approx(system.topology.graph.masses.sum())
    assert masses.min() > 12


def test_the_network_learns_what_the_priors_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forces of one random network plus noise, learnt by another."""
    rng = np.random.default_rng(0)
    torch.manual_seed(1)
    system = load_system("adp")
    assert system.reference is not None
    frames = system.reference.frames("test", 0, 4000, 10)
    x = np.stack([system.topology.mapping.apply(f.positions) for f in frames]).astype(np.float32)
    force = -300 * (x - x.mean(axis=1, keepdims=True)) + rng.normal(scale=50, size=x.shape)
    data = ForceData(x, force.astype(np.float32), (20,) * 20, True)
    monkeypatch.setattr(fit, "load_force_data", lambda _: data)
    size = NetworkSize(width=8, n_filters=8)
    _, found = fit.fit_force_field(system, size, fit.FitSettings(steps=60, batch=32, learning_rate=1e-2))
    assert 2500 * 0.8 < found.network < found.priors
    assert found.best_step > 0
