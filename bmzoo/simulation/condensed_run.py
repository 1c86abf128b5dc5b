"""Molecular dynamics of many molecules at constant pressure, from a start to frames. Resumable."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.melt_presets import RunPreset
from bmzoo.simulation.openmm_system import build_system

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]

DALTON_PER_NM3 = 1.66053906660
"""kg/m3 in one g/mol per nm3."""
REPORT = 2.0
"""ps between two reports during equilibration."""
STATE, LOG = "state.xml", "log.jsonl"
EXPLODED = "exploded"
ATTEMPTS = 5
"""How often a run that explodes is tried before it is given up."""
TOO_HOT = 3.0
"""In units of the hot temperature: something is flying apart."""
GENTLE_STEPS = 100
"""Steps of 1 fs, hot and at constant pressure, before the time step of the preset."""


class Exploded(Exception):
    """Coordinates, energies or rings that no dynamics recovers from."""


@dataclass
class CondensedRun(ABC):
    """One run in its own folder; run it again after a kill and it goes on.

    Files: ``state.xml`` (the last checkpoint; its step count says how far the run is),
    ``log.jsonl`` (one record a report), ``frame_0000.npz`` and so on.
    """

    topology: Topology
    preset: RunPreset
    folder: Path
    frames: int
    seed: int
    threads: int = 1

    barostat: ClassVar[str] = "MonteCarloBarostat, isotropic"

    _listener: Callable[[dict[str, Any]], None] | None = field(default=None, init=False, repr=False)

    def run(self, listener: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Begins anew unless a checkpoint is there, then runs to the last frame.

        Dynamics may explode, and OpenMM's CPU platform does not repeat bit for bit, so no seed is safe:
        what explodes before the hot stage is over begins again from another start, later it goes on
        from the last checkpoint with other noise.

        Args:
            listener: called with every record of the log; it may raise to stop the run.

        Raises:
            InputError: if every attempt explodes.
        """
        from openmm import OpenMMException

        self._listener = listener
        self.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            try:
                if not (self.folder / STATE).is_file():
                    self._start_production(*self._start())
                return self._simulate()
            except (Exploded, OpenMMException) as error:
                cause = error
                self._prepare_retry(str(error))
        raise InputError(
            f"the simulation in {self.folder} exploded {ATTEMPTS} times ({cause}); "
            "build it with another --seed, or a shorter time step"
        ) from cause

    def _prepare_retry(self, why: str) -> None:
        import openmm

        checkpoint = self.folder / STATE
        if checkpoint.is_file():
            step = openmm.XmlSerializer.deserialize(checkpoint.read_text()).getStepCount()
            if step < self._stages[0]:
                checkpoint.unlink()
        self.report({"stage": EXPLODED, "why": why})

    @property
    def explosions(self) -> int:
        """How often the run has exploded so far."""
        return sum(record["stage"] == EXPLODED for record in self._records())

    def derive_seed(self, *labels: int) -> int:
        """For OpenMM: another one after every explosion."""
        sequence = np.random.SeedSequence([self.seed, self.explosions, *labels])
        return int(sequence.generate_state(1)[0] % 2**31)

    def read_frames(self) -> tuple[Floats, Floats]:
        """Positions ``(n_frames, n_atoms, 3)`` and boxes ``(n_frames, 3, 3)``, nm, molecules whole."""
        read = [np.load(self._frame_file(i)) for i in range(self.frames)]
        return np.array([r["positions"] for r in read]), np.array([r["box"] for r in read])

    def read_log(self) -> list[dict[str, Any]]:
        """Reports of the dynamics up to the last checkpoint, in order of time."""
        by_step = {record["step"]: record for record in self._records() if "step" in record}
        return [by_step[step] for step in sorted(by_step)]

    def _records(self) -> list[dict[str, Any]]:
        log = self.folder / LOG
        return [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []

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
    def masses(self) -> Floats:
        return np.tile(self.topology.graph.masses, self.preset.n_chains)

    def system(self, box: Floats) -> openmm.System:
        """OpenMM's, without barostat."""
        p = self.preset
        return build_system(self.topology, p.n_chains, box, hydrogen_mass=p.hydrogen_mass)

    def context(
        self, box: Floats, temperature: float, *, timestep: float, pressure: bool, seed: int
    ) -> openmm.Context:
        import openmm

        p = self.preset
        system = self.system(box)
        if pressure:
            barostat = self._barostat(temperature)
            barostat.setRandomNumberSeed(seed)
            system.addForce(barostat)
        integrator = openmm.LangevinMiddleIntegrator(temperature, p.friction, timestep)
        integrator.setRandomNumberSeed(seed)
        platform = openmm.Platform.getPlatformByName("CPU")
        context = openmm.Context(system, integrator, platform, {"Threads": str(self.threads)})
        context.setPeriodicBoxVectors(*box.tolist())
        return context

    def _barostat(self, temperature: float) -> openmm.MonteCarloBarostat | openmm.MonteCarloFlexibleBarostat:
        """Both kinds read the same parameters of a context."""
        import openmm

        return openmm.MonteCarloBarostat(self.preset.pressure, temperature, self.preset.barostat_interval)

    @property
    @abstractmethod
    def history(self) -> str:
        """What came before the first frame, in words."""

    @abstractmethod
    def _start(self) -> tuple[Floats, Floats]:
        """Box ``(3, 3)`` and positions ``(n, 3)``, nm, to begin with; may raise :class:`Exploded`."""

    def _start_production(self, box: Floats, positions: Floats) -> None:
        p = self.preset
        seed = self.derive_seed(1)
        context = self.context(box, p.hot_temperature, timestep=0.001, pressure=True, seed=seed)
        context.setPositions(positions)
        context.setVelocitiesToTemperature(p.hot_temperature, seed)
        context.getIntegrator().step(GENTLE_STEPS)
        context.setStepCount(0)
        context.setTime(0.0)
        self._save(context)

    def _simulate(self) -> None:
        import openmm

        p = self.preset
        state = openmm.XmlSerializer.deserialize((self.folder / STATE).read_text())
        step = state.getStepCount()
        box = in_nm(state.getPeriodicBoxVectors(asNumpy=True))
        # a resumed run must not draw the same noise again
        context = self.context(
            box, p.temperature, timestep=p.timestep, pressure=True, seed=self.derive_seed(2, step)
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
        freedom = 3 * len(self.masses) - n_constraints
        kinetic = state.getKineticEnergy().value_in_unit(kilojoules_per_mole)
        potential = state.getPotentialEnergy().value_in_unit(kilojoules_per_mole)
        found = 2 * kinetic / (freedom * GAS_CONSTANT)
        if not (np.isfinite(potential) and found < TOO_HOT * self.preset.hot_temperature):
            raise Exploded(f"{found:.0f} K and {potential:.0f} kJ/mol at step {step}")
        box = in_nm(state.getPeriodicBoxVectors(asNumpy=True))
        hot, calm, apart, _ = self._stages
        self.report(
            {
                "stage": "hot" if step <= hot else "equilibrate" if step <= calm else "produce",
                "step": step,
                "frames": max(step - calm, 0) // apart,
                "time": step * self.preset.timestep,
                "target_temperature": temperature,
                "temperature": found,
                "potential": potential,
                "density": float(self.masses.sum() * DALTON_PER_NM3 / np.linalg.det(box)),
            }
        )

    def report(self, record: dict[str, Any]) -> None:
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
        box = in_nm(state.getPeriodicBoxVectors(asNumpy=True))
        positions = in_nm(state.getPositions(asNumpy=True))
        cells = np.floor(self.centres(positions) @ np.linalg.inv(box))
        positions -= np.repeat(cells @ box, self.topology.n_atoms, axis=0)
        part = self.folder / "frame.part.npz"
        np.savez(part, positions=positions.astype(np.float32), box=box)
        os.replace(part, self._frame_file(index))

    def _frame_file(self, index: int) -> Path:
        return self.folder / f"frame_{index:04d}.npz"

    def centres(self, positions: Floats) -> Floats:
        """``(n_chains, 3)`` centres of mass."""
        masses = self.topology.graph.masses
        per_chain = positions.reshape(-1, self.topology.n_atoms, 3)
        centres: Floats = np.einsum("cax,a->cx", per_chain, masses / masses.sum())
        return centres


def energy_of(context: openmm.Context) -> float:
    """Potential energy, kJ/mol."""
    from openmm.unit import kilojoules_per_mole

    energy: float = context.getState(energy=True).getPotentialEnergy().value_in_unit(kilojoules_per_mole)
    return energy


def positions_of(context: openmm.Context) -> Floats:
    """``(n, 3)`` nm."""
    return in_nm(context.getState(positions=True).getPositions(asNumpy=True))


def in_nm(quantity: Any) -> Floats:
    """Without OpenMM's units."""
    from openmm.unit import nanometer

    return np.array(quantity.value_in_unit(nanometer), dtype=np.float64)
