"""A melt's start: chains on a lattice, compressed while they move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.simulation.condensed_run import DALTON_PER_NM3, CondensedRun, Exploded, energy_of, positions_of
from bmzoo.simulation.melt_checks import count_pierced_rings
from bmzoo.simulation.melt_lattice import Conformer, chains_on_lattice
from bmzoo.simulation.melt_presets import MeltPreset

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]

SQUEEZE_ENERGY = 0.3
"""kJ/mol an atom that one squeeze may cost: more becomes speed that tears chains apart."""
SQUEEZE_FRICTION = 20.0
"""1/ps; takes away the heat of compression."""
SMALLEST_SQUEEZE = 1e-4
"""Relative; chains that do not even take this are stuck in one another."""


@dataclass
class MeltRun(CondensedRun):
    """Molecules in random places, turns and conformations (``draw``, else those of polystyrene)."""

    preset: MeltPreset
    draw: Conformer | None = None

    @property
    def history(self) -> str:
        p = self.preset
        return (
            f"built on its own; first frame {p.hot:g} ps at {p.hot_temperature:g} K and "
            f"{p.equilibration + p.interval:g} ps at {p.temperature:g} K after the compression"
        )

    def _start(self) -> tuple[Floats, Floats]:
        import openmm

        p = self.preset
        rng = np.random.default_rng([self.seed, 1, self.explosions])
        positions, box = chains_on_lattice(self.topology, p, rng, self.draw)
        seed = self.derive_seed(0)
        context = self.context(box, p.hot_temperature, timestep=0.001, pressure=False, seed=seed)
        context.getIntegrator().setFriction(SQUEEZE_FRICTION)
        context.setPositions(positions)
        openmm.LocalEnergyMinimizer.minimize(context, 100.0, 200)
        context.setVelocitiesToTemperature(p.hot_temperature, seed)
        box = self._compress(context, box)
        positions = positions_of(context)
        if pierced := count_pierced_rings(self.topology.graph, positions, box):
            raise Exploded(f"{pierced} rings were pierced in the compression")
        return box, positions

    def _compress(self, context: openmm.Context, box: Floats) -> Floats:
        """Squeezes to the target density; the box then.

        Affine compression moves centres of mass only; the few steps between let chains give way, so
        that no bond ends up inside a ring. Squeezes are as large as ``SQUEEZE_ENERGY`` lets them be.
        """
        p = self.preset
        edge = np.cbrt(self.masses.sum() * DALTON_PER_NM3 / p.density)
        whole_way = np.log(edge / box.diagonal())
        done, share = 0.0, 1.0 / p.compressions
        while done < 1.0:
            share = min(share, 1.0 - done)
            factors = np.exp(whole_way * share)
            if not self._squeeze(context, box, factors):
                share /= 2
                continue
            box, done, share = box * factors, done + share, min(1.2 * share, 1.0 / p.compressions)
            context.getIntegrator().step(p.steps_per_compression)
            self.report({"stage": "compress", "done": round(done, 4), "edge": float(box[0, 0])})
        return box

    def _squeeze(self, context: openmm.Context, box: Floats, factors: Floats) -> bool:
        """Moves chains and walls, unless that costs too much energy."""
        positions, energy = positions_of(context), energy_of(context)
        shifts = self.centres(positions) * (factors - 1.0)
        context.setPeriodicBoxVectors(*(box * factors).tolist())
        context.setPositions(positions + np.repeat(shifts, self.topology.n_atoms, axis=0))
        if energy_of(context) - energy < SQUEEZE_ENERGY * len(positions):
            return True
        if factors.min() > 1.0 - SMALLEST_SQUEEZE:
            raise Exploded("the chains are stuck in one another and cannot be compressed")
        context.setPeriodicBoxVectors(*box.tolist())
        context.setPositions(positions)
        return False
