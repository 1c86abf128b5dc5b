"""The equivariant flow: symmetries, neighbours, prior, beads, patches, batches, and that it learns."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.data import TrainingSet
from bmzoo.backends.equivariant.flow import draw_times, flow_loss, integrate, time_grid
from bmzoo.backends.equivariant.graph import assemble, frame_part, isolated_part
from bmzoo.backends.equivariant.model import Equivariant
from bmzoo.backends.equivariant.neighbours import nearest
from bmzoo.backends.equivariant.prior import Prior
from bmzoo.backends.equivariant.sampler import Sampler, Unit
from bmzoo.backends.equivariant.tables import make_tables
from bmzoo.errors import InputError
from bmzoo.frames.datasets import pairs
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Bead, Mapping
from bmzoo.molecules.topology import Topology
from bmzoo.systems import load_system
from bmzoo.testing.conformance import BackendConformance
from bmzoo.testing.toys import toy_pairs, toy_topology

NETWORK = {"layers": 2, "scalars": 8, "vectors": 4, "pseudovectors": 2, "hidden": 8}
SMALL = EquivariantConfig(**NETWORK, steps=2, atoms=60, patch=0.8)
NARROW = np.array([[1.3, 0.0, 0.0], [-0.5, 1.2, 0.0], [0.4, -0.4, 1.1]])


class TestEquivariant(BackendConformance):
    backend = "equivariant"
    config = {**NETWORK, "steps": 2, "atoms": 60}  # noqa: RUF012
    repeats = 1e-5


class TestEquivariantOtherwise(BackendConformance):
    backend = "equivariant"
    config = {  # noqa: RUF012
        **NETWORK,
        "prior": "isotropic",
        "width": 0.1,
        "predict": "endpoint",
        "loss": "endpoint",
        "integrator": "exponential",
        "steps": 3,
        "atoms": 60,
        "max_memory": 16,
    }
    repeats = 1e-5


class TestEquivariantInTime(BackendConformance):
    backend = "equivariant"
    config = {**NETWORK, "steps": 2, "atoms": 60, "temporal": True}  # noqa: RUF012
    repeats = 1e-5

    def test_same_seed_same_frames_however_they_are_batched(self) -> None:
        pytest.skip("frames depend on earlier ones")


def _model(topology: Topology, **changes: object) -> Equivariant:
    """In double precision, with weights that are not small."""
    torch.manual_seed(0)
    model = Equivariant(topology, SMALL.model_copy(update=changes))
    model.module.double()
    return model


def _noise(model: Equivariant, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, model.prior.n_random, 3))


def _velocities(
    model: Equivariant, beads: np.ndarray, box: np.ndarray | None, noise: np.ndarray, t: float = 0.7
) -> np.ndarray:
    """Velocities at a draw of the prior, ``(n_molecules, n_atoms, 3)``."""
    x = model.field.tensor(model.prior(beads, noise).reshape(-1, 3))
    part = frame_part(model.tables, model.settings, beads, box)
    with torch.no_grad():
        return model.field(model.field.graph([part], x), x, t).numpy().reshape(len(beads), -1, 3)


def _drawn(model: Equivariant, beads: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    return Sampler(model.field, model.prior).draw([Unit(beads, box, (0, 0, 0))])[0]


@pytest.fixture(scope="module")
def toy() -> PairedFrames:
    return next(toy_pairs(1, 5, periodic=True))


@pytest.fixture(scope="module")
def melt() -> PairedFrames:
    system = load_system("sps")
    assert system.reference is not None
    return next(pairs(system.reference.frames("train"), system.topology.mapping))


def _beads(pair: PairedFrames, topology: Topology) -> np.ndarray:
    return np.asarray(pair.coarse.positions, dtype=float).reshape(-1, topology.n_beads, 3)


# Symmetries


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["chain", "isotropic"]))
def test_it_turns_and_moves_with_beads_and_noise(seed: int, prior: str) -> None:
    pair = next(toy_pairs(1, 5, periodic=True))
    model = _model(toy_topology(), prior=prior)
    rng = np.random.default_rng(seed)
    turn, shift = Rotation.random(rng=rng).as_matrix(), rng.normal(0, 3, 3)
    beads, noise, box = _beads(pair, model.topology), _noise(model, 5, seed), np.asarray(pair.coarse.box)
    before = _velocities(model, beads, box, noise)
    after = _velocities(model, beads @ turn + shift, box @ turn, noise @ turn)
    assert np.abs(before @ turn - after).max() < 1e-8 * np.abs(before).max()
    assert np.abs(before).max() > 1e-3


def test_a_mirror_image_goes_another_way_only_where_hands_are(toy: PairedFrames) -> None:
    model = _model(toy_topology())
    beads, noise, box = _beads(toy, model.topology), _noise(model, 5), np.asarray(toy.coarse.box)
    one, other = _velocities(model, beads, box, noise), _velocities(model, -beads, -box, -noise)
    assert np.abs(one + other).max() > 1e-3
    model.tables = dataclasses.replace(model.tables, hands=-model.tables.hands)
    assert np.abs(one + _velocities(model, -beads, -box, -noise)).max() < 1e-10


def test_molecules_can_change_places_and_images(toy: PairedFrames) -> None:
    model = _model(toy_topology())
    beads, noise, box = _beads(toy, model.topology), _noise(model, 5), np.asarray(toy.coarse.box)
    before = _velocities(model, beads, box, noise)
    order = np.array([3, 0, 4, 1, 2])
    assert np.abs(_velocities(model, beads[order], box, noise[order]) - before[order]).max() < 1e-10
    moved = beads + np.array([[1, 0, -2], [0, 0, 0], [0, 3, 1], [-1, 1, 1], [2, 2, 2]])[:, None] @ box
    assert np.abs(_velocities(model, moved, box, noise) - before).max() < 1e-10


def test_like_atoms_can_change_labels_together_with_their_hand(toy: PairedFrames) -> None:
    """Hydrogens 5 and 6 of the methyl group: exchanging them turns the hand of their labels."""
    model = _model(toy_topology())
    beads, box = _beads(toy, model.topology), np.asarray(toy.coarse.box)
    x = np.asarray(toy.atomistic.positions).reshape(5, -1, 3)
    part = frame_part(model.tables, model.settings, beads, box)
    order = np.arange(12)
    order[[4, 5]] = 5, 4

    def velocities(atoms: np.ndarray) -> np.ndarray:
        where = model.field.tensor(atoms.reshape(-1, 3))
        with torch.no_grad():
            return model.field(model.field.graph([part], where), where, 0.5).numpy().reshape(5, -1, 3)

    before = velocities(x)
    turned = np.where(model.tables.centres[:, 0] == 3, -model.tables.hands, model.tables.hands)
    model.tables = dataclasses.replace(model.tables, hands=turned)
    assert np.abs(velocities(x[:, order]) - before[:, order]).max() < 1e-10


# Neighbours


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_nearest_are_the_nearest_images(seed: int, periodic: bool) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-2, 2, (20, 3))
    box = NARROW if periodic else None
    found = nearest(points, box, 9, 1.0)
    cells = np.array(list(product(range(-6, 7), repeat=3)) if periodic else [(0, 0, 0)]) @ NARROW
    every = np.linalg.norm(points[None, None] + cells[:, None, None] - points[:, None], axis=-1)
    expected = np.sort(every.transpose(1, 0, 2).reshape(20, -1))[:, :9]
    there = expected < 1.0
    assert ((found.points >= 0) == there).all()
    vectors = points[found.points] + found.shifts - points[:, None]
    assert np.allclose(np.linalg.norm(vectors, axis=-1)[there], expected[there])


def test_bonded_atoms_are_heard_first_and_once(toy: PairedFrames) -> None:
    tables = make_tables(toy_topology())
    beads, atoms = _beads(toy, tables.topology), np.asarray(toy.atomistic.positions)
    graph = assemble(tables, SMALL, [frame_part(tables, SMALL, beads, np.asarray(toy.coarse.box))], [atoms])
    n_paths = tables.paths.shape[1]
    for atom in range(len(atoms)):
        kinds, senders = graph.paths[atom].numpy(), graph.senders[atom].numpy()
        bonded = (kinds >= 0) & (kinds < n_paths)
        expected = tables.paths[0][tables.paths[1] == atom % 12] + atom // 12 * 12
        assert sorted(senders[bonded]) == sorted(expected)
        there = kinds >= 0
        shifts = graph.shifts[atom].numpy().round(3)
        images = [(s, *d) for s, d in zip(senders[there], shifts[there].tolist(), strict=True)]
        assert len(images) == len(set(images))
        assert (senders[~there] == atom).all()
        assert atom not in senders[there]


def test_frames_searched_together_do_not_meet() -> None:
    tables = make_tables(toy_topology())
    frames = list(toy_pairs(3, 1))
    beads = np.stack([_beads(pair, tables.topology) for pair in frames])
    atoms = [np.asarray(pair.atomistic.positions) for pair in frames]
    together = assemble(tables, SMALL, [isolated_part(tables, SMALL, beads)], [np.concatenate(atoms)])
    alone = assemble(tables, SMALL, [frame_part(tables, SMALL, b, None) for b in beads], atoms)
    for one, other in zip(together, alone, strict=True):
        assert torch.allclose(one.double(), other.double())


# Prior and beads


@pytest.mark.parametrize("kind", ["chain", "isotropic"])
def test_prior_has_the_covariance_it_says(kind: str) -> None:
    tables = make_tables(toy_topology())
    prior = Prior(tables, SMALL.model_copy(update={"prior": kind, "width": 0.1}))
    beads = np.tile(np.random.default_rng(0).normal(0, 0.2, (1, 4, 3)), (20_000, 1, 1))
    drawn = prior(beads, np.random.default_rng(1).standard_normal((len(beads), prior.n_random, 3)))
    matrix, mean = tables.topology.mapping.matrix.toarray(), prior.mean(beads[:1])[0]
    assert np.abs(matrix @ drawn - beads).max() < 1e-10
    covariance = np.linalg.inv(prior.precision.toarray())
    gain = covariance @ matrix.T @ np.linalg.inv(matrix @ covariance @ matrix.T)
    expected = covariance - gain @ matrix @ covariance
    centred = drawn - mean
    found = np.einsum("max,mbx->ab", centred, centred) / (3 * len(drawn))
    assert np.abs(found - expected).max() < 0.03 * expected.max()
    assert np.abs(centred.mean(0)).max() < 0.003


def test_every_step_stays_on_the_beads(melt: PairedFrames) -> None:
    model = _model(load_system("sps").topology)
    beads, box = _beads(melt, model.topology), np.asarray(melt.coarse.box, dtype=float)
    velocity = _velocities(model, beads, box, _noise(model, len(beads)))
    assert np.abs(model.topology.mapping.matrix @ velocity[0]).max() < 1e-10
    atoms = _drawn(model, beads, box)
    assert np.abs(model.topology.mapping.apply(atoms.reshape(-1, 3)) - beads.reshape(-1, 3)).max() < 1e-9


def test_constrained_bonds_are_held_and_beads_stay(
    melt: PairedFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _model(load_system("sps").topology, hold_bonds=True)
    beads, box = _beads(melt, model.topology)[:4], np.asarray(melt.coarse.box, dtype=float)
    true = np.asarray(melt.atomistic.positions, dtype=float).reshape(-1, 162, 3)[:4]
    noisy = true + np.random.default_rng(0).normal(0, 0.004, true.shape)
    monkeypatch.setattr(
        "bmzoo.backends.equivariant.sampler.integrate", lambda v, x, c: [torch.tensor(noisy.reshape(-1, 3))]
    )
    sampler = Sampler(model.field, model.prior)
    (held,) = sampler.draw([Unit(beads, box, (0, 0, 0))])
    held = held.reshape(noisy.shape)
    field = model.topology.force_field
    assert field is not None
    first, second = field.constraints.T
    lengths = np.linalg.norm(held[:, first] - held[:, second], axis=-1)
    assert np.abs(lengths - field.constraint_r0).max() < 1e-5
    assert np.abs(model.topology.mapping.apply(held.reshape(-1, 3)) - beads.reshape(-1, 3)).max() < 1e-9


# Flow


@settings(max_examples=10, deadline=None)
@given(st.floats(-1, 1), st.floats(0.05, 0.5), st.sampled_from(["heun", "exponential"]))
def test_integrators_carry_a_gaussian_to_a_gaussian(mean: float, width: float, integrator: str) -> None:
    """The exact velocity from N(0, 1) to N(mean, width^2) must give just that distribution."""
    config = EquivariantConfig(integrator=integrator, steps=40)  # type: ignore[arg-type]

    def velocity(x: torch.Tensor, t: float) -> torch.Tensor:
        variance = (1 - t) ** 2 + (t * width) ** 2
        return mean + (t * width**2 - (1 - t)) / variance * (x - t * mean)

    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None].expand(-1, 3)
    *_, end = integrate(velocity, x, config)
    assert torch.allclose(end, mean + width * x, atol=0.01)


def test_times_and_weights() -> None:
    config = EquivariantConfig(steps=4, spacing=2.0)
    assert time_grid(config) == pytest.approx([0, 7 / 16, 3 / 4, 15 / 16, 1])
    times = draw_times(np.random.default_rng(0), 1000, EquivariantConfig(lateness=2.0))
    assert ((times >= 0) & (times <= 1)).all()
    assert times.mean() == pytest.approx(2 / 3, abs=0.01)
    zero, one, t = torch.zeros(2, 3), torch.ones(2, 3), torch.tensor([0.0, 0.9])
    plain = flow_loss(zero, zero, 0.1 * one, t, EquivariantConfig())
    assert plain.tolist() == pytest.approx([3.0, 3.0])
    clamped = flow_loss(zero, zero, 0.1 * one, t, EquivariantConfig(loss="endpoint", clamp=4.0))
    assert clamped.tolist() == pytest.approx([3.0, 3.0 * 4 * 0.01])


# Training data


def test_a_patch_is_the_frame_inside(melt: PairedFrames) -> None:
    system = load_system("sps")
    tables, config = make_tables(system.topology), SMALL.model_copy(update={"patch": 1.1, "margin": 0.6})
    prior = Prior(tables, config)
    training = TrainingSet(tables, config, prior, [melt], seed=0)
    cutter = training.frames[0].cutter
    assert cutter is not None
    frame = training.frames[0]
    for bead in (0, 137, 611):
        patch = cutter.cut(bead)
        x = (frame.atoms[patch.molecules] + patch.shifts[:, None])[patch.copies, patch.part.atoms]
        small = assemble(tables, config, [patch.part], [x])
        whole = assemble(
            tables, config, [frame_part(tables, config, frame.beads, frame.box)], [frame.atoms.reshape(-1, 3)]
        )
        row = patch.molecules[patch.copies] * tables.n_atoms + patch.part.atoms
        vectors = [
            (points[graph.senders.numpy()] + graph.shifts.numpy() - points[:, None])[rows]
            for graph, points, rows in (
                (small, x, np.flatnonzero(patch.inner)),
                (whole, frame.atoms.reshape(-1, 3), row[patch.inner]),
            )
        ]
        assert patch.inner.any()
        assert np.allclose(*(np.sort(np.linalg.norm(v, axis=-1)) for v in vectors), atol=1e-6)
        beads = [
            graph.beads.numpy()[rows] - points[rows][:, None]
            for graph, points, rows in (
                (small, x, np.arange(len(x))),
                (whole, frame.atoms.reshape(-1, 3), row),
            )
        ]
        assert np.allclose(*beads, atol=1e-6)


def test_hands_of_labels_are_the_data_s() -> None:
    system = load_system("sps")
    assert system.reference is not None
    tables = make_tables(system.topology)
    frames = pairs(system.reference.frames("train", 0, 2), system.topology.mapping)
    training = TrainingSet(tables, SMALL, Prior(tables, SMALL), frames, seed=0)
    assert ((training.tables.hands == 0) == tables.flat).all()
    assert (training.tables.hands[tables.given] == tables.hands[tables.given]).all()
    observed = tables.observed_hands(training.frames[0].atoms)
    assert (training.tables.hands == observed).all()


def test_frames_before_are_found_and_carried_along() -> None:
    config = SMALL.model_copy(update={"temporal": True, "previous_noise": 0.0, "previous_missing": 0.0})
    tables = make_tables(toy_topology())
    apart = []
    for number, pair in enumerate(toy_pairs(4, 1)):
        late = 50.0 * (number > 1)
        apart.append(PairedFrames(*(dataclasses.replace(f, time=f.time + late) for f in pair)))
    training = TrainingSet(tables, config, Prior(tables, config), apart, seed=0)
    assert [frame.before for frame in training.frames] == [-1, 0, -1, 2]
    batch = training(0)
    assert batch.previous is not None
    assert set(batch.previous.there.tolist()) <= {0.0, 1.0}


def test_frames_of_both_kinds_are_refused() -> None:
    tables = make_tables(toy_topology())
    both = [*toy_pairs(1, 1), *toy_pairs(1, 1, periodic=True)]
    with pytest.raises(InputError, match="box"):
        TrainingSet(tables, SMALL, Prior(tables, SMALL), both, seed=0)


# Drawing


def test_memory_and_batches_make_no_difference(toy: PairedFrames) -> None:
    frames = [dataclasses.replace(toy.coarse, index=k) for k in range(3)]
    model = _model(toy_topology())
    together = [f.positions for f in model.backmap(frames, n_samples=2, seed=3)]
    units = [Unit(_beads(toy, model.topology), np.asarray(toy.coarse.box), (3, 0, 0))]
    sampler = Sampler(model.field, model.prior)
    assert sampler.at_once(units[0]) > 6
    sampler.config = model.settings.model_copy(update={"max_memory": 1})
    assert sampler.at_once(units[0]) == 1
    alone = [next(iter(model.backmap([f], seed=3))).positions for f in frames]
    assert np.abs(np.array(together[::2]) - np.array(alone)).max() < 1e-9


def test_a_frame_knows_the_one_before_it() -> None:
    model = _model(toy_topology(), temporal=True)
    frames = [pair.coarse for pair in toy_pairs(3, 1)]
    in_time = [f.positions for f in model.backmap(frames, n_samples=2, seed=0)]
    alone = [next(iter(model.backmap([f], seed=0))).positions for f in frames]
    assert np.abs(in_time[0] - alone[0]).max() < 1e-12
    assert np.abs(in_time[2] - alone[1]).max() > 1e-6
    model.interval = 0.5  # now frames are too far apart
    assert np.abs(next(iter(model.backmap(frames[1:], seed=0))).positions - alone[1]).max() < 1e-12
    again = [f.positions for f in model.backmap(frames, seed=0)]
    assert np.abs(np.array(again) - np.array(alone)).max() < 1e-12


def test_trajectories_side_by_side_are_those_alone() -> None:
    model = _model(toy_topology(), temporal=True, hold_bonds=True)
    model.interval = 2.0
    frames = [pair.coarse for pair in toy_pairs(4, 1)]
    together = list(model.backmap_together([frames, frames[:2], frames[1:]], n_samples=2, seed=3))
    assert [len(group) for group in together] == [6, 6, 4, 2]
    assert [frame.sample for frame in together[0]] == [0, 1] * 3
    first = np.stack([frame.positions for group in together for frame in group[:2]])
    alone = np.stack([frame.positions for frame in model.backmap(frames, n_samples=2, seed=3)])
    assert np.abs(first - alone).max() < 1e-10
    assert np.abs(together[0][0].positions - together[0][2].positions).max() > 1e-6
    model.settings.max_memory = 16  # in smaller batches
    again = [f.positions for group in model.backmap_together([frames, frames], seed=3) for f in group]
    assert np.abs(again[0] - alone[0]).max() < 1e-10


def test_what_does_not_move_is_learned_to_stay() -> None:
    """Every conformation for four frames: samples that know their own past keep it, others jump."""
    still = [
        PairedFrames(*(dataclasses.replace(f, time=50.0 * n + k, index=4 * n + k) for f in pair))
        for n, pair in enumerate(toy_pairs(12, 1))
        for k in range(4)
    ]
    torch.manual_seed(0)
    changes = {"atoms": 240, "rate": 1e-2, "steps": 4, "temporal": True}
    model = Equivariant(toy_topology(), SMALL.model_copy(update=changes))
    batch = model.training_batches(still, seed=0)
    optimizer = model.optimizers()["network"]
    for step in range(40):
        optimizer.zero_grad()
        model.training_step(batch(step), step)["total"].backward()
        optimizer.step()
    beads = [pair.coarse for pair in still[:16]]
    moved = []
    for frames in (beads, [dataclasses.replace(f, time=0.0) for f in beads]):
        atoms = np.stack([f.positions for f in model.backmap(frames, seed=1)]).reshape(4, 4, -1, 3)
        moved.append(np.linalg.norm(np.diff(atoms, axis=1), axis=-1).mean())
    assert moved[0] < 0.5 * moved[1]


def test_it_learns_one_frame() -> None:
    torch.manual_seed(0)
    model = Equivariant(toy_topology(), SMALL.model_copy(update={"atoms": 120, "rate": 5e-3}))
    batch = model.training_batches(list(toy_pairs(1, 1)), seed=0)
    optimizer = model.optimizers()["network"]
    losses = []
    for step in range(40):
        found = model.training_step(batch(step), step)
        optimizer.zero_grad()
        found["total"].backward()
        optimizer.step()
        losses.append([float(found["flow"]), float(found["lengths"])])
    assert (np.mean(losses[-10:], axis=0) < 0.5 * np.mean(losses[:5], axis=0)).all()


def test_weights_of_other_sizes_are_refused() -> None:
    model = Equivariant(toy_topology(), SMALL)
    other = Equivariant(toy_topology(), SMALL.model_copy(update={"layers": 3}))
    with pytest.raises(InputError, match="settings"):
        model.load_state(other.state())
    with pytest.raises(InputError, match="settings"):
        model.adopt(other)


@pytest.mark.parametrize("smiles", ["C", "O", "[Ar]", "CC"])
def test_the_smallest_molecules_will_do(smiles: str) -> None:
    graph = MolecularGraph.from_smiles(smiles)
    bead = Bead("A", "A", tuple(range(graph.n_atoms)), tuple(graph.masses))
    model = _model(Topology(graph, Mapping.from_beads(graph, [bead])))
    beads = np.random.default_rng(0).uniform(0, 1.2, (3, 3))
    for box in (None, NARROW):
        drawn = next(iter(model.backmap([Frame(beads, box=box)], seed=0)))
        assert np.abs(model.topology.mapping.apply(drawn.positions) - beads).max() < 1e-9


@pytest.mark.parametrize("name", ["adp", "octane", "cumene", "cln"])
def test_one_network_serves_every_molecule(name: str) -> None:
    system = load_system(name)
    assert system.reference is not None
    model = Equivariant(system.topology, SMALL)
    model.adopt(Equivariant(load_system("sps").topology, SMALL))
    frame = next(system.reference.frames("test"))
    coarse = Frame(system.topology.mapping.apply(frame.positions), box=frame.box)
    drawn = next(iter(model.backmap([coarse], seed=0)))
    assert np.isfinite(drawn.positions).all()
    assert np.abs(system.topology.mapping.apply(drawn.positions) - coarse.positions).max() < 1e-9
