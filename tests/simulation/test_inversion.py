"""Boltzmann inversion and its iteration, on potentials that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.molecules.beads import chain_graph
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.tabulated import Table, TabulatedModel, classify, terms_of
from bmzoo.simulation.inversion import invert, measure
from bmzoo.simulation.iterative_inversion import Inversion, InversionSettings, PairCounter
from bmzoo.simulation.tabulated_system import build_tabulated, sidon

openmm = pytest.importorskip("openmm")

MIRROR = {"A1": "A2", "A2": "A1", "B1": "B2", "B2": "B1"}
KELVIN = 500.0
KT = GAS_CONSTANT * KELVIN


def harmonic(centre: float, stiffness: float, start: float, stop: float, n: int = 400) -> Table:
    return Table(start, stop, 0.5 * stiffness * (np.linspace(start, stop, n) - centre) ** 2)


def repulsion(height: float, range_: float = 0.6) -> Table:
    """Soft beads: a parabola that ends at its range."""
    grid = np.linspace(0.0, 1.0, 101)
    return Table(0.0, 1.0, height * np.maximum(1 - grid / range_, 0.0) ** 2)


def energy_of(system: openmm.System, positions: np.ndarray) -> float:
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    return float(context.getState(energy=True).getPotentialEnergy()._value)


@given(types=st.lists(st.sampled_from(["A1", "A2", "B1", "B2"]), min_size=2, max_size=4))
def test_classes_know_no_direction_and_no_hand(types: list[str]) -> None:
    key, sign = classify(types, MIRROR)
    image = [MIRROR[t] for t in types]
    assert classify(types[::-1], MIRROR) == (key, sign)
    own_image = image in (types, types[::-1])
    assert classify(image, MIRROR) == (key, sign if own_image else -sign)


def test_sums_of_codes_are_different() -> None:
    codes = sidon(5)
    assert codes[:4] == [0, 1, 3, 7]
    sums = [a + b for k, a in enumerate(codes) for b in codes[k:]]
    assert len(set(sums)) == len(sums)


def test_inversion_recovers_harmonic_bonds_and_angles() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.normal(0.4, 0.02, 40_000)
    weights = lengths**2 / (lengths**2).max()
    table = invert(lengths[rng.uniform(size=len(lengths)) < weights], "bonds", KELVIN)
    near = np.abs(table.grid - 0.4) < 0.04
    fit = np.polyfit(table.grid[near], table.energies[near], 2)
    assert 2 * fit[0] == pytest.approx(KT / 0.02**2, rel=0.1)
    assert -fit[1] / (2 * fit[0]) == pytest.approx(0.4, abs=0.001)
    assert table.energies[0] > 100 * KT
    assert (np.diff(table.energies)[table.grid[:-1] > 0.5] > 0).all()

    angles = rng.normal(2.6, 0.3, 200_000)
    angles = angles[(angles > 0) & (angles < np.pi)]
    angles = angles[rng.uniform(size=len(angles)) < np.sin(angles)]
    table = invert(angles, "angles", KELVIN)
    near = np.abs(table.grid - 2.4) < 0.4
    fit = np.polyfit(table.grid[near], table.energies[near], 2)
    assert 2 * fit[0] == pytest.approx(KT / 0.3**2, rel=0.12)
    assert -fit[1] / (2 * fit[0]) == pytest.approx(2.6, abs=0.03)


def test_inversion_recovers_a_torsion() -> None:
    rng = np.random.default_rng(1)
    turn = rng.uniform(-np.pi, np.pi, 200_000)
    kept = turn[rng.uniform(size=len(turn)) < np.exp(-(1 + np.sin(turn)))]
    table = invert(kept, "dihedrals", KELVIN)
    assert table.energies == pytest.approx(KT * (1 + np.sin(table.grid)), abs=0.15 * KT)
    assert table.energies[0] == table.energies[-1]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), flip=st.booleans())
def test_openmm_evaluates_the_tables(seed: int, flip: bool) -> None:
    """Bond, angle, signed dihedral, and pairs of two kinds beyond the exclusions, against plain sums."""
    types = ["A1", "B1", "A2", "B2", "A1"]
    if flip:
        types = [MIRROR[t] for t in types]
    graph = chain_graph("X", types, [1.0, 2.0, 1.0, 2.0, 1.0])
    turn = np.linspace(-np.pi, np.pi, 181)
    bonded = {
        what: dict.fromkeys(terms_of(graph, MIRROR, what).keys, table)
        for what, table in (
            ("bonds", harmonic(0.4, 1000.0, 0.0, 1.0)),
            ("angles", harmonic(1.8, 30.0, 0.0, np.pi)),
            ("dihedrals", Table(-np.pi, np.pi, 4 + 3 * np.sin(turn) + np.cos(2 * turn))),
        )
    }
    bonded["spans"] = dict.fromkeys(terms_of(graph, MIRROR, "spans").keys, harmonic(0.6, 80.0, 0.0, 3.0))
    pairs = {("A1", "A1"): repulsion(5.0), ("A1", "B1"): repulsion(9.0), ("B1", "B1"): repulsion(14.0)}
    model = TabulatedModel(**bonded, pairs=pairs, excluded=3, temperature=KELVIN, mirror=MIRROR)
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((2, 4, 3))
    steps *= rng.uniform(0.3, 0.5, (2, 4, 1)) / np.linalg.norm(steps, axis=-1, keepdims=True)
    chains = np.concatenate([np.zeros((2, 1, 3)), np.cumsum(steps, axis=1)], axis=1)
    chains[1] += [0.3, 0.2, 2.9]  # a neighbour across the boundary, too
    chains -= chains.mean(axis=(0, 1))
    expected = 0.0
    for what, variants in bonded.items():
        for key, values in measure(chains, terms_of(graph, MIRROR, what), what).items():
            table = variants[key]
            expected += np.interp(values, table.grid, table.energies).sum()
    kinds = ["A1" if t[0] == "A" else "B1" for t in types]
    flat = chains.reshape(-1, 3)
    for i in range(10):
        for j in range(i + 1, 10):
            if i // 5 == j // 5 and j - i <= 3:
                continue
            away = flat[j] - flat[i]
            r = np.linalg.norm(away - 3.0 * np.rint(away / 3.0))
            table = pairs[tuple(sorted((kinds[i % 5], kinds[j % 5])))]
            expected += np.interp(r, table.grid, table.energies, right=0.0)
    found = energy_of(build_tabulated(model, graph, 2, 3.0), flat)
    assert found == pytest.approx(expected, abs=0.05)


def test_missing_tables_and_narrow_boxes_are_refused(tmp_path: Path) -> None:
    graph = chain_graph("X", ["A", "A"], 1.0)
    model = TabulatedModel({}, {}, {}, {("A", "A"): repulsion(5.0)}, 3, KELVIN)
    with pytest.raises(InputError, match="no potential for the bonds A-A"):
        build_tabulated(model, graph, 1, 3.0)
    with pytest.raises(InputError, match="narrower than twice"):
        build_tabulated(model, graph, 1, 1.5)
    model.save(tmp_path / "model.json")
    again = TabulatedModel.load(tmp_path / "model.json")
    assert again.pairs[("A", "A")].energies == pytest.approx(model.pairs[("A", "A")].energies, abs=1e-5)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="holds no tables"):
        TabulatedModel.load(tmp_path / "other.json")


def test_radial_distribution_of_an_ideal_gas() -> None:
    graph = chain_graph("X", ["A", "B", "A"], 1.0)
    rng = np.random.default_rng(2)
    box = np.diag([3.0, 3.4, 3.8])
    frames = [Frame(rng.uniform(0, 3.8, (1500, 3)), np.eye(3) * 3.8) for _ in range(3)]
    counter = PairCounter(graph, {}, InversionSettings(cutoff=1.0, bin=0.05, excluded=1))
    found = counter(frames)
    assert counter.keys == (("A", "A"), ("A", "B"), ("B", "B"))
    assert found[:, 6:] == pytest.approx(1.0, abs=0.12)
    with pytest.raises(InputError, match="reaches half of the box"):
        PairCounter(graph, {}, InversionSettings(cutoff=1.6))([Frame(frames[0].positions, box)])


def test_iteration_finds_a_known_liquid(tmp_path: Path) -> None:
    """Soft beads with a well: the first guess, -kT ln g, is off, three corrections bring g(r) nearer."""
    graph = chain_graph("X", ["A"], 20.0)
    grid = np.linspace(0.0, 0.9, 91)
    energies = 60.0 * np.maximum(1 - grid / 0.5, 0.0) ** 2 - 3.0 * np.exp(-(((grid - 0.55) / 0.1) ** 2))
    model = TabulatedModel({}, {}, {}, {("A", "A"): Table(0.0, 0.9, energies)}, 3, KELVIN)
    n, edge = 216, 3.0
    system = build_tabulated(model, graph, n, edge)
    context = openmm.Context(
        system,
        openmm.LangevinMiddleIntegrator(KELVIN, 5.0, 0.01),
        openmm.Platform.getPlatformByName("CPU"),
        {"Threads": "1"},
    )
    places = np.stack(np.meshgrid(*[np.arange(6) * 0.5] * 3), axis=-1).reshape(-1, 3)
    context.setPositions(places)
    context.setVelocitiesToTemperature(KELVIN, 1)
    context.getIntegrator().step(300)
    frames = []
    for _ in range(25):
        context.getIntegrator().step(30)
        positions = context.getState(positions=True).getPositions(asNumpy=True)._value
        frames.append(Frame(positions, np.eye(3) * edge))
    how = InversionSettings(
        cutoff=0.9, bin=0.02, iterations=4, snapshots=25, apart=30, settle=200, timestep=0.01, friction=5.0
    )
    inversion = Inversion(graph, frames, KELVIN, tmp_path / "work", how, {}, seed=1)
    found = inversion.run()
    away = [record["mean_difference"] for record in inversion.log]
    assert len(away) == 4
    assert min(away[1:]) < 0.6 * away[0]
    assert min(away) < 0.06
    # a run that is there is not done again
    again = Inversion(graph, frames, KELVIN, tmp_path / "work", how, {}, seed=1).run()
    assert np.array_equal(again.pairs[("A", "A")].energies, found.pairs[("A", "A")].energies)
