"""Densities of draws against Gaussians that are known, and what follows from them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.likelihood import (
    Draws,
    FlowDensity,
    draw_with_density,
    effective_sample_size,
    log_weights,
    normalised,
)
from bmzoo.backends.equivariant.model import Equivariant
from bmzoo.backends.equivariant.prior import Prior
from bmzoo.backends.equivariant.tables import make_tables
from bmzoo.backends.equivariant.vibration import Vibration
from bmzoo.errors import InputError
from bmzoo.frames.datasets import pairs
from bmzoo.systems import load_system
from bmzoo.testing.toys import toy_topology


@pytest.mark.parametrize("integrator", ["euler", "heun", "exponential"])
def test_a_linear_flow_gives_a_gaussian(integrator: str) -> None:
    """x - mean shrinks by a factor in every direction but one, in which it grows."""
    config = EquivariantConfig(integrator=integrator, steps=3, width=0.1)  # type: ignore[arg-type]
    tables = make_tables(toy_topology())
    prior, matrix = Prior(tables, config), tables.topology.mapping.matrix.toarray()
    rng = np.random.default_rng(0)
    beads = rng.normal(0, 0.2, (5, 4, 3))
    noise = rng.standard_normal((5, prior.n_random, 3))
    basis = np.linalg.svd(matrix)[2][len(matrix) :].T
    rates = basis @ np.diag(np.linspace(-0.9, 0.6, basis.shape[1])) @ basis.T
    mean = torch.from_numpy(prior.mean(beads))

    def velocity(x: torch.Tensor, t: float) -> torch.Tensor:
        return (torch.from_numpy(rates) @ (x.view(5, -1, 3) - mean)).reshape(-1, 3)

    draws = FlowDensity(prior, matrix, config).draw(beads, noise, velocity)
    factor = _of_unit_matrix(rates, config)
    assert np.allclose(draws.atoms, mean.numpy() + factor @ (prior(beads, noise) - mean.numpy()))
    covariance = np.linalg.inv(basis.T @ prior.precision.toarray() @ basis)
    grown = basis.T @ factor @ basis
    precision = np.linalg.inv(grown @ covariance @ grown.T)
    inner = basis.T @ (draws.atoms - mean.numpy())
    expected = -0.5 * np.einsum("max,ab,mbx->m", inner, precision, inner)
    expected += 1.5 * (np.linalg.slogdet(precision)[1] - len(precision) * np.log(2 * np.pi))
    assert np.allclose(draws.log_density, expected)


def _of_unit_matrix(rates: np.ndarray, config: EquivariantConfig) -> np.ndarray:
    """What the integrator makes of the matrix of a linear flow."""
    from bmzoo.backends.equivariant.flow import integrate

    matrix = torch.from_numpy(rates)
    *_, end = integrate(lambda x, t: matrix @ x, torch.eye(len(rates), dtype=torch.float64), config)
    return end.numpy()


def test_weights_of_the_right_distribution_are_even() -> None:
    assert effective_sample_size(np.zeros(10)) == pytest.approx(1.0)
    assert effective_sample_size(np.array([0.0, -1e3, -1e3, -1e3])) == pytest.approx(0.25)
    assert np.exp(normalised(np.array([1000.0, 1001.0]))).sum() == pytest.approx(1.0)


def test_weights_correct_a_gaussian_of_the_wrong_width() -> None:
    rng = np.random.default_rng(0)
    x = 1.5 * rng.standard_normal(20_000)
    logs = normalised(-0.5 * x**2 + 0.5 * (x / 1.5) ** 2)
    assert (np.exp(logs) * x**2).sum() == pytest.approx(1.0, abs=0.03)
    # of q = N(0, s^2): the integral of p^2 / q is s^2 / sqrt(2 s^2 - 1)
    assert effective_sample_size(logs) == pytest.approx(np.sqrt(2 * 1.5**2 - 1) / 1.5**2, abs=0.02)


def test_draws_of_a_network_have_weights_that_move_with_nothing() -> None:
    system = load_system("adp")
    assert system.reference is not None
    torch.manual_seed(0)
    settings = EquivariantConfig(
        layers=1, scalars=8, vectors=4, pseudovectors=2, hidden=8, steps=2, cutoff=5.0
    )
    model = Equivariant(system.topology, settings)
    model.module.double()
    pair = next(pairs(system.reference.frames("test"), system.topology.mapping))
    beads = np.tile(np.asarray(pair.coarse.positions, dtype=float), (2, 1, 1))
    noise = np.random.default_rng(0).standard_normal((2, model.prior.n_random, 3))
    draws = draw_with_density(model.field, model.prior, beads, noise)
    alone = draw_with_density(model.field, model.prior, beads[1:], noise[1:])
    assert draws.log_density[1] == pytest.approx(alone.log_density[0])
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    turned = draw_with_density(model.field, model.prior, beads @ turn, noise @ turn)
    assert np.allclose(turned.log_density, draws.log_density)
    assert (
        np.abs(system.topology.mapping.apply(draws.atoms.reshape(-1, 3)) - beads.reshape(-1, 3)).max() < 1e-9
    )
    even = Draws(np.asarray(pair.atomistic.positions, dtype=float)[None].repeat(3, 0), np.zeros(3))
    assert np.allclose(np.exp(log_weights(system.topology, even)), 1 / 3)


def test_weighted_samples_of_a_frame() -> None:
    system = load_system("adp")
    assert system.reference is not None
    settings = EquivariantConfig(
        layers=1, scalars=8, vectors=4, pseudovectors=2, hidden=8, steps=2, cutoff=5.0
    )
    model = Equivariant(system.topology, settings)
    coarse = next(pairs(system.reference.frames("test"), system.topology.mapping)).coarse
    first, second = (model.weighted(coarse, n_samples=3, seed=1) for _ in range(2))
    assert np.exp(first.log_weights).sum() == pytest.approx(1)
    assert 1 / 3 <= first.effective <= 1
    assert np.array_equal(first.log_weights, second.log_weights)
    assert [f.sample for f in first.frames] == [0, 1, 2]
    assert np.abs(first.frames[0].positions - first.frames[1].positions).max() > 0.01
    assert next(model.module.parameters()).dtype == torch.float32
    with pytest.raises(InputError, match="one molecule"):
        model.weighted(dataclasses.replace(coarse, box=np.eye(3)), n_samples=2, seed=0)


def test_settings_without_a_density_are_refused() -> None:
    topology = load_system("adp").topology
    nothing = np.zeros((1, 6, 3))
    for changes, word in (({"neighbours": 8}, "neighbours"), ({"hold_bonds": True}, "hold_bonds")):
        model = Equivariant(topology, EquivariantConfig(layers=1, **changes))  # type: ignore[arg-type]
        with pytest.raises(InputError, match=word):
            draw_with_density(model.field, model.prior, nothing, nothing)
    with pytest.raises(InputError, match="force field"):
        log_weights(toy_topology(), Draws(np.zeros((1, 12, 3)), np.zeros(1)))


def test_constrained_bonds_get_their_thermal_width() -> None:
    """sqrt(RT / k) about r_0, along the bond; nothing else moves."""
    system = load_system("adp")
    assert system.reference is not None
    topology, field = system.topology, system.topology.force_field
    assert field is not None
    atoms = next(system.reference.frames("test", 0, 1)).positions.astype(np.float64)
    many = Vibration(topology)(np.repeat(atoms[None], 4000, axis=0), np.random.default_rng(0))
    i, j = field.constraints.T
    bonds = many[:, i] - many[:, j]
    lengths = np.linalg.norm(bonds, axis=-1)
    expected = np.sqrt(0.0083144626 * 300 / 284512)
    assert field.bond_k[0] == pytest.approx(284512)
    assert np.median(lengths.std(0)) == pytest.approx(expected, rel=0.05)
    np.testing.assert_allclose(lengths.mean(0), field.constraint_r0, atol=3e-4)
    before = (atoms[i] - atoms[j]) / np.linalg.norm(atoms[i] - atoms[j], axis=-1, keepdims=True)
    np.testing.assert_allclose(bonds / lengths[..., None], np.broadcast_to(before, bonds.shape), atol=1e-9)
    heavy = ~topology.graph.is_hydrogen
    np.testing.assert_array_equal(many[:, heavy], np.broadcast_to(atoms[heavy], many[:, heavy].shape))


def test_bonds_that_beads_hang_on_are_not_shaken() -> None:
    with pytest.raises(InputError, match="count for no bead"):
        Vibration(load_system("octane").topology)
    with pytest.raises(InputError, match="constrained bonds"):
        Vibration(toy_topology())
