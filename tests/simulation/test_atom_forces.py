from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from bmzoo.representations.energies import Energies
from bmzoo.simulation.atom_forces import LARGEST, AtomForces
from bmzoo.simulation.stability import ShortRun, run_briefly
from bmzoo.systems import load_system


def test_forces_are_those_of_the_force_field_without_held_bonds() -> None:
    system = load_system("adp")
    assert system.reference is not None
    topology = system.topology
    field = topology.force_field
    assert field is not None
    none = np.zeros((0, 2), dtype=np.int64)
    held = {tuple(sorted(pair)) for pair in field.constraints.tolist()}
    free = np.array([tuple(sorted(pair)) not in held for pair in field.bonds.tolist()])
    bonded = replace(
        field,
        bonds=field.bonds[free],
        bond_r0=field.bond_r0[free],
        bond_k=field.bond_k[free],
        constraints=none,
        constraint_r0=np.zeros(0),
    )
    forces = AtomForces(topology)
    for frame in islice(system.reference.frames("test"), 2):
        x = np.asarray(frame.positions, dtype=np.float64)
        expected = Energies(bonded).forces(torch.as_tensor(x)).numpy()
        np.testing.assert_allclose(forces(x[None], None)[0], expected, rtol=1e-4, atol=0.05)


def test_overlapping_atoms_have_finite_forces() -> None:
    topology = load_system("adp").topology
    found = AtomForces(topology)(np.zeros((1, topology.n_atoms, 3)), None)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= LARGEST


@pytest.fixture(scope="module")
def octane():  # type: ignore[no-untyped-def]
    """A liquid frame, and a short run."""
    system = load_system("octane")
    assert system.reference is not None
    frame = next(system.reference.frames("test"))
    return system.topology, frame, ShortRun(steps=20, report=10)


def test_a_reference_frame_stands_a_short_run(octane) -> None:  # type: ignore[no-untyped-def]
    topology, frame, settings = octane
    free, held = (
        run_briefly(topology, frame, replace(settings, constraints=kind)) for kind in ("none", "reference")
    )
    for trace in (free, held):
        assert trace.steps == [0, 10, 20]
        assert trace.blew_up is None
        assert trace.temperature[0] == pytest.approx(350, rel=0.1)
        assert trace.density[-1] == pytest.approx(656, rel=0.1)
    # bonds are left out
    assert free.potential[0] == pytest.approx(held.potential[0], rel=1e-3)
    assert held.temperature[-1] == pytest.approx(350, rel=0.15)


def test_overlaps_blow_up(octane) -> None:  # type: ignore[no-untyped-def]
    """One molecule on top of another."""
    topology, frame, settings = octane
    positions = frame.positions.copy()
    positions[: topology.n_atoms] = positions[topology.n_atoms : 2 * topology.n_atoms] + 0.005
    trace = run_briefly(topology, frame.with_positions(positions), settings)
    assert trace.blew_up is not None
    assert trace.blew_up <= 20
    assert trace.why
