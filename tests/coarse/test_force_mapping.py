"""Forces on beads of atoms that constraints join."""

from __future__ import annotations

import numpy as np
import pytest

from bmzoo.coarse.force_mapping import constraint_groups, force_map, slice_atoms
from bmzoo.errors import InputError
from bmzoo.systems import load_system


def test_groups_follow_constraints() -> None:
    assert constraint_groups(5, np.array([[0, 1], [3, 1]])).tolist() == [0, 0, 1, 0, 2]
    assert constraint_groups(3, np.zeros((0, 2), dtype=int)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["adp", "cln"])
def test_map_is_consistent(name: str) -> None:
    topology = load_system(name).topology
    assert topology.force_field is not None
    beads = slice_atoms(topology.mapping)
    groups = constraint_groups(topology.graph.n_atoms, topology.force_field.constraints)
    forces = np.random.default_rng(0).normal(size=(50, topology.graph.n_atoms, 3))
    basic, optimal = force_map(beads, groups), force_map(beads, groups, forces)
    for found in (basic, optimal):
        np.testing.assert_allclose(found[:, beads], np.eye(len(beads)), atol=1e-12)
        for i, j in topology.force_field.constraints:
            np.testing.assert_array_equal(found[:, i], found[:, j])
    assert np.square(optimal @ forces).sum() < np.square(basic @ forces).sum()


def test_optimal_map_removes_noise_that_another_atom_shows() -> None:
    """A stiff bond pulls a bead one way and its free neighbour the other: their sum is quiet."""
    rng = np.random.default_rng(0)
    bond, quiet = rng.normal(size=(2, 400, 1, 3))
    forces = np.concatenate([quiet + 100 * bond, -100 * bond, rng.normal(size=(400, 1, 3))], axis=1)
    found = force_map(np.array([0]), np.arange(3), forces)
    np.testing.assert_allclose(found, [[1, 1, 0]], atol=0.1)


def test_beads_that_are_not_single_atoms() -> None:
    with pytest.raises(InputError, match="not single atoms"):
        slice_atoms(load_system("octane").topology.mapping)
    with pytest.raises(InputError, match="joined by constraints"):
        force_map(np.array([0, 1]), np.zeros(2, dtype=int))
