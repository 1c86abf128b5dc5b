"""Draws the next frames of many trajectories at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bmzoo.backends.temporal_cvae.bead_network import BeadCVAE
from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.backends.temporal_cvae.holding import Holder
from bmzoo.backends.temporal_cvae.misses import Misses
from bmzoo.backends.temporal_cvae.mixture import Mixture
from bmzoo.backends.temporal_cvae.network import Network
from bmzoo.backends.temporal_cvae.seeds import SeedLibrary
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.random import random_stream
from bmzoo.frames.superpose import superpose

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
        mixture: what latents are drawn from, where the network has no prior of its own.
        misses: by what decoded atoms are loosened, if at all.
        seeds: ``None`` without training: a trajectory then begins with atoms on their owner beads.
        interval: ps between frames that follow one another.
    """

    def __init__(
        self,
        network: Network,
        config: TemporalCVAEConfig,
        holder: Holder,
        template: Floats,
        mixture: Mixture | None,
        misses: Misses | None,
        seeds: SeedLibrary | None,
        interval: float,
    ) -> None:
        self.network, self.config, self._hold = network, config, holder
        self._template, self._mixture, self._seeds = template, mixture, seeds
        self._misses = misses
        self._interval = interval
        self._owners = network.owners.cpu().numpy()

    @torch.no_grad()
    def draw(self, tasks: Sequence[Task], n_samples: int, seed: int) -> tuple[list[Floats], list[Past]]:
        """Atoms ``(n_samples, n_atoms, 3)`` nm of every task's frame, and what to remember of it.

        Raises:
            InputError: beads outside the grid.
        """
        given = np.stack([task.beads for task in tasks])
        fit = superpose(given, self._template)
        beads = fit(given)
        if self.config.network == "voxels":
            self._check(tasks, beads)
        history = self._history(tasks, beads, n_samples)
        keys = [(t.frame.index, sample, t.number) for t in tasks for sample in range(n_samples)]
        streams = [random_stream(seed, *key) for key in keys]
        here, flat = np.repeat(beads, n_samples, axis=0), history.reshape(-1, *history.shape[2:])
        known = self.network.condition(self._tensor(here), self._tensor(flat))
        decoded = self.network.decode(self._latents(streams, known), known).atoms
        if self._misses is not None:
            assert isinstance(self.network, BeadCVAE)
            moved, stretched = map(self._tensor, self._misses.draw(streams))
            decoded = self.network.loosened(decoded, known, moved, stretched)
        drawn = decoded.double().cpu().numpy()
        atoms = self._hold(drawn, here).reshape(len(tasks), n_samples, -1, 3)
        history = np.concatenate([atoms[:, :, None], history[:, :, :-1]], axis=2)
        pasts = [Past(t.frame.time, b, rows) for t, b, rows in zip(tasks, beads, history, strict=True)]
        away = fit.rotation.swapaxes(-1, -2)[:, None]
        return list((atoms - fit.translation[:, None, None]) @ away), pasts

    def _latents(self, streams: Sequence[np.random.Generator], known: Any) -> torch.Tensor:
        """``(n, latent)``, one from each stream."""
        prior = self.network.prior
        if prior is None:
            assert self._mixture is not None
            return self._tensor(self._mixture.draw(streams))
        noise = self._tensor(np.stack([stream.standard_normal(prior.latent) for stream in streams]))
        return prior.draw(noise, known.for_prior(), self.config.prior_steps)

    def _history(self, tasks: Sequence[Task], beads: Floats, n_samples: int) -> Floats:
        """``(n_tasks, n_samples, order, n_atoms, 3)`` nm, superposed on the present beads."""
        found = np.empty((len(tasks), n_samples, self.config.order, len(self._owners), 3))
        going, pasts = [], []
        for place, task in enumerate(tasks):
            if task.past is not None and self._follows(task, task.past):
                going.append(place)
                pasts.append(task.past)
            elif self._seeds is not None:
                found[place] = self._seeds.nearest(beads[place])
            else:
                found[place] = beads[place, self._owners]
        if going:
            fit = superpose(np.stack([past.beads for past in pasts]), beads[going])
            before = np.stack([past.history for past in pasts])
            moved = before @ fit.rotation[:, None, None] + fit.translation[:, None, None, None]
            found[going] = moved
        return found

    def _follows(self, task: Task, past: Past) -> bool:
        return 0 < task.frame.time - past.time <= self.config.gap * self._interval

    def _check(self, tasks: Sequence[Task], beads: Floats) -> None:
        far = np.abs(beads).max((1, 2))
        worst = int(far.argmax())
        if far[worst] >= self.config.edge / 2:
            frame = tasks[worst].frame
            raise InputError(
                f"{frame.name or f'frame {frame.index}'} does not fit the grid of these weights: a bead is "
                f"{far[worst]:.2f} nm from the middle, and the edge is {self.config.edge} nm; train with a "
                "larger 'edge'"
            )

    def _tensor(self, array: Floats) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self.network.owners.device)
