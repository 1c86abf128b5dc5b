"""Hydrogens of a group are numbered in one hand, and nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest

from bmzoo.molecules.hydrogens import HydrogenLabels
from bmzoo.systems import load_system


@pytest.mark.parametrize("name", ["adp", "cln", "octane"])
def test_exchanged_hydrogens_are_numbered_back(name: str) -> None:
    system = load_system(name)
    assert system.reference is not None
    graph = system.topology.graph
    labels = HydrogenLabels(graph)
    frame = next(system.reference.frames("test", 0, 1))
    atoms = frame.positions.reshape(-1, graph.n_atoms, 3)
    known = labels(atoms)
    assert labels(known) is known
    exchanged = known.copy()
    groups = 0
    for near in graph.neighbours:
        hydrogens = [atom for atom in near if graph.is_hydrogen[atom]]
        if len(near) == 4 and len(hydrogens) > 1:
            groups += 1
            exchanged[:, hydrogens[-2:]] = known[:, hydrogens[-2:][::-1]]
    assert groups > 1
    assert np.abs(exchanged - known).max() > 0.1
    np.testing.assert_array_equal(labels(exchanged), known)
    np.testing.assert_array_equal(np.sort(labels(atoms), axis=1), np.sort(atoms, axis=1))
    heavy = ~graph.is_hydrogen
    np.testing.assert_array_equal(labels(atoms)[:, heavy], atoms[:, heavy])


def test_rotations_of_a_methyl_group_stay() -> None:
    """The three hydrogens may be anywhere on their circle, in this order."""
    system = load_system("adp")
    assert system.reference is not None
    labels = HydrogenLabels(system.topology.graph)
    atoms = labels(next(system.reference.frames("test", 0, 1)).positions)
    near = next(n for n in system.topology.graph.neighbours if len(n) == 4)
    hydrogens = [a for a in near if system.topology.graph.is_hydrogen[a]]
    assert len(hydrogens) == 3
    turned = atoms.copy()
    turned[hydrogens] = atoms[np.roll(hydrogens, 1)]
    np.testing.assert_array_equal(labels(turned), turned)
