"""Molecular dynamics of coarse-grained models at constant volume, from a push-off to frames. Resumable."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.melt_reference import RunRecipe

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]
LOG, START = "log.jsonl", "start.npz"


@dataclass(frozen=True)
class CoarsePreset:
    """What decides about the dynamics, but for the seed. ps, K, particles per nm^3.

    ``splits`` are independent runs: name and number of frames, ``interval`` ps apart.
    """

    n_chains: int
    splits: tuple[tuple[str, int], ...]
    interval: float
    equilibration: float
    """ps after the push-off before the first frame."""
    temperature: float
    density: float
    timestep: float
    friction: float
    tolerance: float = 0.03
    """Allowed relative deviation of the mean temperature."""


@dataclass(frozen=True)
class Model:
    """A coarse-grained model in a cubic box.

    Attributes:
        system: OpenMM's system of so many chains in a box of that edge (nm).
        pushed: positions ``(n, 3)`` nm of so many chains without overlaps, from an edge, a seed and threads.
        source: what the model is, for the record.
    """

    system: Callable[[int, float], openmm.System]
    pushed: Callable[[int, float, int, int], Floats]
    source: str


@dataclass
class CoarseRun:
    """One run in its own folder: a file of positions and velocities an interval; killed, it goes on."""

    model: Model
    topology: Topology
    preset: CoarsePreset
    folder: Path
    frames: int
    seed: int
    threads: int = 1

    def run(self, listener: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Begins with the push-off unless that is done, then runs to the last frame.

        Args:
            listener: called with every record of the log.

        Raises:
            InputError: dynamics that explode.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        start = self.folder / START
        if not start.is_file():
            n_chains = self.preset.n_chains
            _save(start, positions=self.model.pushed(n_chains, self.edge, self.seed, self.threads))
        done = next(k for k in range(self.n_segments + 1) if not self._segment(k).is_file())
        if done == self.n_segments:
            return
        context = self._context(done)
        for k in range(done, self.n_segments):
            context.getIntegrator().step(self._steps)
            self._save_segment(context, k, listener)

    @property
    def edge(self) -> float:
        """nm, of the box."""
        return float(np.cbrt(self.preset.n_chains * self.topology.n_atoms / self.preset.density))

    @property
    def n_segments(self) -> int:
        return round(self.preset.equilibration / self.preset.interval) + self.frames

    @property
    def total_steps(self) -> int:
        return self._steps * self.n_segments

    @property
    def history(self) -> str:
        """What came before the first frame, in words."""
        before = self.preset.equilibration + self.preset.interval
        return f"built on its own; first frame {before:g} ps after a push-off of random walks"

    def read_frames(self) -> tuple[Floats, Floats]:
        """Positions ``(n_frames, n, 3)`` and boxes ``(n_frames, 3, 3)``, nm, molecules whole."""
        wanted = range(self.n_segments - self.frames, self.n_segments)
        positions = np.array([np.load(self._segment(k))["positions"] for k in wanted])
        return positions, np.tile(np.eye(3) * self.edge, (self.frames, 1, 1))

    def read_log(self) -> list[dict[str, Any]]:
        """Reports, one an interval."""
        lines = (self.folder / LOG).read_text().splitlines()
        by_step = {record["step"]: record for record in map(json.loads, lines)}
        return [by_step[step] for step in sorted(by_step)]

    @property
    def _steps(self) -> int:
        return round(self.preset.interval / self.preset.timestep)

    def _segment(self, k: int) -> Path:
        return self.folder / f"segment_{k:04d}.npz"

    def _context(self, done: int) -> openmm.Context:
        """Where the last segment ended; what is resumed must not draw the same noise again."""
        p = self.preset
        system = self.model.system(p.n_chains, self.edge)
        seed = int(np.random.SeedSequence([self.seed, done]).generate_state(1)[0] % 2**31)
        context = langevin_context(system, p.temperature, p.friction, p.timestep, seed, self.threads)
        last = np.load(self._segment(done - 1) if done else self.folder / START)
        context.setPositions(last["positions"])
        if done:
            context.setVelocities(last["velocities"])
        else:
            context.setVelocitiesToTemperature(p.temperature, seed)
        return context

    def _save_segment(
        self, context: openmm.Context, k: int, listener: Callable[[dict[str, Any]], None] | None
    ) -> None:
        state = context.getState(positions=True, velocities=True, energy=True)
        positions = state.getPositions(asNumpy=True)._value
        potential, kinetic = state.getPotentialEnergy()._value, state.getKineticEnergy()._value
        if not (np.isfinite(potential) and np.isfinite(positions).all()):
            raise InputError(f"the simulation in {self.folder} exploded; build it with a shorter time step")
        chains = positions.reshape(self.preset.n_chains, -1, 3)
        chains = chains - self.edge * np.floor(chains.mean(axis=1, keepdims=True) / self.edge)
        velocities = state.getVelocities(asNumpy=True)._value
        early = k < self.n_segments - self.frames
        record = {
            "stage": "equilibrate" if early else "produce",
            "step": (k + 1) * self._steps,
            "time": (k + 1) * self.preset.interval,
            "frames": max(0, k + 1 - self.n_segments + self.frames),
            "temperature": 2 * kinetic / (3 * len(positions) * GAS_CONSTANT),
            "potential": potential,
        }
        with (self.folder / LOG).open("a") as log:
            log.write(json.dumps(record) + "\n")
        _save(self._segment(k), positions=chains.reshape(-1, 3), velocities=velocities)
        if listener is not None:
            listener(record)


@dataclass(frozen=True)
class CoarseRecipe(RunRecipe):
    """A reference folder of a coarse-grained model: its particles are the "atoms" of the topology."""

    settings: CoarsePreset  # type: ignore[assignment]
    make_run: Callable[..., CoarseRun]  # type: ignore[assignment]
    model: Model | None = None

    def describe_dynamics(self, runs: dict[str, Any]) -> dict[str, Any]:
        p = self.settings
        return {
            "force_field": self.model.source if self.model else "",
            "integrator": {
                "name": "LangevinMiddleIntegrator",
                "time_step_ps": p.timestep,
                "friction_per_ps": p.friction,
                "ensemble": "constant volume",
            },
        }

    def check(self, run: Any, positions: Floats, boxes: Floats) -> dict[str, Any]:
        """Mean temperature of the frames' reports.

        Raises:
            InputError: if it is off by more than the preset's tolerance.
        """
        p = self.settings
        found = np.array([r["temperature"] for r in run.read_log() if r["stage"] == "produce"])
        if abs(found.mean() / p.temperature - 1) > p.tolerance:
            raise InputError(
                f"the mean temperature is {found.mean():.1f} K instead of {p.temperature:.1f} K; "
                "build it with a shorter time step"
            )
        return {"temperature": {"mean": round(float(found.mean()), 2), "target": round(p.temperature, 2)}}


def langevin_context(
    system: openmm.System, temperature: float, friction: float, timestep: float, seed: int, threads: int
) -> openmm.Context:
    """Langevin dynamics (K, 1/ps, ps) on the CPU platform."""
    import openmm

    integrator = openmm.LangevinMiddleIntegrator(temperature, friction, timestep)
    integrator.setRandomNumberSeed(seed)
    platform = openmm.Platform.getPlatformByName("CPU")
    return openmm.Context(system, integrator, platform, {"Threads": str(threads)})


def _save(path: Path, **arrays: Floats) -> None:
    """Beside the file, then into place: a segment is whole or absent."""
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)  # type: ignore[arg-type]
    os.replace(part, path)
