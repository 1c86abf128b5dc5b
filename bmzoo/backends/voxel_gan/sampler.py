"""Draws frames: a first pass, then Gibbs sweeps, many placements at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.voxel_gan.bonds import BondLengths
from bmzoo.backends.voxel_gan.data import NOWHERE, bead_sequences
from bmzoo.backends.voxel_gan.energy import AtomEnergy
from bmzoo.backends.voxel_gan.network import Generator
from bmzoo.backends.voxel_gan.observation import Observer, Scene
from bmzoo.backends.voxel_gan.schedule import Schedule
from bmzoo.backends.voxel_gan.surroundings import Surroundings, find_surroundings
from bmzoo.frames.random import random_stream

Floats = NDArray[np.float64]
GAS_CONSTANT = 8.31446261815324e-3


@dataclass(eq=False)
class Unit:
    """One sample of one frame."""

    beads: Floats
    around: Surroundings
    schedule: Schedule
    streams: list[np.random.Generator]
    offset: int = 0
    """First particle in the batch's list."""
    row: int = 0
    """First bead in the batch's tables."""
    noise: Tensor = field(default_factory=lambda: torch.zeros(0))


@dataclass(eq=False)
class Sampler:
    """Draws all samples of a few frames side by side."""

    observer: Observer
    generator: Generator
    energy: AtomEnergy | None
    bonds: BondLengths | None
    temperature: float | None

    def units(self, beads: Floats, box: Floats | None, keys: Sequence[tuple[int, int, int]]) -> list[Unit]:
        """The samples of one frame, which share its surroundings and schedule.

        Args:
            beads: ``(n_molecules, n_beads, 3)`` nm.
            keys: seed, frame and sample of each.
        """
        template = self.observer.template
        around = find_surroundings(template, self.observer.layout, beads, box)
        schedule = Schedule(template, around)
        return [
            Unit(beads, around, schedule, [random_stream(*key, m) for m in range(len(beads))]) for key in keys
        ]

    @cached_property
    def _sequences(self) -> NDArray[np.int64]:
        """``(n_atoms, most)``: for the first atom of a bead (and phase), all its atoms; -1."""
        groups = bead_sequences(self.observer.template)
        table = np.full((len(self.observer.own), max(map(len, groups))), -1, dtype=np.int64)
        for group in groups:
            table[group[0], : len(group)] = group
        return table

    @torch.no_grad()
    def draw(self, units: list[Unit]) -> list[Floats]:
        """Atoms of every unit, ``(n_molecules, n_atoms, 3)`` nm."""
        dtype = next(self.generator.parameters()).dtype
        state = _State(self.observer, units, dtype)
        config = self.observer.template.config
        for phase in (0, 1):
            self._pass(state, [unit.schedule.first_pass(phase) for unit in units])
        for _ in range(config.sweeps):
            for phase in (0, 1):
                sweeps = [unit.schedule.sweep(phase) for unit in units]
                self._pass(state, sweeps, clear=config.redraw == "bead")
        return state.atoms()

    def _pass(
        self, state: _State, schedules: list[Iterator[tuple[NDArray, NDArray]]], *, clear: bool = False
    ) -> None:
        """Places what the schedules say; ``clear``: first takes away the atoms of beads that begin."""
        config = self.observer.template.config
        state.draw_noise(config.candidates, config.noise + (config.frame == "bead"))
        for steps in zip_longest(*schedules):
            taken = [(u, *step) for u, step in enumerate(steps) if step is not None]
            which = np.concatenate([np.full(len(beads), u) for u, beads, _ in taken])
            beads = np.concatenate([beads for _, beads, _ in taken])
            atoms = np.concatenate([atoms for _, _, atoms in taken])
            if clear:
                state.clear(which, beads, self._sequences[atoms])
            for start in range(0, len(which), config.placements):
                rows = slice(start, start + config.placements)
                self._place(state, which[rows], beads[rows], atoms[rows])

    def _place(self, state: _State, which: NDArray, beads: NDArray, atoms: NDArray) -> None:
        scene, noise = state.scene(which, beads), state.noise(which, beads, atoms)
        chosen = torch.as_tensor(atoms, device=scene.positions.device)
        if self.observer.template.config.frame == "bead":
            positions = self._turning(scene, chosen, noise)
        else:
            seen = self.observer(scene, chosen)
            positions = seen.to_scene(self.generator(seen, noise))
        if self.bonds is not None:
            positions = self.bonds(scene, chosen, positions)
        state.put(which, beads, atoms, self._choose(scene, chosen, positions, noise))

    def _turning(self, scene: Scene, atoms: Tensor, noise: Tensor) -> Tensor:
        """Published frames leave the rotation about z free: every candidate has its own."""
        n = noise.shape[1]
        repeated = Scene(*(part.repeat_interleave(n, 0) for part in scene))
        flat = noise.flatten(0, 1)
        turns = 2 * math.pi * torch.special.ndtr(flat[:, -1])
        seen = self.observer(repeated, atoms.repeat_interleave(n), turns)
        return seen.to_scene(self.generator(seen, flat[:, None, :-1])).reshape(len(atoms), n, 3)

    def _choose(self, scene: Scene, atoms: Tensor, positions: Tensor, noise: Tensor) -> Tensor:
        """One of the candidates: the first, the lowest in energy, or by its Boltzmann weight."""
        choice = self.observer.template.config.choice
        if positions.shape[1] == 1 or choice == "plain" or self.energy is None:
            return positions[:, 0]
        energy = torch.stack(list(self.energy(scene, atoms, positions).values())).sum(0)
        if choice == "boltzmann":
            assert self.temperature is not None
            # the greatest of log-weights plus Gumbel noise is drawn by the weights
            uniform = torch.special.ndtr(noise[..., 0]).clamp(1e-7, 1 - 1e-7)
            energy = energy / (GAS_CONSTANT * self.temperature) + (-uniform.log()).log()
        best = energy.argmin(1)
        return positions[torch.arange(len(best), device=best.device), best]


class _State:
    """Positions of all units in one list, and tables to look scenes up."""

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

    def draw_noise(self, candidates: int, width: int) -> None:
        """Numbers of one pass, from the stream of every molecule."""
        shape = (self.n_atoms, candidates, width)
        drawn = [s.standard_normal(shape, dtype=np.float32) for unit in self.units for s in unit.streams]
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
        self.positions[rows] = positions + self.positions[centres]
        self.visible[rows] = True

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
