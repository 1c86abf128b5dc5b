"""One melt from nothing to frames: lattice, compression, equilibration, production. Resumable."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.topology import Topology
from bmzoo.simulation.melt_presets import MeltPreset
from bmzoo.simulation.openmm_system import build_system

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]

DALTON_PER_NM3 = 1.66053906660
"""kg/m3 in one g/mol per nm3."""
GAS_CONSTANT = 8.31446261815324e-3
"""kJ/mol/K."""
REPORT = 2.0
"""ps between two reports during equilibration."""
STATE, LOG = "state.xml", "log.jsonl"


@dataclass
class MeltRun:
    """One melt in its own folder; run it again after a kill and it goes on.

    Files: ``state.xml`` (the last checkpoint; its step count says how far the run is),
    ``log.jsonl`` (one record a report), ``frame_0000.npz`` and so on.
    """

    topology: Topology
    preset: MeltPreset
    folder: Path
    frames: int
    seed: int
    threads: int = 1

    _listener: Callable[[dict[str, Any]], None] | None = field(default=None, init=False, repr=False)

    def run(self, listener: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Builds the melt unless a checkpoint is there, then runs to the last frame.

        Args:
            listener: called with every record of the log; it may raise to stop the run.
        """
        self._listener = listener
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / STATE).is_file():
            box, positions = self._compressed()
            self._start_production(box, positions)
        self._simulate()

    def read_frames(self) -> tuple[Floats, Floats]:
        """Positions ``(n_frames, n_atoms, 3)`` and boxes ``(n_frames, 3, 3)``, nm, molecules whole."""
        read = [np.load(self._frame_file(i)) for i in range(self.frames)]
        return np.array([r["positions"] for r in read]), np.array([r["box"] for r in read])

    def read_log(self) -> list[dict[str, Any]]:
        """Reports of all stages up to the last checkpoint, in order of time."""
        log = self.folder / LOG
        records = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
        by_step = {record["step"]: record for record in records}
        return [by_step[step] for step in sorted(by_step)]

    @cached_property
    def _stages(self) -> tuple[int, int, int, int]:
        """Steps: end of the hot stage, of equilibration, a frame apart, in all."""
        p = self.preset
        hot, calm, apart = (round(t / p.timestep) for t in (p.hot, p.equilibration, p.interval))
        return hot, hot + calm, apart, hot + calm + apart * self.frames

    @property
    def total_steps(self) -> int:
        return self._stages[3]

    @cached_property
    def _masses(self) -> Floats:
        return np.tile(self.topology.graph.masses, self.preset.n_chains)

    def _context(
        self, box: Floats, temperature: float, *, timestep: float, pressure: bool, seed: int
    ) -> openmm.Context:
        import openmm

        p = self.preset
        system = build_system(self.topology, p.n_chains, box, hydrogen_mass=p.hydrogen_mass)
        if pressure:
            barostat = openmm.MonteCarloBarostat(p.pressure, temperature, p.barostat_interval)
            barostat.setRandomNumberSeed(seed)
            system.addForce(barostat)
        integrator = openmm.LangevinMiddleIntegrator(temperature, p.friction, timestep)
        integrator.setRandomNumberSeed(seed)
        platform = openmm.Platform.getPlatformByName("CPU")
        context = openmm.Context(system, integrator, platform, {"Threads": str(self.threads)})
        context.setPeriodicBoxVectors(*box.tolist())
        return context

    def _compressed(self) -> tuple[Floats, Floats]:
        """Chains on a lattice, squeezed to the target density while they move at high temperature.

        Affine compression moves centres of mass only; the few steps between let chains give way, so
        that no bond ends up inside a ring.
        """
        import openmm

        p = self.preset
        rng = np.random.default_rng([self.seed, 1])
        positions, box = _lattice(self.topology, p, rng)
        edge = np.cbrt(self._masses.sum() * DALTON_PER_NM3 / p.density)
        factors = (edge / box.diagonal()) ** (1.0 / p.compressions)
        context = self._context(box, p.hot_temperature, timestep=0.001, pressure=False, seed=self.seed)
        context.setPositions(positions)
        openmm.LocalEnergyMinimizer.minimize(context, 100.0, 200)
        context.setVelocitiesToTemperature(p.hot_temperature, self.seed)
        for step in range(p.compressions):
            positions = _positions(context)
            centres = self._centres(positions)
            shifts = centres * (factors - 1.0)
            box = box * factors
            context.setPeriodicBoxVectors(*box.tolist())
            context.setPositions(positions + np.repeat(shifts, self.topology.n_atoms, axis=0))
            context.getIntegrator().step(p.steps_per_compression)
            self._report({"stage": "compress", "step": step - p.compressions, "edge": float(box[0, 0])})
        openmm.LocalEnergyMinimizer.minimize(context, 100.0, 200)
        return box, _positions(context)

    def _start_production(self, box: Floats, positions: Floats) -> None:
        p = self.preset
        context = self._context(box, p.hot_temperature, timestep=p.timestep, pressure=True, seed=self.seed)
        context.setPositions(positions)
        context.setVelocitiesToTemperature(p.hot_temperature, self.seed + 1)
        context.setStepCount(0)
        self._save(context)

    def _simulate(self) -> None:
        import openmm

        p = self.preset
        state = openmm.XmlSerializer.deserialize((self.folder / STATE).read_text())
        step = state.getStepCount()
        box = _in_nm(state.getPeriodicBoxVectors(asNumpy=True))
        # a resumed run must not draw the same noise again
        context = self._context(
            box, p.temperature, timestep=p.timestep, pressure=True, seed=(self.seed + step) % 2**31
        )
        context.setState(state)
        hot, calm, apart, total = self._stages
        report = round(REPORT / p.timestep)
        while step < total:
            temperature = p.hot_temperature if step < hot else p.temperature
            context.getIntegrator().setTemperature(temperature)
            context.setParameter(openmm.MonteCarloBarostat.Temperature(), temperature)
            calming = min(step + report, hot if step < hot else calm)
            target = calming if step < calm else step + apart
            context.getIntegrator().step(target - step)
            step = target
            self._record(context, step, temperature)
            if step > calm:
                self._save_frame(context, (step - calm) // apart - 1)
            self._save(context)

    def _record(self, context: openmm.Context, step: int, temperature: float) -> None:
        from openmm.unit import kilojoules_per_mole

        state = context.getState(energy=True)
        n_constraints = context.getSystem().getNumConstraints()
        freedom = 3 * len(self._masses) - n_constraints
        kinetic = state.getKineticEnergy().value_in_unit(kilojoules_per_mole)
        box = _in_nm(state.getPeriodicBoxVectors(asNumpy=True))
        hot, calm, apart, _ = self._stages
        self._report(
            {
                "stage": "hot" if step <= hot else "equilibrate" if step <= calm else "produce",
                "step": step,
                "frames": max(step - calm, 0) // apart,
                "time": step * self.preset.timestep,
                "target_temperature": temperature,
                "temperature": 2 * kinetic / (freedom * GAS_CONSTANT),
                "potential": state.getPotentialEnergy().value_in_unit(kilojoules_per_mole),
                "density": float(self._masses.sum() * DALTON_PER_NM3 / np.linalg.det(box)),
            }
        )

    def _report(self, record: dict[str, Any]) -> None:
        with (self.folder / LOG).open("a") as log:
            log.write(json.dumps(record) + "\n")
        if self._listener is not None:
            self._listener(record)

    def _save(self, context: openmm.Context) -> None:
        """Atomic, so that a kill leaves the last good checkpoint."""
        import openmm

        state = context.getState(positions=True, velocities=True, parameters=True)
        part = self.folder / (STATE + ".part")
        part.write_text(openmm.XmlSerializer.serialize(state))
        os.replace(part, self.folder / STATE)

    def _save_frame(self, context: openmm.Context, index: int) -> None:
        state = context.getState(positions=True)
        box = _in_nm(state.getPeriodicBoxVectors(asNumpy=True))
        positions = _in_nm(state.getPositions(asNumpy=True))
        cells = np.floor(self._centres(positions) @ np.linalg.inv(box))
        positions -= np.repeat(cells @ box, self.topology.n_atoms, axis=0)
        part = self.folder / "frame.part.npz"
        np.savez(part, positions=positions.astype(np.float32), box=box)
        os.replace(part, self._frame_file(index))

    def _frame_file(self, index: int) -> Path:
        return self.folder / f"frame_{index:04d}.npz"

    def _centres(self, positions: Floats) -> Floats:
        """``(n_chains, 3)`` centres of mass."""
        masses = self.topology.graph.masses
        per_chain = positions.reshape(-1, self.topology.n_atoms, 3)
        centres: Floats = np.einsum("cax,a->cx", per_chain, masses / masses.sum())
        return centres


def _lattice(topology: Topology, preset: MeltPreset, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Randomly turned start conformers, one a cell: positions ``(n, 3)`` and the box."""
    from scipy.spatial.transform import Rotation

    from bmzoo.simulation.polystyrene_chain import draw_chain

    chains = []
    for _ in range(preset.n_chains):
        chain = draw_chain(topology.graph, rng, trans_fraction=preset.trans_fraction)
        turned = Rotation.random(random_state=rng).apply(chain)
        chains.append(turned - (turned.max(axis=0) + turned.min(axis=0)) / 2)
    spacing = max(np.ptp(chain, axis=0).max() for chain in chains) + 0.3
    counts = _cells(preset.n_chains)
    cells = np.stack(np.unravel_index(rng.permutation(int(np.prod(counts)))[: len(chains)], counts), axis=1)
    origins = (cells + 0.5) * spacing
    return np.concatenate(np.array(chains) + origins[:, None]), np.diag(np.array(counts) * spacing)


def _cells(n: int) -> tuple[int, int, int]:
    """The most cubic lattice with at least ``n`` cells."""
    edge = int(np.ceil(np.cbrt(n)))
    options = [(a, b, c) for a in range(1, edge + 1) for b in range(a, edge + 1) for c in range(b, edge + 2)]
    return min((o for o in options if np.prod(o) >= n), key=lambda o: (np.prod(o), max(o)))


def _positions(context: openmm.Context) -> Floats:
    return _in_nm(context.getState(positions=True).getPositions(asNumpy=True))


def _in_nm(quantity: Any) -> Floats:
    from openmm.unit import nanometer

    return np.array(quantity.value_in_unit(nanometer), dtype=np.float64)
