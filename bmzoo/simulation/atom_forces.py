"""Forces of a molecule's force field on given frames, where the reference kept none."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.openmm_system import build_system


def atom_forces(topology: Topology, frames: Iterable[Frame]) -> NDArray[np.float32]:
    """Forces without those of constraints, on one core.

    Args:
        topology: one molecule with a force field, without a box.
        frames: of that molecule.

    Returns:
        ``(n_frames, n_atoms, 3)`` kJ/mol/nm.

    Raises:
        InputError: if the topology has no force field.
    """
    from openmm import Context, Platform, VerletIntegrator

    context = Context(
        build_system(topology, 1),
        VerletIntegrator(0.001),
        Platform.getPlatformByName("CPU"),
        {"Threads": "1"},
    )
    found = []
    for frame in frames:
        context.setPositions(np.asarray(frame.positions, dtype=np.float64))
        state = context.getState(forces=True)
        found.append(state.getForces(asNumpy=True)._value.astype(np.float32))
    return np.array(found, dtype=np.float32).reshape(-1, topology.graph.n_atoms, 3)
