"""A crystal's start and walls: chains in their unit cells, every edge and angle of the box free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.simulation.condensed_run import CondensedRun, positions_of
from bmzoo.simulation.crystal_cells import CELLS, build_crystal
from bmzoo.simulation.crystal_presets import CrystalPreset

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]


@dataclass
class CrystalRun(CondensedRun):
    """All-trans chains in ``preset.repeats`` unit cells."""

    preset: CrystalPreset

    barostat = "MonteCarloFlexibleBarostat, molecules rigid"

    @property
    def history(self) -> str:
        p = self.preset
        return (
            f"one {p.phase} crystal of {p.repeats[0]} x {p.repeats[1]} ideal cells, minimised; first frame "
            f"after {p.hot + p.equilibration + p.interval:g} ps at {p.temperature:g} K"
        )

    def _start(self) -> tuple[Floats, Floats]:
        import openmm

        cell = CELLS[self.preset.phase]()
        positions, box = build_crystal(self.topology.graph, cell, self.preset.repeats)
        context = self.context(
            box, self.preset.temperature, timestep=0.001, pressure=False, seed=self.derive_seed(0)
        )
        context.setPositions(positions)
        openmm.LocalEnergyMinimizer.minimize(context, 100.0, 200)
        return box, positions_of(context)

    def _barostat(self, temperature: float) -> openmm.MonteCarloFlexibleBarostat:
        import openmm

        p = self.preset
        return openmm.MonteCarloFlexibleBarostat(p.pressure, temperature, p.barostat_interval)
