"""The temporal VAE: windows, schedules, mixture, seeds, time, beads, what is refused, and that it learns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.backends.temporal_cvae.data import TrainingSet
from bmzoo.backends.temporal_cvae.guess import fit_guess
from bmzoo.backends.temporal_cvae.holding import Holder, bead_spread
from bmzoo.backends.temporal_cvae.latent_flow import LatentFlow
from bmzoo.backends.temporal_cvae.local_frames import frame_beads, local_frames
from bmzoo.backends.temporal_cvae.losses import divergence
from bmzoo.backends.temporal_cvae.misses import Misses
from bmzoo.backends.temporal_cvae.mixture import Mixture
from bmzoo.backends.temporal_cvae.model import TemporalCVAE
from bmzoo.backends.temporal_cvae.schedules import beta, energy_weight
from bmzoo.backends.temporal_cvae.seeds import SeedLibrary
from bmzoo.backends.temporal_cvae.springs import Springs
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.superpose import superpose
from bmzoo.systems import load_system
from bmzoo.testing.conformance import BackendConformance
from bmzoo.testing.toys import toy_pairs, toy_topology

NETWORK = {"cells": 4, "features": 4, "blocks": 1, "hidden": 16, "latent": 4, "batch": 4}
SMALL = TemporalCVAEConfig(**NETWORK, components=2)  # type: ignore[arg-type]


class TestTemporalCVAE(BackendConformance):
    backend = "temporal_cvae"
    config = NETWORK
    repeats = 1e-5


class TestTemporalCVAEAsPublished(BackendConformance):
    backend = "temporal_cvae"
    config = {  # noqa: RUF012
        **NETWORK,
        "augment": "rotate",
        "coordinates": False,
        "decoder_features": 6,
        "stride": 1,
        "readout": "density",
        "order": 2,
        "unroll": 1,
        "beta_schedule": "cyclic",
        "hold_beads": False,
        "prior": "mixture",
    }
    repeats = 1e-5


BEADS = {"network": "beads", "hidden": 16, "latent": 2, "blocks": 1, "batch": 4}


class TestTemporalCVAEOfBeads(BackendConformance):
    backend = "temporal_cvae"
    config = BEADS
    repeats = 1e-5


class TestTemporalCVAEOfBeadsLoosened(BackendConformance):
    backend = "temporal_cvae"
    config = {**BEADS, "modes": 20}  # noqa: RUF012
    repeats = 1e-5


def _with(**changes: object) -> TemporalCVAEConfig:
    return SMALL.model_copy(update=changes)


def _in_runs(lengths: list[int]) -> list[PairedFrames]:
    """Toy frames 2 ps apart, runs 50 ps."""
    late = np.repeat(50.0 * np.arange(len(lengths)), lengths)
    return [
        PairedFrames(*(dataclasses.replace(f, time=f.time + extra) for f in pair))
        for pair, extra in zip(toy_pairs(sum(lengths)), late, strict=True)
    ]


def _trained(config: TemporalCVAEConfig = SMALL, n_frames: int = 8) -> TemporalCVAE:
    """Not really trained: it knows template, seeds and interval."""
    torch.manual_seed(0)
    model = TemporalCVAE(toy_topology(), config)
    model.training_batches(toy_pairs(n_frames), seed=0)
    return model


def _falls(model: TemporalCVAE) -> bool:
    """Whether 60 steps halve the errors of a few frames."""
    batch = model.training_batches(toy_pairs(6), seed=0)
    optimizer = model.optimizers()["network"]
    losses = []
    for step in range(60):
        found = model.training_step(batch(step), step)
        optimizer.zero_grad()
        found["total"].backward()
        optimizer.step()
        losses.append([float(found[name]) for name in ("coordinate", "distance", "local")])
    return bool((np.mean(losses[-10:], axis=0) < 0.5 * np.mean(losses[:3], axis=0)).all())


def _positions(frames: object) -> np.ndarray:
    return np.array([frame.positions for frame in frames])  # type: ignore[attr-defined]


# Training data


@pytest.mark.parametrize("augment", ["align", "rotate"])
def test_windows_are_consecutive_and_superposed(augment: str) -> None:
    config = _with(augment=augment, order=2, unroll=2, previous_noise=0.0, batch=30)
    data = _in_runs([5, 3, 4])
    training = TrainingSet(toy_topology(), config, data, seed=0)
    assert training.interval == 2.0
    assert training.known.tolist() == [2, 3, 4, 7, 10, 11]
    atoms, beads, history, rotations, translations = (x.double().numpy() for x in training(0))
    apart = np.linalg.norm(atoms[:, :, :, None] - atoms[:, :, None], axis=-1)
    true = np.stack([p.atomistic.positions for p in data])
    known = np.linalg.norm(true[:, :, None] - true[:, None], axis=-1)
    for window, past in zip(apart, history, strict=True):
        first = int(np.argmin(np.abs(known - window[0]).max((1, 2))))
        assert first in (2, 3, 10)
        assert np.allclose(window, known[first : first + 2], atol=1e-5)
        before = np.linalg.norm(past[:, :, None] - past[:, None], axis=-1)
        assert np.allclose(before, known[[first - 1, first - 2]], atol=1e-5)
    carried = beads[:, 0] @ rotations[:, 1] + translations[:, 1, None]
    still = np.square(beads[:, 0] - beads[:, 1]).sum((1, 2))
    assert (np.square(carried - beads[:, 1]).sum((1, 2)) <= still + 1e-6).all()
    matrix = toy_topology().mapping.matrix.toarray()
    assert np.allclose(matrix @ atoms, beads, atol=1e-5)


def test_runs_are_learned_from_backwards_too() -> None:
    data = _in_runs([5, 3])
    both = TrainingSet(toy_topology(), _with(backwards=True, unroll=2), data, seed=0)
    assert both.known.tolist() == [1, 2, 3, 4, 6, 7, 9, 10, 12, 13, 14, 15]
    assert np.allclose(both.beads[8:], both.beads[7::-1])
    carried = superpose(both.beads[7], both.beads[6])(both.atoms[7])
    assert np.allclose(both.history[9, 0], carried, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_a_linear_past_is_guessed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    beads, history = rng.normal(size=(200, 2, 3)), rng.normal(size=(200, 1, 3, 3))
    factors, constants = rng.normal(size=(9, 15)), rng.normal(size=9)
    x = np.concatenate([beads.reshape(200, -1), history.reshape(200, -1)], axis=1)
    found = fit_guess(beads, history, (x @ factors.T + constants).reshape(200, 3, 3), 1e-4)
    assert np.allclose(found[0], factors, atol=1e-3)
    assert np.allclose(found[1], constants, atol=1e-3)


# Schedules, divergence, mixture, seeds


def test_schedules() -> None:
    cyclic = _with(beta_schedule="cyclic", beta=2.0, beta_cycle=100, beta_cycles=3)
    assert [beta(s, cyclic) for s in (0, 100, 200)] == pytest.approx([0.005] * 3, abs=1e-4)
    assert [beta(s, cyclic) for s in (25, 125)] == pytest.approx([1.0] * 2)
    assert [beta(s, cyclic) for s in (75, 300, 1000)] == pytest.approx([2.0] * 3, abs=1e-4)
    assert beta(0, SMALL) == 1.0
    ramp = _with(energy_weight=1.0, energy_first=1e-6, energy_start=10, energy_ramp=60)
    found = [energy_weight(s, ramp) for s in (9, 10, 40, 70, 500)]
    assert found == pytest.approx([0.0, 1e-6, 1e-3, 1.0, 1.0])


def test_divergence_is_that_of_torch() -> None:
    mean, log_variance = torch.randn(2, 5, 3)
    one = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    other = torch.distributions.Normal(torch.zeros(5, 3), torch.ones(5, 3))
    expected = torch.distributions.kl_divergence(one, other).sum(1)
    assert torch.allclose(divergence(mean, log_variance), expected, atol=1e-5)


def test_mixture_draws_what_it_was_fitted_to() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[4.0, 0.0], [-4.0, 1.0]])
    data = centres[(rng.random(1000) < 0.3).astype(int)] + [0.5, 0.1] * rng.standard_normal((1000, 2))
    mixture = Mixture.fitted(data, 2)
    drawn = mixture.draw([rng] * 2000)
    assert np.allclose(drawn.mean(0), data.mean(0), atol=0.3)
    assert np.allclose(np.cov(drawn.T), np.cov(data.T), atol=0.8)
    assert (np.abs(drawn[:, 0]) > 2).mean() > 0.99
    assert len(Mixture.fitted(data[:12], 10).weights) == 1


def test_the_flow_learns_what_the_latent_has_to_do_with_the_condition() -> None:
    """Two branches, on the side that the condition says: no single Gaussian, and another one everywhere."""
    torch.manual_seed(0)
    flow = LatentFlow(1, 2, 32)
    optimizer = torch.optim.Adam(flow.parameters(), 5e-3)

    def draw(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        seen = torch.rand(n, 1) * 2 - 1
        branch = torch.where(torch.rand(n, 1) < 0.5, 1.0, -1.0)
        return torch.cat([2 * seen, branch], 1) + 0.05 * torch.randn(n, 2), seen

    for _ in range(400):
        optimizer.zero_grad()
        flow.loss(*draw(128)).backward()
        optimizer.step()
    known, seen = draw(1000)
    with torch.no_grad():
        found = flow.draw(torch.randn(1000, 2), seen, 16)
    assert (found - known)[:, 0].abs().mean() < 0.25
    assert 0.4 < (found[:, 1] > 0).float().mean() < 0.6
    assert (found[:, 1].abs() - 1).abs().mean() < 0.25


def test_the_seed_is_the_past_of_the_frame_with_the_nearest_beads() -> None:
    rng = np.random.default_rng(0)
    beads, history = rng.normal(size=(6, 4, 3)), rng.normal(size=(6, 2, 12, 3))
    library = SeedLibrary(beads.astype(np.float32), history.astype(np.float32))
    turn, shift = Rotation.random(rng=rng).as_matrix(), rng.normal(size=3)
    moved = beads[3] @ turn + shift + 1e-3 * rng.standard_normal((4, 3))
    assert np.allclose(library.nearest(moved), history[3] @ turn + shift, atol=1e-2)


# Drawing


def test_a_frame_knows_the_one_before_it_until_there_is_a_gap() -> None:
    model = _trained()
    frames = [pair.coarse for pair in toy_pairs(4)]
    in_time = _positions(model.backmap(frames, seed=0))
    alone = np.concatenate([_positions(model.backmap([frame], seed=0)) for frame in frames])
    assert np.abs(in_time[0] - alone[0]).max() < 1e-6
    assert np.abs(in_time[2] - alone[2]).max() > 1e-6
    late = [dataclasses.replace(f, time=f.time + 50 * (f.index > 1)) for f in frames]
    with_gap = _positions(model.backmap(late, seed=0))
    assert np.abs(with_gap[:2] - in_time[:2]).max() < 1e-6
    assert np.abs(with_gap[2] - alone[2]).max() < 1e-6
    timeless = [dataclasses.replace(f, time=0.0) for f in frames]
    assert np.abs(_positions(model.backmap(timeless, seed=0)) - alone).max() < 1e-6


def test_trajectories_side_by_side_are_those_alone() -> None:
    model = _trained()
    frames = [pair.coarse for pair in toy_pairs(5)]
    together = list(model.backmap_together([frames, frames[:2], frames[2:]], n_samples=2, seed=3))
    assert [len(group) for group in together] == [6, 6, 4, 2, 2]
    first = _positions(frame for group in together for frame in group[:2])
    assert np.abs(first - _positions(model.backmap(frames, n_samples=2, seed=3))).max() < 1e-5
    assert np.abs(together[0][0].positions - together[0][2].positions).max() > 1e-3


def test_beads_are_exact_and_bonds_held() -> None:
    topology = load_system("adp").topology
    rng = np.random.default_rng(0)
    system = load_system("adp")
    assert system.reference is not None
    atoms = np.stack([np.asarray(f.positions, dtype=float) for f in system.reference.frames("test", 0, 3)])
    beads = topology.mapping.apply(atoms.reshape(-1, 3)).reshape(3, -1, 3)
    noisy = atoms + rng.normal(0, 0.003, atoms.shape)
    held = Holder(topology, SMALL)(noisy, beads)
    assert np.abs(topology.mapping.apply(held.reshape(-1, 3)).reshape(beads.shape) - beads).max() < 1e-9
    field = topology.force_field
    assert field is not None
    one, other = field.constraints.T
    lengths = np.linalg.norm(held[:, one] - held[:, other], axis=-1)
    assert np.abs(lengths - field.constraint_r0).max() < 1e-5
    assert np.array_equal(Holder(topology, _with(hold_beads=False))(noisy, beads), noisy)
    noisy[1] = np.nan  # a sample that went astray leaves the others alone
    assert np.abs(Holder(topology, SMALL)(noisy, beads)[[0, 2]] - held[[0, 2]]).max() < 1e-9
    spread = topology.mapping.matrix @ bead_spread(topology)
    assert np.allclose(spread, np.eye(topology.n_beads), atol=1e-10)


# What is refused


def test_several_molecules_are_refused() -> None:
    melt = list(toy_pairs(6, 5, periodic=True))
    model = _trained()
    with pytest.raises(InputError, match="5 molecules"):
        next(iter(model.backmap([melt[0].coarse], seed=0)))
    with pytest.raises(InputError, match="5 molecules"):
        model.training_batches(melt, seed=0)


@pytest.mark.parametrize("augment", ["align", "rotate"])
def test_a_molecule_that_does_not_fit_the_grid_is_refused(augment: str) -> None:
    model = TemporalCVAE(toy_topology(), _with(edge=0.3, augment=augment))
    with pytest.raises(InputError, match="'edge'"):
        model.training_batches(toy_pairs(6), seed=0)
    coarse = next(toy_pairs(1)).coarse
    with pytest.raises(InputError, match="grid"):
        next(iter(model.backmap([coarse.with_positions(5 * coarse.positions)], seed=0)))


def test_frames_without_consecutive_times_are_refused() -> None:
    still = [PairedFrames(*(dataclasses.replace(f, time=0.0) for f in pair)) for pair in toy_pairs(6)]
    model = TemporalCVAE(toy_topology(), SMALL)
    with pytest.raises(InputError, match="times"):
        model.training_batches(still, seed=0)
    with pytest.raises(InputError, match="longest run: 2"):
        model.training_batches(_in_runs([2, 2, 2]), seed=0)
    with pytest.raises(InputError, match="no reference frames"):
        model.training_batches([], seed=0)


def test_weights_and_energies_that_do_not_fit_are_refused() -> None:
    model = TemporalCVAE(toy_topology(), SMALL)
    with pytest.raises(InputError, match="settings"):
        model.load_state(TemporalCVAE(toy_topology(), _with(hidden=24)).state())
    with pytest.raises(InputError, match="settings"):
        model.load_state({})
    with pytest.raises(InputError, match="force field"):
        TemporalCVAE(toy_topology(), _with(energy_weight=1.0))


# Learning


def test_it_learns_a_few_frames() -> None:
    torch.manual_seed(0)
    assert _falls(TemporalCVAE(toy_topology(), _with(hidden=64, batch=16, rate=5e-3, unroll=2)))


# The network of beads


def test_frames_of_beads_go_along_the_chain() -> None:
    through = frame_beads(load_system("cln").topology).tolist()
    assert through[0] == [0, 1, 2]
    assert through[-1] == [9, 8, 7]
    assert through[1:-1] == [[k - 1, k, k + 1] for k in range(1, 9)]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_frames_of_beads_are_proper_and_turn_along(seed: int, straight: bool) -> None:
    rng = np.random.default_rng(seed)
    beads = rng.normal(size=(2, 4, 3))
    if straight:
        beads = np.arange(1.0, 5.0)[:, None] * rng.normal(size=(2, 1, 3))
    turn = Rotation.random(random_state=seed).as_matrix()
    through = torch.as_tensor(frame_beads(toy_topology()))
    here, there = (local_frames(torch.as_tensor(x), through) for x in (beads, beads @ turn))
    assert torch.allclose(here @ here.mT, torch.eye(3, dtype=here.dtype).expand_as(here), atol=1e-9)
    assert torch.allclose(torch.linalg.det(here), torch.ones(2, 4, dtype=here.dtype))
    if not straight:
        angles = torch.rad2deg(torch.acos((0.5 * ((here @ turn * there).sum((-1, -2)) - 1)).clamp(-1, 1)))
        assert angles.median() < 1.0


@pytest.mark.parametrize("order", [1, 2])
def test_the_network_of_beads_turns_along_and_knows_its_mirror_image(order: int) -> None:
    model = _trained(TemporalCVAEConfig(**BEADS, order=order))  # type: ignore[arg-type]
    windows = model.training_batches(toy_pairs(8), seed=0)(0)
    atoms, beads, history = windows.atoms[:, 0], windows.beads[:, 0], windows.history
    turn = torch.as_tensor(Rotation.random(random_state=1).as_matrix()).float()
    found = []
    for change in (torch.eye(3), turn, -torch.eye(3)):
        known = model.network.condition(beads @ change, history @ change)
        mean, _ = model.network.encode(atoms @ change, known)
        drawn = model.network.prior.draw(torch.zeros_like(mean), known.for_prior(), 2)  # type: ignore[union-attr]
        found.append((mean, drawn, model.network.decode(mean, known).atoms @ change.T))
    here, turned, mirrored = found
    for one, other in zip(here, turned, strict=True):
        assert torch.allclose(one, other, atol=2e-2)
    assert not torch.allclose(here[2], mirrored[2], atol=2e-2)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_springs_mend_lengths_and_leave_beads(seed: int) -> None:
    topology = toy_topology()
    pairs = list(toy_pairs(6))
    true = torch.as_tensor(np.array([p.atomistic.positions for p in pairs])).float()
    mapping, spread = topology.mapping.matrix.toarray(), bead_spread(topology)
    mapping, spread = torch.as_tensor(mapping).float(), torch.as_tensor(spread).float()
    springs = Springs(topology.graph, 30, 2)
    springs.fit(true)
    noise = np.random.default_rng(seed).normal(scale=0.02, size=true.shape)
    moved = true + torch.as_tensor(noise).float()
    wanted = springs.lengths_of(true) - springs.mean
    relaxed = springs(moved, wanted, mapping @ true, mapping, spread)
    bonds = springs.lengths_of(true).std(0) < 0.004
    before, after = ((springs.lengths_of(x) - springs.lengths_of(true))[:, bonds] for x in (moved, relaxed))
    assert after.square().mean() < 0.1 * before.square().mean()
    assert torch.allclose(mapping @ relaxed, mapping @ true, atol=1e-5)
    turn = torch.as_tensor(Rotation.random(random_state=seed).as_matrix()).float()
    turned = springs(moved @ turn, wanted, mapping @ true @ turn, mapping, spread)
    assert torch.allclose(turned, relaxed @ turn, atol=1e-4)


def test_misses_are_drawn_as_they_were() -> None:
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(4000, 2, 3)) @ rng.normal(size=(3, 3)) + 1.0
    misses = Misses.fitted(errors, 0.5 * rng.normal(size=(4000, 4)), 100)
    moved, stretched = misses.draw([np.random.default_rng(k) for k in range(4000)])
    assert np.allclose(moved.mean(0), errors.mean(0), atol=0.2)
    assert np.allclose(np.cov(moved.reshape(4000, -1).T), np.cov(errors.reshape(4000, -1).T), atol=0.4)
    assert np.allclose(stretched.std(0), 0.5, atol=0.05)
    assert len(Misses.fitted(errors, stretched, 2).modes) == 2


def test_the_network_of_beads_learns_a_few_frames() -> None:
    torch.manual_seed(0)
    config = TemporalCVAEConfig(**{**BEADS, "hidden": 64, "batch": 16, "rate": 5e-3})  # type: ignore[arg-type]
    model = TemporalCVAE(toy_topology(), config)
    assert _falls(model)


def test_energies_come_in_and_have_gradients() -> None:
    system = load_system("adp")
    assert system.reference is not None
    config = _with(edge=1.2, energy_weight=1e-3, energy_start=1, unroll=1)
    model = TemporalCVAE(system.topology, config)
    mapping = system.topology.mapping
    frames = [
        PairedFrames(Frame(mapping.apply(f.positions), time=f.time, index=f.index), f)
        for f in system.reference.frames("train", 0, 30)
    ]
    batch = model.training_batches(frames, seed=0)
    assert "energy" not in model.training_step(batch(0), 0)
    found = model.training_step(batch(1), 10**6)
    assert found["energy"] > 0
    found["total"].backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.module.parameters())
