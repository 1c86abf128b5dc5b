"""Energies and forces of a coarse-grained force field: symmetries, gradients, files."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from bmzoo.coarse.fast_forces import FastForces
from bmzoo.coarse.force_field import (
    CoarseForceField,
    NetworkSize,
    forces_of,
    load_force_field,
    save_force_field,
    shipped_force_fields,
)
from bmzoo.coarse.relative_entropy import refine_torsions, solve
from bmzoo.coarse.terms import find_coordinates, torsion_fit
from bmzoo.errors import InputError
from bmzoo.frames.datasets import random_rotation
from bmzoo.representations.interactions import angles, dihedrals
from bmzoo.systems import load_system

SYSTEMS = ("adp", "cln")


@cache
def beads(name: str) -> torch.Tensor:
    """``(40, n_beads, 3)`` nm."""
    system = load_system(name)
    assert system.reference is not None
    frames = system.reference.frames("test", 0, 400, 10)
    return torch.as_tensor(np.stack([system.topology.mapping.apply(f.positions) for f in frames]))


@cache
def model_of(name: str) -> CoarseForceField:
    """Priors of a few frames, a network of random weights, in double precision."""
    torch.manual_seed(0)
    system = load_system(name)
    assert system.topology.temperature is not None
    model = CoarseForceField(system, NetworkSize(width=8, n_layers=2, cutoff=0.6)).double()
    model.priors.fit(beads(name).numpy(), system.topology.temperature)
    return model.double().requires_grad_(False)


@pytest.mark.parametrize("name", SYSTEMS)
def test_symmetries(name: str) -> None:
    model, x = model_of(name), beads(name)
    turn = torch.as_tensor(random_rotation(np.random.default_rng(0)))
    energy = model(x)
    torch.testing.assert_close(model(x @ turn + 1.0), energy)
    forces = forces_of(model, x)
    torch.testing.assert_close(forces_of(model, x @ turn), forces @ turn, rtol=1e-6, atol=1e-6)
    assert forces.sum(dim=1).abs().max() < 1e-6
    assert torch.linalg.cross(x, forces).sum(dim=1).abs().max() < 1e-6
    assert (model.left(-x) - model.left(x)).abs().max() > 1e-3, "the mirror image is another conformation"


@pytest.mark.parametrize("name", SYSTEMS)
def test_forces_by_hand_are_those_of_autograd(name: str) -> None:
    model, x = model_of(name), beads(name)
    expected = forces_of(model, x).numpy()
    np.testing.assert_allclose(
        FastForces(model)(x.numpy()), expected, rtol=1e-5, atol=1e-5 * abs(expected).max()
    )


def test_internal_coordinates() -> None:
    model, x = model_of("adp"), beads("adp")
    values, rows = model.priors.measure(x), model.priors.coordinates
    torch.testing.assert_close(values["angles"], angles(*(x[:, rows.angles[:, k]] for k in range(3))))
    torch.testing.assert_close(values["torsions"], dihedrals(*(x[:, rows.torsions[:, k]] for k in range(4))))
    assert rows.torsions.tolist() == [[0, 1, 2, 4], [1, 2, 4, 5]], "phi and psi"
    assert rows.impropers.tolist() == [[2, 1, 3, 4]]
    chain = find_coordinates(load_system("cln").topology.mapping)
    assert [len(v) for v in vars(chain).values()] == [9, 8, 7, 0, 21]


def test_boltzmann_inversion_gives_the_distribution_back() -> None:
    rng, kt = np.random.default_rng(0), 2.5
    phi = np.concatenate([rng.normal(-1.2, 0.4, 6000), rng.normal(1.8, 0.4, 2000)])
    coefficients = torsion_fit(phi[:, None], kt, order=6)[0]
    grid = np.linspace(-np.pi, np.pi, 400)
    waves = np.arange(1, 7)[:, None] * grid
    energy = coefficients[:, 0] @ np.cos(waves) + coefficients[:, 1] @ np.sin(waves)
    weights = np.exp(-energy / kt)
    assert weights[grid > 0.4].sum() / weights.sum() == pytest.approx(0.25, abs=0.05)


def test_files(tmp_path: Path) -> None:
    system = load_system("adp")
    torch.manual_seed(0)
    model = CoarseForceField(system, NetworkSize(width=8))
    model.priors.fit(beads("adp").numpy(), 300.0)
    save_force_field(tmp_path / "ff", model, system)
    x = beads("adp").float()
    torch.testing.assert_close(load_force_field(system, tmp_path / "ff")(x), model(x))
    with pytest.raises(InputError, match="is of adp:300K, not of cln:350K"):
        load_force_field(load_system("cln"), tmp_path / "ff")
    (tmp_path / "ff" / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="is damaged"):
        load_force_field(system, tmp_path / "ff")
    with pytest.raises(InputError, match="no coarse-grained force field"):
        load_force_field(system, tmp_path / "none")


@pytest.mark.parametrize("name", shipped_force_fields())
def test_shipped(name: str) -> None:
    x = beads(name).float()
    assert forces_of(load_force_field(load_system(name)), x).square().mean().sqrt() < 1500


def test_relative_entropy_brings_the_means_to_the_target() -> None:
    rng = np.random.default_rng(0)
    model, reference = rng.normal(0.0, 0.6, 20000), rng.normal(0.4, 0.6, 20000)
    waves, target = (
        np.stack([f(m * phi) for m in (1, 2) for f in (np.cos, np.sin)], axis=1) for phi in (model, reference)
    )
    _, weights = solve(waves, target.mean(axis=0))
    np.testing.assert_allclose(weights @ waves, target.mean(axis=0), atol=0.02)
    assert weights @ model == pytest.approx(0.4, abs=0.03)


def test_refined_torsions_leave_the_rest_alone() -> None:
    model = copy.deepcopy(model_of("adp"))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    x = beads("adp").numpy()
    assert refine_torsions(model, x, x) == pytest.approx(1.0)
    refine_torsions(model, x[:20], x)
    changed = [k for k, v in model.state_dict().items() if not torch.equal(v.double(), before[k].double())]
    assert changed == ["priors.torsions_cosine", "priors.torsions_sine"]
