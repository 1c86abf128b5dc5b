"""The simplest thing that could work: beads of one model in a short run with potentials of the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from _sources import Made

from bmzoo.frames.frame import Frame
from bmzoo.molecules.tabulated import TabulatedModel
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.coarse_run import langevin_context
from bmzoo.simulation.tabulated_system import build_tabulated

TIME_STEP, FRICTION = 0.01, 5.0
"""ps and 1/ps, for blobs and Martini beads."""
MINIMISED, TOLERANCE = 50, 10.0
"""Steps of minimisation before, and its tolerance, kJ/mol/nm."""


def relaxed(frames: Sequence[Frame], topology: Topology, model: Path, picoseconds: float, seed: int) -> Made:
    """Frames after a minimisation and so many picoseconds of Langevin dynamics at constant volume.

    Args:
        frames: beads at the target's density, molecules whole, cubic boxes.
        topology: of a chain of the target's beads.
        model: ``model.json`` of ``bmzoo data invert``, made from the target.

    Raises:
        InputError: no such model, or one of other beads.
    """
    import openmm

    found = TabulatedModel.load(model)
    graph, temperature = topology.graph, found.temperature
    began, made = time.process_time(), []
    for frame in frames:
        assert frame.box is not None
        system = build_tabulated(found, graph, len(frame) // graph.n_atoms, float(frame.box[0, 0]))
        context = langevin_context(system, temperature, FRICTION, TIME_STEP, seed + frame.index + 1, 1)
        context.setPositions(np.asarray(frame.positions, dtype=np.float64))
        openmm.LocalEnergyMinimizer.minimize(context, TOLERANCE, MINIMISED)
        context.setVelocitiesToTemperature(temperature, seed + frame.index + 1)
        context.getIntegrator().step(round(picoseconds / TIME_STEP))
        made.append(frame.with_positions(context.getState(positions=True).getPositions(asNumpy=True)._value))
    return Made(made, (time.process_time() - began) / len(made))
