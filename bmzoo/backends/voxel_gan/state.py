"""Frames while they are drawn: positions of all particles, and the scenes cut from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.voxel_gan.observation import Observer, Scene
from bmzoo.backends.voxel_gan.schedule import Schedule
from bmzoo.backends.voxel_gan.surroundings import Surroundings

Floats = NDArray[np.float64]
NOWHERE = 100.0
"""nm; where the particle is that fills up columns."""


@dataclass(eq=False)
class Unit:
    """One sample of one frame."""

    beads: Floats
    around: Surroundings
    schedule: Schedule
    streams: list[np.random.Generator] = field(default_factory=list)
    offset: int = 0
    """First particle in the batch's list."""
    row: int = 0
    """First bead in the batch's tables."""


class State:
    """Positions of all units in one list, and tables to look scenes up.

    Placements go into a new list, so that gradients flow through all of them.
    """

    def __init__(self, observer: Observer, units: list[Unit], dtype: torch.dtype = torch.float32) -> None:
        self.observer, self.units, self.dtype = observer, units, dtype
        self.device = observer.static.device
        n, n_beads = observer.template.n_atoms, observer.template.topology.n_beads
        self.n_atoms, self.n_beads = n, n_beads
        tables: dict[int, int] = {}
        around: list[Surroundings] = []
        rows = particles = 0
        for unit in units:
            unit.offset = particles
            particles += len(unit.beads) * (n + n_beads) + 1
            if id(unit.around) not in tables:
                tables[id(unit.around)] = rows
                around.append(unit.around)
                rows += unit.around.n_beads
            unit.row = tables[id(unit.around)]
        width = max(a.particles.shape[1] for a in around)
        self.table = self._tensor(_stacked([a.particles for a in around], width, -1), torch.int64)
        self.columns = self._tensor(_stacked([a.columns for a in around], width, 0), torch.int64)
        self.shifts = self._tensor(_stacked([a.shifts for a in around], width, 0), dtype)
        self.positions = torch.full((particles, 3), NOWHERE, dtype=dtype, device=self.device)
        self.visible = torch.zeros(particles, dtype=torch.bool, device=self.device)
        self.last = np.array([len(unit.beads) * (n + n_beads) for unit in units])
        self.offsets = np.array([unit.offset for unit in units])
        self.rows = np.array([unit.row for unit in units])
        self.molecules = np.array([len(unit.beads) for unit in units])
        self.starts = np.cumsum(self.molecules) - self.molecules
        self.centres = self.offsets + self.molecules * n
        for unit in units:
            self._put_beads(unit)

    def _put_beads(self, unit: Unit) -> None:
        count = len(unit.beads)
        first = unit.offset + count * self.n_atoms
        beads = self._tensor(unit.beads.reshape(-1, 3), self.dtype)
        self.positions[first : first + len(beads)] = beads
        self.visible[first : first + len(beads)] = True
        for atom, bead in enumerate(self.observer.template.alone.tolist()):
            if bead >= 0:
                rows = unit.offset + torch.arange(count, device=self.device) * self.n_atoms + atom
                self.positions[rows] = beads[bead :: self.n_beads]
                self.visible[rows] = True

    def clear(self, which: NDArray, beads: NDArray, sequences: NDArray) -> None:
        """Takes atoms away: for every placement its sequence, -1 where there is none."""
        first = self.offsets[which] + beads // self.n_beads * self.n_atoms
        index = (first[:, None] + sequences)[sequences >= 0]
        self.visible[torch.as_tensor(index, device=self.device)] = False

    def show(self, unit: Unit, atoms: NDArray[np.bool_], visible: bool) -> None:
        """Atoms ``(n_molecules, n_atoms)`` of one unit: there again, or taken away."""
        index = torch.as_tensor(unit.offset + np.flatnonzero(atoms), device=self.device)
        self.visible[index] = visible

    def move(self, unit: Unit, positions: Floats, atoms: NDArray[np.bool_]) -> None:
        """Puts atoms ``(n_molecules, n_atoms)`` of one unit to ``(n_molecules, n_atoms, 3)`` nm."""
        index = torch.as_tensor(unit.offset + np.flatnonzero(atoms), device=self.device)
        self.positions[index] = self._tensor(positions[atoms], self.dtype)

    def draw_noise(self, candidates: int, width: int, units: Sequence[Unit]) -> None:
        """Numbers of one pass, from the stream of every molecule of these units."""
        shape = (self.n_atoms, candidates, width)
        nothing = np.zeros(shape, dtype=np.float32)
        taking = {id(unit) for unit in units}
        drawn = [
            stream.standard_normal(shape, dtype=np.float32) if id(unit) in taking else nothing
            for unit in self.units
            for stream in unit.streams
        ]
        self._noise = self._tensor(np.stack(drawn), self.dtype)

    def noise(self, which: NDArray, beads: NDArray, atoms: NDArray) -> Tensor:
        molecules = torch.as_tensor(self.starts[which] + beads // self.n_beads, device=self.device)
        return self._noise[molecules, torch.as_tensor(atoms, device=self.device)]

    def scene(self, which: NDArray, beads: NDArray) -> Scene:
        rows = torch.as_tensor(self.rows[which] + beads, device=self.device)
        offsets = torch.as_tensor(self.offsets[which], device=self.device).unsqueeze(1)
        centres = torch.as_tensor(self.centres[which] + beads, device=self.device)
        table = self.table[rows]
        index = table + offsets
        visible = self.visible[index] & (table >= 0)
        positions = self.positions[index] + self.shifts[rows] - self.positions[centres].unsqueeze(1)
        return Scene(positions, visible, self.columns[rows])

    def put(self, which: NDArray, beads: NDArray, atoms: NDArray, positions: Tensor) -> None:
        index = self.offsets[which] + beads // self.n_beads * self.n_atoms + atoms
        centres = torch.as_tensor(self.centres[which] + beads, device=self.device)
        rows = torch.as_tensor(index, device=self.device)
        self.positions = self.positions.index_put((rows,), positions + self.positions[centres])
        self.visible[rows] = True

    def set_atoms(self, atoms: list[NDArray], visible: list[NDArray[np.bool_]]) -> None:
        """Atoms that are known: ``(n, 3)`` nm, and which of them are placed, for every unit."""
        for unit, x, there in zip(self.units, atoms, visible, strict=True):
            rows = slice(unit.offset, unit.offset + len(x))
            self.positions[rows] = self._tensor(x, self.dtype)
            self.visible[rows] = self._tensor(there, torch.bool)

    def shift_beads(self, noise: Tensor) -> None:
        """Moves every bead by normal random numbers of this width, ``(n_units,)`` nm."""
        for unit, width in zip(self.units, noise, strict=True):
            first = unit.offset + len(unit.beads) * self.n_atoms
            rows = slice(first, first + len(unit.beads) * self.n_beads)
            self.positions[rows] += width * torch.randn_like(self.positions[rows])

    def atoms(self) -> list[Floats]:
        found = []
        for unit in self.units:
            count = len(unit.beads) * self.n_atoms
            atoms = self.positions[unit.offset : unit.offset + count].cpu().numpy().astype(np.float64)
            found.append(atoms.reshape(len(unit.beads), self.n_atoms, 3))
        return found

    def _tensor(self, values: NDArray, dtype: torch.dtype) -> Tensor:
        return torch.as_tensor(values, dtype=dtype, device=self.device)


def _stacked(tables: list[NDArray], width: int, fill: int) -> NDArray:
    padded = []
    for table in tables:
        gap = [(0, 0)] * table.ndim
        gap[1] = (0, width - table.shape[1])
        padded.append(np.pad(table, gap, constant_values=fill))
    return np.concatenate(padded)
