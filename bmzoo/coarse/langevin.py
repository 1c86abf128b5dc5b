"""Langevin dynamics of many replicas in one batch, by the BAOAB splitting.

Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34: half a kick, half a drift, friction and noise
exactly, half a drift, half a kick. Positions of a harmonic oscillator are then distributed exactly at
every time step below the limit of stability; so are velocities right after friction and noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Forces = Callable[[NDArray], NDArray]
"""Positions ``(n_replicas, n_beads, 3)`` nm to forces of that shape, kJ/mol/nm."""


class State(NamedTuple):
    """Replicas at one time, all ``(n_replicas, n_beads, 3)``: nm, nm/ps.

    ``middle`` are the velocities inside the last step, just after the noise.
    """

    positions: Floats
    velocities: Floats
    middle: Floats


@dataclass(frozen=True)
class Langevin:
    """BAOAB with fixed parameters.

    Attributes:
        forces: of all replicas.
        masses: ``(n_beads,)`` g/mol.
        kt: kJ/mol.
        time_step: ps.
        friction: 1/ps.
    """

    forces: Forces
    masses: NDArray[np.float64]
    kt: float
    time_step: float
    friction: float

    def start(self, positions: Floats, rng: np.random.Generator) -> State:
        """Velocities from the Maxwell-Boltzmann distribution; the precision is that of the positions."""
        velocities = self._thermal(positions.shape, positions.dtype, rng)
        return State(positions, velocities, velocities)

    def advance(self, state: State, n_steps: int, rng: np.random.Generator) -> State:
        """``n_steps`` steps of every replica."""
        x, v, middle = state
        kick = (0.5 * self.time_step / self.masses[:, None]).astype(x.dtype)
        drift = x.dtype.type(0.5 * self.time_step)
        keep = math.exp(-self.friction * self.time_step)
        damp = x.dtype.type(keep)
        noise = self._thermal((n_steps, *x.shape), x.dtype, rng) * x.dtype.type(math.sqrt(1 - keep**2))
        pushes = kick * self.forces(x)
        for push in noise:
            v = v + pushes
            x = x + drift * v
            middle = damp * v + push
            x = x + drift * middle
            pushes = kick * self.forces(x)
            v = middle + pushes
        return State(x, v, middle)

    def temperatures(self, velocities: Floats) -> Floats:
        """``(n_replicas,)`` kinetic energy over its thermal mean."""
        energies = (self.masses[:, None] * np.square(velocities)).sum(axis=(-1, -2))
        return np.asarray(energies / (3 * len(self.masses) * self.kt))

    def _thermal(self, shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> Floats:
        widths = np.sqrt(self.kt / self.masses)[:, None].astype(dtype)
        return rng.standard_normal(shape, dtype=np.float32).astype(dtype) * widths
