"""Grown chains have the distribution of their potentials, also where those look ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bmzoo.errors import InputError
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.beads import chain_graph
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.polystyrene_beads import MIRROR, bead_chain
from bmzoo.molecules.tabulated import Table, TabulatedModel, terms_of
from bmzoo.simulation.bonded_matching import match_bonded, samples_of
from bmzoo.simulation.chain_growth import draw_chain, draw_ensemble, is_chain
from bmzoo.simulation.inversion import measure, torsions
from bmzoo.simulation.iterative_inversion import divergence
from bmzoo.systems import load_system
from bmzoo.systems.fritz import MODEL

KELVIN = 500.0
KT = GAS_CONSTANT * KELVIN
BOND, ANGLE = 0.4, 2.0
TURN = np.linspace(-np.pi, np.pi, 181)


def stiff(centre: float, stiffness: float, stop: float) -> Table:
    return Table(0.0, stop, 0.5 * stiffness * (np.linspace(0.0, stop, 2001) - centre) ** 2)


def five_beads() -> tuple[TabulatedModel, MolecularGraph]:
    """Two dihedrals that prefer one side each, and a distance of their ends that forbids both at once."""
    graph = chain_graph("X", ["A"] * 5, 10.0)
    dihedral = Table(-np.pi, np.pi, 4.0 * (1 + np.cos(2 * TURN)) - 3.0 * np.sin(TURN))
    span = np.linspace(0.0, 2.0, 401)
    model = TabulatedModel(
        bonds={("A", "A"): stiff(BOND, 4e6, 1.0)},
        angles={("A",) * 3: stiff(ANGLE, 2e5, np.pi)},
        dihedrals={("A",) * 4: dihedral},
        spans={("A",) * 5: Table(0.0, 2.0, 25.0 / (1 + np.exp((span - 0.85) / 0.05)))},
        pairs={("A", "A"): Table(0.0, 0.9, np.zeros(10))},
        excluded=4,
        temperature=KELVIN,
    )
    return model, graph


def build(turns: np.ndarray) -> np.ndarray:
    """``(n, 5, 3)`` chains with given dihedrals ``(n, 2)``, built independently of the code under test."""
    n = len(turns)
    x = np.zeros((n, 5, 3))
    x[:, 1, 0] = BOND
    x[:, 2] = x[:, 1] + BOND * np.array([-np.cos(ANGLE), np.sin(ANGLE), 0.0])
    for k in (3, 4):
        axis = (x[:, k - 1] - x[:, k - 2]) / BOND
        back = x[:, k - 3] - x[:, k - 2]
        cis = back - (back * axis).sum(-1, keepdims=True) * axis
        cis /= np.linalg.norm(cis, axis=-1, keepdims=True)
        turn = turns[:, k - 3, None]
        side = np.cos(turn) * cis + np.sin(turn) * np.cross(axis, cis)
        x[:, k] = x[:, k - 1] + BOND * (-np.cos(ANGLE) * axis + np.sin(ANGLE) * side)
    return x


def exact_shares(model: TabulatedModel) -> np.ndarray:
    """Of the four combinations of signs of both dihedrals, by quadrature."""
    grid = (np.arange(180) + 0.5) / 180 * 2 * np.pi - np.pi
    turns = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    chains = build(turns)
    assert torsions(chains, np.array([[0, 1, 2, 3], [1, 2, 3, 4]])) == pytest.approx(turns, abs=1e-6)
    dihedral, span = model.dihedrals[("A",) * 4], model.spans[("A",) * 5]
    ends = np.linalg.norm(chains[:, 4] - chains[:, 0], axis=-1)
    energy = np.interp(turns, dihedral.grid, dihedral.energies).sum(axis=1)
    energy += np.interp(ends, span.grid, span.energies)
    return signs(turns, np.exp(-energy / KT))


def signs(turns: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    counts = np.bincount((turns > 0) @ [2, 1], weights, minlength=4)
    return np.asarray(counts / counts.sum())


def turns_of(chains: np.ndarray) -> np.ndarray:
    return torsions(chains, np.array([[0, 1, 2, 3], [1, 2, 3, 4]]))


def test_grown_chains_look_ahead() -> None:
    """The first dihedral is drawn before the distance that punishes it is known."""
    model, graph = five_beads()
    wanted = exact_shares(model)
    plain = replace(model, spans={})
    alone = signs(turns_of(draw_ensemble(plain, graph, KELVIN, 4000, np.random.default_rng(1))))
    assert np.abs(alone - wanted).max() > 0.07  # the distance matters
    many = draw_ensemble(model, graph, KELVIN, 20_000, np.random.default_rng(2))
    assert signs(turns_of(many)) == pytest.approx(wanted, abs=0.02)
    rng = np.random.default_rng(3)
    single = np.array([draw_chain(model, graph, KELVIN, rng) for _ in range(600)])
    assert signs(turns_of(single)) == pytest.approx(wanted, abs=0.07)


def test_matching_finds_the_dihedrals_behind_a_distribution() -> None:
    """Plain inversion would count the distance twice."""
    model, graph = five_beads()
    made = draw_ensemble(model, graph, KELVIN, 8000, np.random.default_rng(4))
    target = samples_of(made, graph, model, 0)
    blank = {("A",) * 4: Table(-np.pi, np.pi, np.zeros(181))}
    start = replace(model, dihedrals=blank)
    rng = np.random.default_rng(5)

    def away(some: TabulatedModel) -> float:
        found = samples_of(draw_ensemble(some, graph, KELVIN, 4000, rng), graph, some, 0)
        return divergence(found["dihedrals"][("A",) * 4], target["dihedrals"][("A",) * 4])

    matched = match_bonded(start, graph, target, KELVIN, rng, rounds=12)
    assert away(matched) < 0.15 * away(start)
    assert away(matched) < 0.01


def test_only_chains_are_grown() -> None:
    model, graph = five_beads()
    assert is_chain(graph)
    ring = replace(graph, bonds=np.array([[0, 1], [1, 2], [2, 3], [3, 4], [0, 4]]))
    assert not is_chain(ring)
    with pytest.raises(InputError, match="no chain"):
        draw_ensemble(model, ring, KELVIN, 4, np.random.default_rng(0))


def test_polystyrene_has_the_dihedrals_of_the_atomistic_melt() -> None:
    """Equilibrium shares of the embedded model; runs of the melt are too short to show them."""
    model, graph = TabulatedModel.load(MODEL), bead_chain(10)
    sps = load_system("sps:568K")
    assert sps.reference is not None
    atoms = whole_molecules(sps.reference.frames("train", 0, None, 8), sps.topology, beads=False)
    mapped = np.concatenate(
        [f.positions.reshape(-1, 20, 3) for f in coarse_grain(atoms, sps.topology.mapping)]
    )
    grown = draw_ensemble(model, graph, 568.0, 1500, np.random.default_rng(6))
    terms = terms_of(graph, MIRROR, "dihedrals")
    ours, theirs = (measure(chains, terms, "dihedrals") for chains in (grown, mapped))
    for key, values in ours.items():
        shares = [np.mean((v > np.radians(-160)) & (v < np.radians(-90))) for v in (values, theirs[key])]
        assert shares[0] == pytest.approx(shares[1], abs=0.06)
        assert shares[0] > 0.55
