"""Draws the next frames of many trajectories at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.backends.temporal_cvae.holding import Holder
from bmzoo.backends.temporal_cvae.mixture import Mixture
from bmzoo.backends.temporal_cvae.network import CVAE
from bmzoo.backends.temporal_cvae.seeds import SeedLibrary
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.random import random_stream
from bmzoo.frames.superpose import Fit, superpose

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Past:
    """What a trajectory remembers, whatever its length.

    Attributes:
        time: ps, of its last frame.
        beads: ``(n_beads, 3)`` nm, superposed on the template.
        history: ``(n_samples, order, n_atoms, 3)`` nm, the last atoms first, beside these beads.
    """

    time: float
    beads: Floats
    history: Floats


@dataclass(frozen=True, eq=False)
class Task:
    """The next frame of a trajectory.

    Attributes:
        frame, beads: the CG frame, and its beads ``(n_beads, 3)`` nm.
        past: ``None`` at the beginning.
        number: of the trajectory.
    """

    frame: Frame
    beads: Floats
    past: Past | None
    number: int


class Sampler:
    """Draws with a network as it is now.

    Args:
        template: ``(n_beads, 3)`` nm, on which frames are superposed.
        seeds: ``None`` without training: a trajectory then begins with atoms on their owner beads.
        interval: ps between frames that follow one another.
    """

    def __init__(
        self,
        network: CVAE,
        config: TemporalCVAEConfig,
        holder: Holder,
        template: Floats,
        mixture: Mixture,
        seeds: SeedLibrary | None,
        interval: float,
    ) -> None:
        self.network, self.config, self._hold = network, config, holder
        self._template, self._mixture, self._seeds = template, mixture, seeds
        self._interval = interval
        self._owners = network.owners.cpu().numpy()

    @torch.no_grad()
    def draw(self, tasks: Sequence[Task], n_samples: int, seed: int) -> tuple[list[Floats], list[Past]]:
        """Atoms ``(n_samples, n_atoms, 3)`` nm of every task's frame, and what to remember of it.

        Raises:
            InputError: beads outside the grid.
        """
        fits = [superpose(task.beads, self._template) for task in tasks]
        beads = [fit(task.beads) for fit, task in zip(fits, tasks, strict=True)]
        for task, local in zip(tasks, beads, strict=True):
            self._check(task.frame, local)
        history = np.concatenate([self._history(t, b, n_samples) for t, b in zip(tasks, beads, strict=True)])
        keys = [(t.frame.index, sample, t.number) for t in tasks for sample in range(n_samples)]
        latents = np.stack([self._mixture.draw(random_stream(seed, *key)) for key in keys])
        here = np.repeat(np.stack(beads), n_samples, axis=0)
        known = self.network.condition(self._tensor(here), self._tensor(history))
        drawn = self.network.decode(self._tensor(latents), known).atoms.double().cpu().numpy()
        atoms = self._hold(drawn, here).reshape(len(tasks), n_samples, -1, 3)
        history = np.concatenate([atoms.reshape(-1, 1, *atoms.shape[2:]), history[:, :-1]], axis=1)
        pasts = [
            Past(task.frame.time, local, rows)
            for task, local, rows in zip(tasks, beads, np.split(history, len(tasks)), strict=True)
        ]
        return [_undone(fit, x) for fit, x in zip(fits, atoms, strict=True)], pasts

    def _history(self, task: Task, beads: Floats, n_samples: int) -> Floats:
        """``(n_samples, order, n_atoms, 3)`` nm, superposed on the present beads."""
        past = task.past
        if past is not None and 0 < task.frame.time - past.time <= self.config.gap * self._interval:
            fit = superpose(past.beads, beads)
            return np.asarray(past.history @ fit.rotation + fit.translation)
        if self._seeds is not None:
            seed = self._seeds.nearest(beads)
        else:
            seed = np.repeat(beads[None, self._owners], self.config.order, axis=0)
        return np.repeat(seed[None], n_samples, axis=0)

    def _check(self, frame: Frame, beads: Floats) -> None:
        far = np.abs(beads).max()
        if far >= self.config.edge / 2:
            raise InputError(
                f"{frame.name or f'frame {frame.index}'} does not fit the grid of these weights: a bead is "
                f"{far:.2f} nm from the middle, and the edge is {self.config.edge} nm; train with a larger "
                "'edge'"
            )

    def _tensor(self, array: Floats) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self.network.owners.device)


def _undone(fit: Fit, points: Floats) -> Floats:
    """Superposed points back to where they came from."""
    return np.asarray((points - fit.translation) @ fit.rotation.T)
