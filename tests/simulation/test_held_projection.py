"""Exact projection onto beads, and onto beads and bonds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refine_inputs import dipeptide, melt
from scipy.sparse import csr_array

from bmzoo.errors import InputError
from bmzoo.simulation.projection import BeadConstraints

EXAMPLES = settings(max_examples=10, deadline=None)


def noisy_chains(seed: int) -> tuple[BeadConstraints, np.ndarray, np.ndarray, np.ndarray]:
    """Constraints of polystyrene, distorted atoms, beads to reach, masses."""
    topology, atoms, beads = melt()
    field, random = topology.force_field, np.random.default_rng(seed)
    constraints = BeadConstraints(topology.mapping, field.masses, field.constraints, field.constraint_r0)
    x = atoms.positions.reshape(2, -1, 3) + random.normal(0, 0.004, (2, topology.n_atoms, 3))
    return constraints, x, beads.positions.reshape(2, -1, 3), field.masses


def beads_of(x: np.ndarray) -> np.ndarray:
    topology, _, _ = melt()
    return topology.mapping.apply(x.reshape(-1, 3)).reshape(len(x), -1, 3)


@EXAMPLES
@given(seed=st.integers(0, 1000))
def test_beads_are_exact_and_projecting_twice_changes_nothing(seed: int) -> None:
    constraints, x, beads, _ = noisy_chains(seed)
    for project in (constraints.onto_beads, constraints):
        once = project(x, beads)
        np.testing.assert_allclose(beads_of(once), beads, rtol=0, atol=1e-12)
        np.testing.assert_allclose(project(once, beads), once, rtol=0, atol=1e-12)


@EXAMPLES
@given(seed=st.integers(0, 1000))
def test_the_displacement_is_the_smallest(seed: int) -> None:
    """Orthogonal, in the metric of the masses, to every displacement that moves no bead."""
    constraints, x, beads, masses = noisy_chains(seed)
    shift = constraints.onto_beads(x, beads) - x
    random = np.random.default_rng(seed)
    any_move = random.normal(size=x.shape)
    free = constraints.onto_beads(x + any_move, beads_of(x)) - x
    product = np.sum(masses[:, None] * shift * free)
    sizes = np.sqrt(np.sum(masses[:, None] * shift**2) * np.sum(masses[:, None] * free**2))
    assert abs(product) < 1e-9 * sizes


@EXAMPLES
@given(seed=st.integers(0, 1000))
def test_turning_the_input_turns_the_output(seed: int) -> None:
    constraints, x, beads, _ = noisy_chains(seed)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    shift = np.array([1.0, -2.0, 0.5])
    for project in (constraints.onto_beads, constraints):
        turned = project(x @ turn + shift, beads @ turn + shift)
        np.testing.assert_allclose(turned, project(x, beads) @ turn + shift, rtol=0, atol=1e-9)


def test_bonds_and_beads_hold_together() -> None:
    constraints, x, beads, _ = noisy_chains(0)
    assert constraints.largest_stretch(x) > 1e-3
    found = constraints(x, beads)
    assert constraints.largest_stretch(found) < 1e-5
    np.testing.assert_allclose(beads_of(found), beads, rtol=0, atol=1e-12)
    assert np.abs(found - x).max() < 0.05


def test_beads_win_over_bonds_that_they_contradict() -> None:
    topology, atoms, beads = dipeptide()
    x, target = atoms.positions[None], beads.positions[None].copy()
    carbon, nitrogen = (int(topology.mapping.weights[[b]].indices[0]) for b in (0, 1))
    pairs, lengths = np.array([[carbon, nitrogen]]), np.array([0.2])
    constraints = BeadConstraints(topology.mapping, topology.graph.masses, pairs, lengths)
    found = constraints(x, target)
    np.testing.assert_allclose(topology.mapping.apply(found[0]), target[0], rtol=0, atol=1e-12)
    assert np.abs(found - x).max() < 0.05


def test_beads_that_cannot_differ_are_refused() -> None:
    topology, _, _ = dipeptide()
    rows = topology.mapping.weights.toarray()
    rows[1] = rows[0]
    with pytest.raises(InputError, match="depend on one another"):
        BeadConstraints(replace(topology.mapping, weights=csr_array(rows)), topology.graph.masses)
