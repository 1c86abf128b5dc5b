"""Draws frames: a first pass, then Gibbs sweeps, many placements at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.voxel_gan.bonds import BondLengths
from bmzoo.backends.voxel_gan.energy import AtomEnergy
from bmzoo.backends.voxel_gan.hands import are_wrong, mirrored
from bmzoo.backends.voxel_gan.network import Generator
from bmzoo.backends.voxel_gan.observation import Observer, Scene
from bmzoo.backends.voxel_gan.repair import Repair
from bmzoo.backends.voxel_gan.schedule import Schedule, bead_sequences
from bmzoo.backends.voxel_gan.state import State, Unit
from bmzoo.backends.voxel_gan.surroundings import find_surroundings
from bmzoo.frames.random import random_stream
from bmzoo.molecules.constants import GAS_CONSTANT

Floats = NDArray[np.float64]
REDRAWS = 4
"""How often an atom on the wrong side of a stereocentre is drawn again before it is mirrored."""


@dataclass(eq=False)
class Sampler:
    """Draws all samples of a few frames side by side."""

    observer: Observer
    generator: Generator
    energy: AtomEnergy | None
    bonds: BondLengths | None
    temperature: float | None

    def __post_init__(self) -> None:
        template = self.observer.template
        self._sequences = bead_sequences(template)
        self._repair = Repair(template, self._pass)

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

    @torch.no_grad()
    def draw(self, units: list[Unit]) -> list[Floats]:
        """Atoms of every unit, ``(n_molecules, n_atoms, 3)`` nm."""
        dtype = next(self.generator.parameters()).dtype
        state = State(self.observer, units, dtype)
        config = self.observer.template.config
        for phase in (0, 1):
            self._pass(state, {u: unit.schedule.first_pass(phase) for u, unit in enumerate(units)})
            for _ in range(config.sweeps):
                if phase == 0:
                    self._repair(state)
                sweep = {u: unit.schedule.sweep(phase) for u, unit in enumerate(units)}
                self._pass(state, sweep, clear=config.redraw == "bead")
            if phase == 0:
                self._repair(state)
            self._repair(state, loose=True, hydrogens=phase == 1)
        return state.atoms()

    @torch.no_grad()
    def sweep(self, units: list[Unit], atoms: list[Floats], sweeps: int) -> list[Floats]:
        """Atoms of every unit after Gibbs sweeps that start from ``(n_molecules, n_atoms, 3)`` nm."""
        state = State(self.observer, units, next(self.generator.parameters()).dtype)
        flat = [x.reshape(-1, 3) for x in atoms]
        state.set_atoms(flat, [np.ones(len(x), dtype=bool) for x in flat])
        clear = self.observer.template.config.redraw == "bead"
        for phase in (0, 1):
            for _ in range(sweeps):
                self._pass(
                    state, {u: unit.schedule.sweep(phase) for u, unit in enumerate(units)}, clear=clear
                )
        return state.atoms()

    def _pass(
        self, state: State, schedules: dict[int, Iterator[tuple[NDArray, NDArray]]], *, clear: bool = False
    ) -> None:
        """Places what the schedules of some units say; ``clear``: hides the atoms of beads that begin."""
        config = self.observer.template.config
        width = config.noise + (config.frame == "bead")
        state.draw_noise(config.candidates + REDRAWS, width, [state.units[u] for u in schedules])
        for steps in zip_longest(*schedules.values()):
            taken = [(u, *step) for u, step in zip(schedules, steps, strict=True) if step is not None]
            which = np.concatenate([np.full(len(beads), u) for u, beads, _ in taken])
            beads = np.concatenate([beads for _, beads, _ in taken])
            atoms = np.concatenate([atoms for _, _, atoms in taken])
            if clear:
                state.clear(which, beads, self._sequences[atoms])
            for start in range(0, len(which), config.placements):
                rows = slice(start, start + config.placements)
                self._place(state, which[rows], beads[rows], atoms[rows])

    def _place(self, state: State, which: NDArray, beads: NDArray, atoms: NDArray) -> None:
        scene, noise = state.scene(which, beads), state.noise(which, beads, atoms)
        chosen = torch.as_tensor(atoms, device=scene.positions.device)
        first = self.observer.template.config.candidates
        drawn = self._candidates(scene, chosen, noise[:, :first])
        position = self._choose(scene, chosen, drawn, noise[:, :first])
        for again in range(first, first + REDRAWS):
            rows = are_wrong(self.observer, scene, chosen, position[:, None]).squeeze(1).nonzero().squeeze(1)
            if not len(rows):
                break
            part = Scene(*(values[rows] for values in scene))
            position[rows] = self._candidates(part, chosen[rows], noise[rows, again : again + 1]).squeeze(1)
        else:
            position = mirrored(self.observer, scene, chosen, position[:, None]).squeeze(1)
        state.put(which, beads, atoms, position)

    def _candidates(self, scene: Scene, atoms: Tensor, noise: Tensor) -> Tensor:
        """``(batch, n, 3)`` in the scene's coordinates, one for each of ``(batch, n, noise)``."""
        if self.observer.template.config.frame == "bead":
            positions = self._turning(scene, atoms, noise)
        else:
            seen = self.observer(scene, atoms)
            positions = seen.to_scene(self.generator(seen, noise))
        return positions if self.bonds is None else self.bonds(scene, atoms, positions)

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
