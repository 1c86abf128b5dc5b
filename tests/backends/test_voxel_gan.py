"""The voxel GAN: tables, surroundings, schedule, energies, scores, and that it learns."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.voxel_gan.bonds import BondLengths
from bmzoo.backends.voxel_gan.config import VoxelGANConfig
from bmzoo.backends.voxel_gan.data import TrainingSet
from bmzoo.backends.voxel_gan.energy import CONSTRAINT, AtomEnergy
from bmzoo.backends.voxel_gan.flaws import FLAW, Flaws, Judgement
from bmzoo.backends.voxel_gan.hands import are_wrong, mirrored
from bmzoo.backends.voxel_gan.losses import energy_score
from bmzoo.backends.voxel_gan.model import VoxelGAN
from bmzoo.backends.voxel_gan.observation import Observer, Scene
from bmzoo.backends.voxel_gan.repair import LOOSE_REACHES, REACHES
from bmzoo.backends.voxel_gan.sampler import Sampler
from bmzoo.backends.voxel_gan.schedule import Schedule
from bmzoo.backends.voxel_gan.state import State
from bmzoo.backends.voxel_gan.surroundings import find_surroundings
from bmzoo.backends.voxel_gan.template import make_template
from bmzoo.errors import InputError
from bmzoo.frames.datasets import pairs
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.molecules.topology import Topology
from bmzoo.representations.energies import Energies
from bmzoo.systems import load_system
from bmzoo.testing.conformance import BackendConformance
from bmzoo.testing.toys import toy_pairs, toy_topology

SMALL = VoxelGANConfig(features=4, hidden=16, noise=4, batch=16, draws=2, cells=4, edge=1.0)
NARROW = np.array([[2.2, 0.0, 0.0], [-0.9, 2.3, 0.0], [0.8, -0.7, 2.1]])


class TestVoxelGAN(BackendConformance):
    backend = "voxel_gan"
    config = {  # noqa: RUF012
        "features": 4,
        "hidden": 16,
        "batch": 8,
        "window": 4,
        "cells": 4,
        "supervised": 2,
        "critic_steps": 2,
        "frames": 3,
        "sweeps": 1,
        "repairs": 1,
    }
    repeats = 1e-3  # a hand that is just wrong or just right makes an atom jump

    def make(self, topology: Topology) -> Backmapper:
        """Before training, what an atom takes over from its neighbours grows from atom to atom."""
        model = super().make(topology)
        with torch.no_grad():
            model.generator.out.weight.mul_(0.5)
            model.generator.out.bias.mul_(0.5)
        return model


class TestVoxelGANAsPublished(BackendConformance):
    backend = "voxel_gan"
    config = {  # noqa: RUF012
        "features": 4,
        "hidden": 16,
        "batch": 8,
        "window": 4,
        "cells": 4,
        "supervised": 0,
        "frame": "bead",
        "readout": "density",
        "neighbours": 0,
        "draws": 2,
        "critic_steps": 1,
        "sweeps": 1,
        "repairs": 0,
        "hold_bonds": False,
    }
    repeats = 1e-2  # a hand that is just wrong or just right makes an atom jump

    def make(self, topology: Topology) -> Backmapper:
        """A density is flat before training: its mean hardly moves with the noise."""
        model = super().make(topology)
        with torch.no_grad():
            model.generator.decoder.out.weight.mul_(100)
        return model


@pytest.fixture(scope="module")
def melt() -> tuple[VoxelGAN, PairedFrames]:
    system = load_system("sps")
    assert system.reference is not None
    frame = next(system.reference.frames("train"))
    torch.manual_seed(0)
    model = VoxelGAN(system.topology, SMALL)
    return model, next(pairs([frame], system.topology.mapping))


@pytest.mark.parametrize("order", ["depth-first", "breadth-first", "random"])
@pytest.mark.parametrize("name", ["sps", "adp", "cln"])
def test_tables_refer_to_what_is_placed_before(name: str, order: str) -> None:
    topology = load_system(name).topology
    template = make_template(topology, SMALL.model_copy(update={"order": order}))
    n = topology.n_atoms
    assert sorted(template.rank) == list(range(n))
    assert (template.rank[~template.is_hydrogen] < (~template.is_hydrogen).sum()).all()
    for atom in range(n):
        for other in (template.origin[atom], *template.axes[atom], *template.triple[atom]):
            if 0 <= other < n:
                assert template.rank[other] < template.rank[atom]
    assert (template.slots[~template.is_hydrogen] < 0).any() or n < SMALL.neighbours
    for atom in np.flatnonzero(~template.is_hydrogen):
        slots = template.slots[atom]
        assert not template.is_hydrogen[slots[slots >= 0]].any(), "a heavy atom does not see hydrogens"


@pytest.mark.parametrize("name", ["sps", "cln", "adp"])
def test_hands_are_those_of_the_reference(name: str) -> None:
    system = load_system(name)
    assert system.reference is not None
    model = VoxelGAN(system.topology, SMALL)
    frames = pairs(system.reference.frames("train", 0, 20), system.topology.mapping)
    training = TrainingSet(model.observer, frames, seed=0)
    template = model.observer.template
    centres = set(system.topology.graph.stereocentres[:, 0].tolist())
    of_centre = np.array([p in centres for p in template.triple[:, 0]])
    assert of_centre.any()
    assert (training.hands()[of_centre] == template.hand[of_centre]).all()


def test_weights_of_one_hand_do_not_turn_another(melt: tuple[VoxelGAN, PairedFrames]) -> None:
    left = load_system("adp").topology
    right = dataclasses.replace(left, graph=dataclasses.replace(left.graph, chirality=-left.graph.chirality))
    one, other = VoxelGAN(left, SMALL), VoxelGAN(right, SMALL)
    chiral = one.observer.template.chiral
    assert chiral.any()
    other.load_state(one.state())
    assert (other.observer.hand[chiral] == -one.observer.hand[chiral]).all()


@pytest.mark.parametrize("name", ["sps", "cln"])
def test_atoms_of_the_wrong_hand_are_mirrored(name: str) -> None:
    """Those of the right hand stay, and distances to the three atoms of the plane are kept."""
    system = load_system(name)
    assert system.reference is not None
    model = VoxelGAN(system.topology, SMALL.model_copy(update={"batch": 1000, "atom_noise": 0.0}))
    observer = model.observer
    frames = pairs(system.reference.frames("train", 0, 1), system.topology.mapping)
    training = TrainingSet(observer, frames, seed=0)
    observer.set_hands(training.hands())
    scene, atoms = training(1)
    true = scene.positions[torch.arange(len(atoms)), observer.own[atoms]].unsqueeze(1)
    assert not are_wrong(observer, scene, atoms, true).any()
    assert torch.equal(mirrored(observer, scene, atoms, true), true)
    for table, hand in ((observer.triple, observer.hand), (observer.sides[:, 0], observer.side_hand[:, 0])):
        three, there = observer.take(scene, table[atoms])
        normal = torch.linalg.cross(three[:, 1] - three[:, 0], three[:, 2] - three[:, 0])
        height = ((true[:, 0] - three[:, 0]) * normal).sum(-1) / normal.square().sum(-1).clamp(min=1e-12)
        wrong = (true[:, 0] - 2 * height[:, None] * normal).unsqueeze(1)
        known = there.all(1) & (hand[atoms] != 0)
        assert known.any()
        assert are_wrong(observer, scene, atoms, wrong)[known].all()
        right = mirrored(observer, scene, atoms, wrong)
        alone = known & (observer.side_hand[atoms] != 0).sum(1).le(1)
        assert torch.allclose(right[alone], true[alone], atol=1e-5)
        lengths = (right - three).norm(dim=-1), (wrong - three).norm(dim=-1)
        assert torch.allclose(lengths[0][alone], lengths[1][alone], atol=1e-5)


@pytest.mark.parametrize("name", ["sps", "cln", "adp"])
def test_the_reference_has_no_flaws_and_damage_is_found(name: str) -> None:
    system = load_system(name)
    assert system.reference is not None
    template = VoxelGAN(system.topology, SMALL).observer.template
    n, n_beads = template.n_atoms, system.topology.n_beads
    pair = next(pairs(system.reference.frames("test", 0, 1), system.topology.mapping))
    atoms = pair.atomistic.positions.reshape(-1, n, 3).astype(float)
    beads = pair.coarse.positions.reshape(-1, n_beads, 3).astype(float)
    flaws, box = Flaws(template), pair.coarse.box
    rows = None if box is None else np.asarray(box, dtype=float)
    now = flaws(beads, atoms, rows)
    assert not now.flawed.any()
    assert now.badness.max() < FLAW
    moved = atoms.copy()
    heavy = int(np.flatnonzero(~template.is_hydrogen & (template.alone < 0))[-1])
    moved[0, heavy] += 0.3
    found = flaws(beads, moved, rows)
    assert found.flawed[0, template.owners[heavy]]
    assert found.badness[found.flawed].min() >= FLAW
    assert not found.flawed[1:].any()
    reflected = flaws(beads[:1] * [-1, 1, 1], atoms[:1] * [-1, 1, 1], None).flawed[0]
    assert reflected.any()
    assert set(np.flatnonzero(reflected)) <= set(template.owners[system.topology.graph.stereocentres].ravel())
    assert flaws.within(0, 0).tolist() == [0]
    assert len(flaws.within(0, 1)) == 1 + (system.topology.mapping.bonds == 0).any(axis=1).sum()


def test_crowded_atoms_are_found_across_the_box(melt: tuple[VoxelGAN, PairedFrames]) -> None:
    """By their Lennard-Jones energy, whatever the image, heavy atoms alone or with hydrogens."""
    model, pair = melt
    beads, atoms, box = _melt_arrays(pair)
    flaws, hydrogen = Flaws(model.observer.template), model.observer.template.is_hydrogen
    kind = {False: int(np.flatnonzero(~hydrogen)[0]), True: int(np.flatnonzero(hydrogen)[0])}
    for of_hydrogens in (False, True):
        other, atom = 7, kind[of_hydrogens]
        moved = atoms.copy()
        shift = np.array([0.0, 0.02, 0.0]) - box[1]
        before = flaws(beads, moved, box, True)
        moved[other, atom] = moved[3, kind[True]] + shift
        owners = model.observer.template.owners
        now = flaws(beads, moved, box, True)
        assert now.loose[3, owners[kind[True]]]
        assert now.loose[other, owners[atom]]
        assert now.badness[3, owners[kind[True]]] > before.badness[3, owners[kind[True]]]
    heavy = atoms.copy()
    heavy[7, kind[False]] = heavy[3, kind[False]] + shift
    assert flaws(beads, heavy, box).loose[3, owners[kind[False]]]
    # what hydrogens do does not count before they are placed
    assert not (flaws(beads, moved, box).loose & ~flaws(beads, atoms, box).loose).any()


def _melt_arrays(pair: PairedFrames) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    beads = pair.coarse.positions.reshape(-1, 20, 3).astype(float)
    atoms = pair.atomistic.positions.reshape(len(beads), -1, 3).astype(float)
    return beads, atoms, np.asarray(pair.coarse.box, dtype=float)


def _repaired(
    model: VoxelGAN, pair: PairedFrames, atoms: np.ndarray, **how: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Atoms that a repair of these leaves, and which of them are there."""
    beads, _, box = _melt_arrays(pair)
    sampler = Sampler(model.observer, model.generator, None, None, None)
    (unit,) = sampler.units(beads, box, [(0, 0, 0)])
    state = State(model.observer, [unit])
    state.set_atoms([atoms.reshape(-1, 3)], [np.ones(atoms.size // 3, dtype=bool)])
    with torch.no_grad():
        sampler._repair(state, **how)
    return state.atoms()[0], state.visible[: atoms.size // 3].numpy()


@pytest.mark.parametrize("hydrogens", [False, True])
def test_repair_draws_again_near_the_flaw_alone(
    melt: tuple[VoxelGAN, PairedFrames], monkeypatch: pytest.MonkeyPatch, hydrogens: bool
) -> None:
    """The first round, after which nothing is taken to be flawed: the networks have learned nothing."""
    system, (_, pair) = load_system("sps"), melt
    torch.manual_seed(0)
    model = VoxelGAN(system.topology, SMALL.model_copy(update={"repairs": 1}))
    template = model.observer.template
    beads, atoms, box = _melt_arrays(pair)
    damaged = atoms.copy()
    atom = int(np.flatnonzero(~template.is_hydrogen)[-1])
    damaged[3, atom] += 0.5
    flaws = Flaws(template)
    flawed = flaws(beads, damaged, box)
    found = iter([flawed._replace(loose=np.zeros_like(flawed.loose))])
    nothing = np.zeros_like(flawed.flawed)
    right = Judgement(nothing, nothing, np.zeros(nothing.shape))
    monkeypatch.setattr(Flaws, "__call__", lambda *_: next(found, right))
    after, there = _repaired(model, pair, damaged, loose=hydrogens, hydrogens=hydrogens)
    changed = ~(np.abs(after - damaged) < 1e-4).all(-1)
    assert changed[3, atom]
    assert not changed[np.arange(len(beads)) != 3].any()
    reach = LOOSE_REACHES[True][0] if hydrogens else REACHES[0]
    flaw = np.flatnonzero(flawed.flawed[3])
    heavy = {b for f in flaw for b in flaws.within(f, reach)}
    near = {b for f in flaw for b in flaws.within(f, reach + 1)}
    assert set(template.owners[changed[3] & ~template.is_hydrogen]) <= heavy
    assert set(template.owners[changed[3] & template.is_hydrogen]) <= (near if hydrogens else set())
    assert (changed[3] & template.is_hydrogen).any() == hydrogens
    assert there[~template.is_hydrogen[None].repeat(len(beads), 0).ravel()].all()
    assert there.all() == hydrogens


@pytest.mark.parametrize("how", [{}, {"loose": True}, {"loose": True, "hydrogens": True}])
def test_repair_leaves_no_region_worse(melt: tuple[VoxelGAN, PairedFrames], how: dict[str, bool]) -> None:
    """Networks that have learned nothing draw worse than one misplaced atom: every region goes back."""
    model, pair = melt
    template = model.observer.template
    beads, atoms, box = _melt_arrays(pair)
    for molecule in range(len(beads)):
        atoms[molecule, int(np.flatnonzero(~template.is_hydrogen)[-1 - 3 * (molecule % 5)])] += 0.3
    flaws, hydrogens = Flaws(template), how.get("hydrogens", False)
    before = flaws(beads, atoms, box, hydrogens)
    after, there = _repaired(model, pair, atoms, **how)
    now = flaws(beads, after, box, hydrogens)
    assert before.flawed.any(axis=1).all()
    assert now.flawed.sum() <= before.flawed.sum()
    assert there[~np.tile(template.is_hydrogen, len(beads))].all()


def test_inputs_that_look_alike_in_other_molecules() -> None:
    """The CH inside polystyrene, and that of cumene, with beads laid out alike."""
    config = SMALL.model_copy(update={"neighbours": 12, "inputs": "bonded"})
    topology = load_system("sps").topology
    template = make_template(topology, config)
    for atom, slots in enumerate(template.slots):
        near = set(topology.graph.neighbours[atom])
        assert set(slots[slots >= 0]) == {
            n for n in near if template.is_hydrogen[atom] or not template.is_hydrogen[n]
        }
    carbon = 20
    assert [topology.mapping.bead_types[b] for b in template.beads[carbon] if b >= 0] == ["A", "A", "B"]
    first, second = template.shared[carbon]
    assert template.beads[carbon, 0] == first
    np.testing.assert_allclose(template.static[carbon, -2:], template.weights[[first, second], carbon])
    assert template.static[carbon, -1] > 0.2


def test_surroundings_hold_every_image_within_the_cutoff() -> None:
    rng = np.random.default_rng(2)
    topology = toy_topology()
    template = make_template(topology, SMALL.model_copy(update={"cutoff": 0.9}))
    observer = Observer(template)
    beads = rng.random((4, 1, 3)) @ NARROW + rng.normal(0, 0.15, (4, topology.n_beads, 3))
    around = find_surroundings(template, observer.layout, beads, NARROW)
    flat = beads.reshape(-1, 3)
    shifts = np.array(list(product((-2, -1, 0, 1, 2), repeat=3))) @ NARROW
    nowhere = 4 * (topology.n_atoms + topology.n_beads)
    first_bead = 4 * topology.n_atoms
    for bead in range(len(flat)):
        every = flat[None] + shifts[:, None] - flat[bead]
        expected = {(b, *shifts[s].round(3)) for s, b in np.argwhere(np.linalg.norm(every, axis=2) < 0.9)}
        seen = (around.particles[bead] >= first_bead) & (around.particles[bead] < nowhere)
        found = [
            (int(p) - first_bead, *shift.astype(float).round(3))
            for p, shift in zip(around.particles[bead][seen], around.shifts[bead][seen], strict=True)
        ]
        assert len(found) == len(set(found)), "a bead is there twice"
        assert {tuple(map(float, f)) for f in expected} <= {tuple(map(float, f)) for f in found}
        own_atoms = np.flatnonzero(template.owners == bead % topology.n_beads)
        assert set(own_atoms + bead // topology.n_beads * topology.n_atoms) <= set(around.particles[bead])


def test_no_two_atoms_placed_together_see_one_another(melt: tuple[VoxelGAN, PairedFrames]) -> None:
    model, pair = melt
    template, layout = model.observer.template, model.observer.layout
    beads = np.asarray(pair.coarse.positions, dtype=float).reshape(-1, 20, 3)
    around = find_surroundings(template, layout, beads, np.asarray(pair.coarse.box, dtype=float))
    schedule = Schedule(template, around)
    owners, n_atoms = template.owners, template.n_atoms
    n_all = len(beads) * n_atoms
    for steps, in_order in (
        ([*schedule.first_pass(0), *schedule.first_pass(1)], True),
        ([*schedule.sweep(0), *schedule.sweep(1)], False),
    ):
        placed: list[int] = []
        for of_beads, atoms in steps:
            assert (owners[atoms] == of_beads % 20).all()
            now = set((of_beads // 20 * n_atoms + atoms).tolist())
            placed += now
            for bead, atom in zip(of_beads, atoms, strict=True):
                seen = set(around.particles[bead][around.particles[bead] < n_all].tolist())
                assert not seen & (now - {int(bead // 20 * n_atoms + atom)})
        assert len(placed) == len(set(placed)) == n_all - (template.alone >= 0).sum() * len(beads)
        if in_order:
            for molecule in range(len(beads)):
                ranks = [template.rank[a % n_atoms] for a in placed if a // n_atoms == molecule]
                assert ranks == sorted(ranks)


def test_results_do_not_depend_on_the_batch(melt: tuple[VoxelGAN, PairedFrames]) -> None:
    model, pair = melt
    topology = model.topology
    beads = np.asarray(pair.coarse.positions).reshape(-1, 20, 3)[:3].reshape(-1, 3)
    frames = [dataclasses.replace(Frame(beads, box=pair.coarse.box), index=i) for i in range(2)]
    every = []
    for placements, side_by_side in ((1024, 8), (3, 1)):
        settings = SMALL.model_copy(update={"placements": placements, "frames": side_by_side, "sweeps": 1})
        other = VoxelGAN(topology, settings)
        other.load_state(model.state())
        # rounding grows along the chain of an untrained network
        for part in (other.module, other.observer, other.bonds):
            part.double()
        every.append([f.positions for f in other.backmap(frames, n_samples=2, seed=3)])
    assert np.abs(np.array(every[0]) - np.array(every[1])).max() < 1e-4


def test_training_and_drawing_see_the_same(melt: tuple[VoxelGAN, PairedFrames]) -> None:
    model, pair = melt
    observer = model.observer
    beads = np.asarray(pair.coarse.positions, dtype=float).reshape(-1, 20, 3)
    sampler = Sampler(observer, model.generator, None, None, None)
    (unit,) = sampler.units(beads, np.asarray(pair.coarse.box, dtype=float), [(0, 0, 0)])
    state = State(observer, [unit])
    n_all = len(beads) * model.topology.n_atoms
    state.positions[:n_all] = torch.as_tensor(np.asarray(pair.atomistic.positions, dtype=np.float32))
    state.visible[:n_all] = True
    training = TrainingSet(observer, [pair], seed=0)
    training.template.config.__dict__.update(bead_noise=0.0, hydrogen_bead_noise=0.0, atom_noise=0.0)
    batch = training(0)
    atoms = batch.atoms
    full = batch.scene._replace(visible=batch.scene.positions.abs().amax(-1) < 50)
    seen = observer(full, atoms)
    for row, atom in enumerate(atoms.tolist()):
        molecules = np.arange(len(beads)) * 20 + int(observer.template.owners[atom])
        scenes = state.scene(np.zeros(len(molecules), dtype=int), molecules)
        others = observer(scenes, torch.full((len(molecules),), atom))
        gaps = (others.voxels - seen.voxels[row]).abs().flatten(1).amax(1)
        gaps = gaps + (others.vectors - seen.vectors[row]).abs().flatten(1).amax(1)
        assert gaps.min() < 1e-4
        if row > 5:
            break


def test_a_placement_turns_with_its_surroundings(melt: tuple[VoxelGAN, PairedFrames]) -> None:
    model, pair = melt
    batch = TrainingSet(model.observer, [pair], seed=0)(1)
    atoms, noise = batch.atoms, torch.randn(len(batch.atoms), 1, SMALL.noise)
    turn = torch.linalg.qr(torch.randn(3, 3))[0]
    turn = turn * torch.linalg.det(turn).sign()
    seen = model.observer(batch.scene, atoms)
    turned = model.observer(batch.scene._replace(positions=batch.scene.positions @ turn), atoms)
    placed = seen.to_scene(model.generator(seen, noise)) @ turn
    assert torch.allclose(turned.to_scene(model.generator(turned, noise)), placed, atol=1e-4)
    mirrored = model.observer(batch.scene._replace(positions=-batch.scene.positions), atoms)
    image = -mirrored.to_scene(model.generator(mirrored, noise))
    there = ~torch.isclose(image, seen.to_scene(model.generator(seen, noise)), atol=1e-4).all(-1)
    assert there.any(), "it must tell mirror images apart"


def test_energy_of_an_atom_is_what_the_box_gains() -> None:
    system = load_system("cln")
    assert system.reference is not None
    assert system.topology.force_field is not None
    field = dataclasses.replace(system.topology.force_field, gb_radii=None, gb_scales=None)
    topology = dataclasses.replace(system.topology, force_field=field)
    model = VoxelGAN(
        topology,
        SMALL.model_copy(
            update={"cutoff": 3.0, "bead_noise": 0.0, "hydrogen_bead_noise": 0.0, "atom_noise": 0.0}
        ),
    )
    frame = next(system.reference.frames("test"))
    batch = TrainingSet(model.observer, pairs([frame], topology.mapping), seed=0)(0)
    energy, every = AtomEnergy(model.observer, field), Energies(field)
    x = torch.as_tensor(np.asarray(frame.positions, dtype=np.float64))
    for row, atom in enumerate(batch.atoms[:6].tolist()):
        owner = model.observer.template.owners[atom]
        scene = Scene(*(part[row : row + 1] for part in batch.scene))
        scene = scene._replace(visible=scene.positions.abs().amax(-1) < 50)
        centre = torch.as_tensor(topology.mapping.apply(frame.positions)[owner])
        moved = x.clone()
        moved[atom] += torch.tensor([0.01, -0.004, 0.007])
        places = torch.stack([x[atom], moved[atom]])[None].sub(centre).float()
        mine = torch.stack(list(energy(scene, torch.tensor([atom]), places).values())).sum(0)[0]
        held = [k for k, pair in enumerate(field.constraints.tolist()) if atom in pair]
        stretched = 0.0
        for k in held:
            i, j = field.constraints[k]
            lengths = [float(torch.linalg.vector_norm(p[i] - p[j])) for p in (x, moved)]
            stretched += (
                CONSTRAINT
                / 2
                * sum(s * (r - field.constraint_r0[k]) ** 2 for s, r in zip((-1, 1), lengths, strict=True))
            )
        gained = float(every(moved) - every(x)) + stretched
        assert float(mine[1] - mine[0]) == pytest.approx(gained, rel=2e-3, abs=0.2)


def test_constrained_bonds_are_held(melt: tuple[VoxelGAN, PairedFrames]) -> None:
    model, pair = melt
    batch = TrainingSet(model.observer, [pair], seed=4)(0)
    atoms = batch.atoms
    true = batch.scene.positions[torch.arange(len(atoms)), model.observer.own[atoms]]
    bonds = BondLengths(model.observer)
    placed = bonds(batch.scene, atoms, true[:, None] + 0.02 * torch.randn(len(atoms), 3, 3))
    others, there = model.observer.take(batch.scene, bonds.columns[atoms])
    length = (placed[:, :, None] - others[:, None]).norm(dim=-1)
    one = there.sum(1) == 1
    off = ((length - bonds.lengths[atoms][:, None]).abs() * there[:, None])[one]
    assert one.any()
    assert off.max() < 1e-5


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_energy_score_is_lowest_for_the_right_width(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(4000, 3, generator=generator)
    drawn = torch.randn(4000, 4, 3, generator=generator)
    right, narrow, wide, off = (
        energy_score(s, target).mean() for s in (drawn, 0.5 * drawn, 1.6 * drawn, drawn + 0.5)
    )
    assert right < min(narrow, wide, off)


def test_choices_lower_the_energy_and_need_what_they_need() -> None:
    system = load_system("adp")
    assert system.reference is not None
    coarse = [pair.coarse for pair in pairs(system.reference.frames("test", 0, 20), system.topology.mapping)]
    torch.manual_seed(1)
    model = VoxelGAN(system.topology, SMALL)
    field = Energies(dataclasses.replace(system.topology.force_field, gb_radii=None, gb_scales=None))
    found = {}
    for choice in ("plain", "lowest", "boltzmann"):
        update = {"choice": choice, "candidates": 12, "sweeps": 0}
        other = VoxelGAN(system.topology, SMALL.model_copy(update=update))
        other.load_state(model.state())
        every = [torch.as_tensor(f.positions) for f in other.backmap(coarse, seed=0)]
        found[choice] = float(torch.stack([field(x).log() for x in every]).median())
    assert found["lowest"] < found["plain"]
    assert found["boltzmann"] < found["plain"]
    bare = VoxelGAN(toy_topology(), SMALL.model_copy(update={"choice": "lowest", "candidates": 2}))
    with pytest.raises(InputError, match="needs a force field"):
        list(bare.backmap([next(toy_pairs(1)).coarse], seed=0))


def test_another_chemistry_is_refused_or_shared() -> None:
    octane, cumene, sps = (load_system(name).topology for name in ("octane", "cumene", "sps"))
    both = SMALL.model_copy(update={"classes": ("C3", "C4", "H(C3)", "H(C4)"), "bead_types": ("A", "B")})
    one, other, third = (VoxelGAN(topology, both) for topology in (octane, cumene, sps))
    other.adopt(one)
    assert other.generator is one.generator
    third.load_state(one.state())
    with pytest.raises(InputError, match="do not know"):
        VoxelGAN(load_system("adp").topology, both)
    with pytest.raises(InputError, match="bead_types"):
        VoxelGAN(octane, SMALL).adopt(VoxelGAN(sps, SMALL))


def test_it_learns_one_frame(melt: tuple[VoxelGAN, PairedFrames]) -> None:
    _, pair = melt
    torch.manual_seed(0)
    settings = SMALL.model_copy(update={"batch": 64, "hidden": 32, "rate": 3e-3})
    model = VoxelGAN(load_system("sps").topology, settings)
    batches = model.training_batches([pair], seed=0)
    optimizer = model.optimizers()["generator"]
    scores = []
    for step in range(60):
        losses = model.training_step(batches(step), step)
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
        scores.append(float(losses["score"]))
    assert np.mean(scores[-10:]) < 0.5 * np.mean(scores[:5])


def test_single_placements_stand_between_windows(melt: tuple[VoxelGAN, PairedFrames]) -> None:
    _, pair = melt
    changes = {"supervised": 1, "singles": 1, "critic_steps": 1, "window": 2, "adversarial": True}
    model = VoxelGAN(load_system("sps").topology, SMALL.model_copy(update=changes))
    batches = model.training_batches([pair], seed=0)
    kinds = [type(batches(step)).__name__ for step in range(6)]
    assert kinds == ["Batch", "Window", "Batch", "Window", "Batch", "Window"]
    assert [model.part(step) for step in range(6)] == ["generator", "critic"] + ["generator"] * 3 + ["critic"]
