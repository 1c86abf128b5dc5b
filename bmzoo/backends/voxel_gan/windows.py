"""Stretches of a schedule, begun in a frame of the data: what is unrolled in training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bmzoo.backends.voxel_gan.data import TrainingSet
from bmzoo.backends.voxel_gan.observation import Observer
from bmzoo.backends.voxel_gan.schedule import Schedule, bead_sequences
from bmzoo.backends.voxel_gan.state import State, Unit
from bmzoo.frames.random import random_stream

Ints = NDArray[np.int64]
PASSES = (0.3, 0.2, 0.3, 0.2)
"""Shares of first passes and sweeps, each over heavy atoms and over hydrogens."""


class Placements(NamedTuple):
    """Atoms placed together: ``units`` ``(n,)``, beads of their frames, atoms of the molecule; and
    ``clear``, ``(n, most)`` atoms that are taken away before, -1."""

    units: Ints
    beads: Ints
    atoms: Ints
    clear: Ints | None


class Window(NamedTuple):
    """Some steps of a schedule.

    Attributes:
        units: frames, whose atoms are those of the data.
        atoms: their positions, ``(n_all_atoms, 3)`` nm.
        visible: what is placed when the window begins.
        hydrogens: whether they, and not heavy atoms, are placed.
        steps: what is placed.
    """

    units: list[Unit]
    atoms: list[NDArray[np.float32]]
    visible: list[NDArray[np.bool_]]
    hydrogens: list[bool]
    steps: list[Placements]

    def state(self, observer: Observer, draws: int) -> State:
        """The frames, each ``draws`` times: all frames once, then again."""
        units = [Unit(u.beads, u.around, u.schedule) for _ in range(draws) for u in self.units]
        state = State(observer, units, torch.float32)
        state.set_atoms(self.atoms * draws, self.visible * draws)
        return state


class Windows:
    """Windows of the frames of a training set."""

    def __init__(self, observer: Observer, data: TrainingSet) -> None:
        self._data, self._template = data, observer.template
        self._sequences = bead_sequences(observer.template)
        # beads have no hydrogens
        shares = np.array(PASSES)
        shares[1::2] *= observer.template.is_hydrogen.any()
        self._shares = shares / shares.sum()
        self._cache: dict[tuple[int, int], list[tuple[Ints, Ints]]] = {}

    def __call__(self, step: int) -> Window:
        """The window of a step; enough frames for ``config.sequences`` molecules."""
        rng, config = random_stream(self._data.seed, step), self._template.config
        n_beads = self._template.topology.n_beads
        n_molecules = self._data.frames[0][1].n_beads // n_beads
        frames = rng.integers(len(self._data.frames), size=max(1, config.sequences // n_molecules))
        units, atoms, visible, hydrogens, every = [], [], [], [], []
        for frame in frames.tolist():
            kind = int(rng.choice(len(PASSES), p=self._shares))
            schedule = self._schedule(frame, kind)
            first = int(rng.integers(max(1, len(schedule) - config.window // 2)))
            particles, around = self._data.frames[frame]
            n_atoms = around.n_beads // n_beads * self._template.n_atoms
            beads = particles[n_atoms:-1].reshape(-1, n_beads, 3).astype(np.float64)
            units.append(Unit(beads, around, Schedule(self._template, around)))
            atoms.append(particles[:n_atoms])
            visible.append(self._placed(schedule[:first], schedule[first:], kind, n_atoms))
            hydrogens.append(bool(kind % 2))
            every.append((kind, schedule[first : first + config.window]))
        return Window(units, atoms, visible, hydrogens, list(self._steps(every)))

    def _schedule(self, frame: int, kind: int) -> list[tuple[Ints, Ints]]:
        if (frame, kind) not in self._cache:
            schedule = Schedule(self._template, self._data.frames[frame][1])
            made = schedule.first_pass(kind % 2) if kind < 2 else schedule.sweep(kind % 2)
            self._cache[frame, kind] = list(made)
        return self._cache[frame, kind]

    def _placed(
        self, before: list[tuple[Ints, Ints]], after: list[tuple[Ints, Ints]], kind: int, n_all: int
    ) -> NDArray[np.bool_]:
        """Which atoms are there when the window begins."""
        n, n_beads = self._template.n_atoms, self._template.topology.n_beads
        hydrogen = np.tile(self._template.is_hydrogen, n_all // n)
        if kind < 2:
            placed = ~hydrogen if kind else np.zeros(n_all, dtype=bool)
            placed |= np.tile(self._template.alone >= 0, n_all // n)
            for beads, atoms in before:
                placed[beads // n_beads * n + atoms] = True
            return placed
        placed = np.ones(n_all, dtype=bool) if kind == 3 else ~hydrogen
        if self._template.config.redraw == "bead":
            begun = set(np.concatenate([beads for beads, _ in before]).tolist()) if before else set()
            for beads, atoms in after:
                of_begun = np.array([bead in begun for bead in beads.tolist()])
                placed[(beads // n_beads * n + atoms)[of_begun]] = False
        return placed

    def _steps(self, every: list[tuple[int, list[tuple[Ints, Ints]]]]) -> list[Placements]:
        steps = []
        for number in range(max(len(schedule) for _, schedule in every)):
            now = [(u, kind, s[number]) for u, (kind, s) in enumerate(every) if number < len(s)]
            units = np.concatenate([np.full(len(beads), u) for u, _, (beads, _) in now])
            beads = np.concatenate([beads for _, _, (beads, _) in now])
            atoms = np.concatenate([atoms for _, _, (_, atoms) in now])
            clear = None
            if self._template.config.redraw == "bead":
                swept = np.concatenate([np.full(len(beads), kind >= 2) for _, kind, (beads, _) in now])
                clear = np.where(swept[:, None], self._sequences[atoms], -1)
            steps.append(Placements(units, beads, atoms, clear))
        return steps
