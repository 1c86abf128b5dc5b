"""Molecular dynamics in chunks, each a file, so that a killed build goes on where it stopped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from openmm import System

TIME_STEP = 0.004
"""ps; with repartitioned hydrogen masses and constrained bonds to hydrogen."""

FRICTION = 1.0
"""1/ps of the Langevin thermostat."""


@dataclass(frozen=True)
class Start:
    """Where a run begins: positions ``(n, 3)`` nm; velocities in nm/ps are drawn where ``None``."""

    positions: NDArray[np.floating]
    velocities: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class Chunk:
    """Frames of one stretch of dynamics.

    Attributes:
        positions: ``(n_frames, n_atoms, 3)`` nm, float32.
        energies: ``(n_frames,)`` potential energy, kJ/mol.
        end: positions and velocities ``(2, n_atoms, 3)`` after the last step, to continue from.
        forces: ``(n_frames, n_atoms, 3)`` kJ/mol/nm, float16, or of length 0.
    """

    positions: NDArray[np.float32]
    energies: NDArray[np.float64]
    end: NDArray[np.float64]
    forces: NDArray[np.float16]

    @property
    def last(self) -> Start:
        return Start(self.end[0], self.end[1])


@dataclass(frozen=True)
class Engine:
    """How to integrate: Langevin middle scheme at ``temperature`` (K), on one core or one GPU.

    ``platform`` is a name of OpenMM's, or ``fastest``: a GPU where there is one.
    """

    system: Callable[[], System]
    temperature: float
    platform: str = "CPU"

    def simulation(self, seed: int, system: System | None = None) -> tuple[Any, Any]:
        """A context and its integrator, seeded."""
        from openmm import Context, LangevinMiddleIntegrator, Platform

        integrator = LangevinMiddleIntegrator(self.temperature, FRICTION, TIME_STEP)
        integrator.setRandomNumberSeed(seed)
        name = fastest_platform() if self.platform == "fastest" else self.platform
        properties = {"Threads": "1"} if name == "CPU" else {}
        platform = Platform.getPlatformByName(name)
        return Context(system or self.system(), integrator, platform, properties), integrator


def fastest_platform() -> str:
    """OpenMM's own order of speed."""
    from openmm import Platform

    platforms = [Platform.getPlatform(i) for i in range(Platform.getNumPlatforms())]
    name: str = max(platforms, key=lambda platform: platform.getSpeed()).getName()
    return name


def derive_seed(seed: int, *labels: object) -> int:
    """A positive 31-bit seed from a master seed and any labels; the same on every machine."""
    text = repr((seed, *labels)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "little") % 0x7FFFFFFE + 1


def run_chunk(
    path: Path,
    engine: Engine,
    start: Start,
    *,
    seed: int,
    n_frames: int,
    interval: float,
    discard: float = 0.0,
    forces: bool = False,
) -> Chunk:
    """Runs a chunk, or reads it back if ``path`` is there already.

    Args:
        interval: ps between frames; the first frame comes one interval after ``discard`` ps.
        forces: keep the forces, too.
    """
    if path.is_file():
        return load_chunk(path)
    context, integrator = engine.simulation(seed)
    place(context, start, engine.temperature, seed)
    integrator.step(round(discard / TIME_STEP))
    chunk = record(context, integrator.step, n_frames, interval, forces=forces)
    save_chunk(path, chunk)
    return chunk


def place(context: Any, start: Start, temperature: float, seed: int) -> None:
    """Puts a start into a context; constraints are satisfied, velocities drawn if need be."""
    context.setPositions(np.asarray(start.positions, dtype=np.float64))
    context.applyConstraints(1e-6)
    if start.velocities is None:
        context.setVelocitiesToTemperature(temperature, seed)
    else:
        context.setVelocities(np.asarray(start.velocities, dtype=np.float64))


def record(
    context: Any, step: Callable[[int], None], n_frames: int, interval: float, *, forces: bool = False
) -> Chunk:
    """Advances by ``step`` and keeps a frame every ``interval`` ps."""
    positions, energies, kept = [], [], []
    state: Any = None
    for _ in range(n_frames):
        step(round(interval / TIME_STEP))
        state = context.getState(positions=True, energy=True, forces=forces)
        positions.append(state.getPositions(asNumpy=True)._value.astype(np.float32))
        energies.append(state.getPotentialEnergy()._value)
        if forces:
            kept.append(state.getForces(asNumpy=True)._value.astype(np.float16))
    state = context.getState(positions=True, velocities=True)
    end = np.stack([state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value])
    return Chunk(np.array(positions), np.array(energies), end, np.array(kept, dtype=np.float16))


def save_chunk(path: Path, chunk: Chunk) -> None:
    """Writes beside ``path``, then moves into place: a chunk is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **vars(chunk))
    os.replace(partial, path)


def load_chunk(path: Path) -> Chunk:
    with np.load(path) as data:
        return Chunk(**{name: data[name] for name in data.files})
