"""The temporal conditional VAE: whole molecules, each frame drawn given its beads and the atoms before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from bmzoo.backends.backmapper import Backmapper, Capabilities, Losses
from bmzoo.backends.inputs import BeadReader
from bmzoo.backends.temporal_cvae.bead_network import BeadCVAE
from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.backends.temporal_cvae.data import TrainingSet, Windows, the_molecule, thinned
from bmzoo.backends.temporal_cvae.holding import Holder
from bmzoo.backends.temporal_cvae.losses import LossTerms, divergence
from bmzoo.backends.temporal_cvae.misses import Misses
from bmzoo.backends.temporal_cvae.mixture import Mixture
from bmzoo.backends.temporal_cvae.network import Network
from bmzoo.backends.temporal_cvae.sampler import Past, Sampler, Task
from bmzoo.backends.temporal_cvae.seeds import SeedLibrary
from bmzoo.backends.temporal_cvae.voxel_network import VoxelCVAE
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.random import random_stream
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]

NETWORKS: dict[str, type[VoxelCVAE] | type[BeadCVAE]] = {"voxels": VoxelCVAE, "beads": BeadCVAE}

ENCODED = 512
"""Reference frames that are encoded at once."""
SPREAD = 0.2
"""nm, of the template before training."""


class TemporalCVAE(Backmapper):
    """Temporally coherent backmapping (Shmilovich, Stieffenhofer, Charron, Hoffmann 2022)."""

    name = "temporal_cvae"
    capabilities = Capabilities(
        periodic=False, temporal=True, generative=True, equivariant=True, fitting="gradient"
    )
    Config = TemporalCVAEConfig

    def __init__(self, topology: Topology, config: BaseModel | None = None) -> None:
        super().__init__(topology, config)
        self.settings = cast(TemporalCVAEConfig, self.config)
        self.settings.check()
        self.network: Network = NETWORKS[self.settings.network](topology, self.settings)
        self._losses = LossTerms(topology, self.settings)
        self._holder = Holder(topology, self.settings)
        # any fixed points make a frame of reference, until training gives the mean beads
        self._template = SPREAD * random_stream(0).standard_normal((topology.n_beads, 3))
        self._template -= self._template.mean(0)
        self._seeds: SeedLibrary | None = None
        self._mixture: Mixture | None = None
        self._misses: Misses | None = None
        self._fitted_to: tuple[float, ...] = ()
        self._training: TrainingSet | None = None
        self.interval = float("inf")

    @property
    def module(self) -> nn.Module:
        return self.network

    def to(self, device: str) -> None:
        self.network.to(device)
        self._losses.to(device)

    def training_batches(self, pairs: Iterable[PairedFrames], *, seed: int) -> Callable[[int], Any]:
        found = TrainingSet(self.topology, self.settings, pairs, seed=seed)
        self._training, self._seeds = found, found.seeds()
        self._template, self.interval = found.template, found.interval
        if self.settings.augment == "align" or self.settings.network == "beads":
            self.network.fit_guess(*(x.to(self.network.owners.device) for x in found.guessed()))
        return found

    def optimizers(self) -> dict[str, Optimizer]:
        return {"network": Adam(self.network.parameters(), self.settings.rate, betas=(0.9, 0.99), fused=True)}

    def training_step(self, batch: Windows, step: int) -> Losses:
        """Means of the terms over a window; every frame is given what was decoded for those before it."""
        device = self.network.owners.device
        atoms, beads, history, rotations, translations = (x.to(device) for x in batch)
        found: list[dict[str, Tensor]] = []
        for k in range(atoms.shape[1]):
            if k:
                history = history @ rotations[:, k, None] + translations[:, k, None, None]
            known = self.network.condition(beads[:, k], history)
            mean, log_variance = self.network.encode(atoms[:, k], known)
            latent = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            decoded = self.network.decode(latent, known)
            terms = self._losses(self.network, decoded, atoms[:, k], beads[:, k], step)
            terms["kl"] = divergence(mean, log_variance).mean()
            if self.network.prior is not None:
                terms["prior"] = self.network.prior.loss(latent.detach(), known.for_prior())
            found.append(terms)
            history = torch.cat([decoded.atoms.unsqueeze(1), history[:, :-1]], 1)
        means = {name: torch.stack([terms[name] for terms in found]).mean() for name in found[0]}
        return {"total": self._losses.total(means, step), **{k: v.detach() for k, v in means.items()}}

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`; every sample is a trajectory of its own, and all advance together.

        A trajectory begins anew after a gap in time, or without times, from the reference's past.
        """
        for drawn in self.backmap_together([frames], n_samples=n_samples, seed=seed):
            yield from drawn

    def backmap_together(
        self, trajectories: Sequence[Iterable[Frame]], *, n_samples: int = 1, seed: int
    ) -> Iterator[list[Frame]]:
        """Backmaps several CG trajectories side by side, in one batch.

        Args:
            trajectories: of any lengths; random numbers of the first are those of :meth:`backmap`.

        Yields:
            The next frames of all trajectories that go on, trajectory by trajectory, sample by sample.

        Raises:
            InputError: frames of several molecules, or that do not fit the grid.
        """
        self.network.eval()
        read, sampler = BeadReader(self.topology), self._sampler()
        waiting = dict(enumerate(map(iter, trajectories)))
        pasts: dict[int, Past] = {}
        while waiting:
            tasks = []
            for number, frames in list(waiting.items()):
                frame = next(frames, None)
                if frame is None:
                    del waiting[number]
                else:
                    tasks.append(Task(frame, the_molecule(read, frame), pasts.get(number), number))
            if not tasks:
                return
            drawn, after = sampler.draw(tasks, n_samples, seed)
            pasts = {task.number: past for task, past in zip(tasks, after, strict=True)}
            yield [
                task.frame.with_positions(atoms, sample=sample)
                for task, every in zip(tasks, drawn, strict=True)
                for sample, atoms in enumerate(every)
            ]

    def mixture(self) -> Mixture:
        """What the prior 'mixture' draws latents from; fitted anew where the network has moved since."""
        self._refit()
        return self._mixture or Mixture.normal(self.network.n_latents)

    def misses(self) -> Misses | None:
        """By what decoded atoms are loosened; fitted anew where the network has moved since."""
        self._refit()
        return self._misses

    def _refit(self) -> None:
        training = self._training
        if training is None:
            return
        fingerprint = tuple(float(parameter.detach().sum()) for parameter in self.network.parameters())
        if fingerprint == self._fitted_to:
            return
        self._fitted_to = fingerprint
        if self.network.prior is None:
            latents = self._latents(training)[0].numpy()
            self._mixture = Mixture.fitted(latents, self.settings.components)
        if self.settings.modes and isinstance(self.network, BeadCVAE):
            self._misses = Misses.fitted(*self._errors(self.network, training), self.settings.modes)

    def latents(self, pairs: Iterable[PairedFrames]) -> tuple[Floats, NDArray[np.int64]]:
        """Posterior means ``(n, latent)`` of frames that have a whole history, and these frames' numbers.

        Raises:
            InputError: no frames, or none that follow one another as in training.
        """
        as_given = self.settings.model_copy(update={"backwards": False})
        seen = TrainingSet(self.topology, as_given, pairs, seed=0, template=self._template)
        return self._encoded(seen, seen.known)[0].numpy(), seen.known

    def _latents(self, training: TrainingSet) -> tuple[Tensor, NDArray[np.int64]]:
        """``(n, latent)`` draws from the posteriors of reference frames, and these frames' numbers."""
        rows = thinned(training.known, self.settings.mixture_frames)
        mean, deviation = self._encoded(training, rows)
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0), dtype=mean.dtype)
        return mean + deviation * noise, rows

    @torch.no_grad()
    def _errors(self, network: BeadCVAE, training: TrainingSet) -> tuple[Floats, Floats]:
        """What is missed of reference frames, ``(n, n_atoms, 3)`` and ``(n, n_springs)`` nm."""
        latents, rows = self._latents(training)
        moved, stretched = [], []
        n_parts = -(-len(rows) // ENCODED)
        for some, latent in zip(np.array_split(rows, n_parts), latents.tensor_split(n_parts), strict=True):
            atoms, known = self._known(training, some)
            decoded = network.decode(latent.float().to(atoms.device), known).atoms
            errors = network.missed(atoms, decoded, known)
            moved.append(errors[0].cpu())
            stretched.append(errors[1].cpu())
        return torch.cat(moved).double().numpy(), torch.cat(stretched).double().numpy()

    def _known(self, frames: TrainingSet, rows: NDArray[np.int64]) -> tuple[Tensor, Any]:
        """Atoms of some frames, and their condition."""
        device = self.network.owners.device
        every = (frames.atoms, frames.beads, frames.history)
        atoms, beads, history = (torch.as_tensor(x[rows], device=device) for x in every)
        return atoms, self.network.condition(beads, history)

    @torch.no_grad()
    def _encoded(self, frames: TrainingSet, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the posterior of some frames, ``(n, latent)`` each."""
        found = []
        for some in np.array_split(rows, -(-len(rows) // ENCODED)):
            atoms, known = self._known(frames, some)
            mean, log_variance = self.network.encode(atoms, known)
            found.append(torch.stack([mean, torch.exp(0.5 * log_variance)]).cpu())
        mean, deviation = torch.cat(found, dim=1).double()
        return mean, deviation

    def _sampler(self) -> Sampler:
        return Sampler(
            self.network,
            self.settings,
            self._holder,
            self._template,
            self.mixture() if self.network.prior is None else None,
            self.misses(),
            self._seeds,
            self.interval,
        )

    def state(self) -> dict[str, Any]:
        """The network, the mixture if there is one, the template, the seeds, and the time between frames."""
        found: dict[str, Any] = {f"network.{k}": v.detach() for k, v in self.network.state_dict().items()}
        if self.network.prior is None:
            found |= {f"mixture.{name}": values for name, values in self.mixture().arrays().items()}
        misses = self.misses()
        if misses is not None:
            found |= {f"misses.{name}": values for name, values in misses.arrays().items()}
        if self._seeds is not None:
            found |= {"seeds.beads": self._seeds.beads, "seeds.history": self._seeds.history}
        return {**found, "template": self._template, "interval": np.array(self.interval)}

    def load_state(self, state: dict[str, Any]) -> None:
        arrays = {name: np.asarray(value) for name, value in state.items()}
        try:
            weights = {name: torch.as_tensor(value) for name, value in _below("network", arrays).items()}
            self.network.load_state_dict(weights)
            mixture = Mixture(**_below("mixture", arrays)) if self.network.prior is None else None
            template, interval = arrays["template"].astype(np.float64), float(arrays["interval"].item())
        except (RuntimeError, KeyError, TypeError) as error:
            raise InputError(
                f"these weights do not fit the networks of 'temporal_cvae' for {self.topology.graph.name}: "
                "they were made with other settings or for another molecule"
            ) from error
        seeds, misses = _below("seeds", arrays), _below("misses", arrays)
        self._misses = Misses(**misses) if misses else None
        self._seeds = SeedLibrary(**seeds) if seeds else None
        self._training, self._mixture = None, mixture
        self._template, self.interval = template, interval


def _below(room: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays whose names begin with ``room.``, without it."""
    return {name.removeprefix(f"{room}."): x for name, x in arrays.items() if name.startswith(f"{room}.")}
