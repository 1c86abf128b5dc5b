"""Encoder, decoder and prior whose particles are beads, each with the atoms it owns in a frame of its own.

What surrounds a bead looks alike in many frames of a molecule that bends, and the layers that exchange what
beads know are the same for all: it is learned from far fewer frames than the molecule as a whole.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.backends.temporal_cvae.holding import bead_spread
from bmzoo.backends.temporal_cvae.latent_flow import N_TIMES, Flow, time_features
from bmzoo.backends.temporal_cvae.layers import SLOPE, Residual
from bmzoo.backends.temporal_cvae.local_frames import frame_beads, local_frames, relations
from bmzoo.backends.temporal_cvae.network import LENGTH, MOST, Decoded, Network
from bmzoo.backends.temporal_cvae.springs import Springs
from bmzoo.molecules.topology import Topology

GIVE = 0.01
"""nm, unit in which lengths of springs differ from their means."""
RELATIONS = 24
"""Numbers that say how two beads lie to one another, now and before."""


class Seen(NamedTuple):
    """What the networks know of beads and earlier atoms, the same however the molecule lies.

    Attributes:
        own: ``(batch, n_beads, k)``, earlier atoms of every bead in its frame of that time, in ``LENGTH``.
        pairs: ``(batch, n_beads, n_beads, RELATIONS)``.
    """

    own: Tensor
    pairs: Tensor


class BeadCondition(NamedTuple):
    """What the decoder knows beside the latent.

    Attributes:
        seen: see there.
        beads: ``(batch, n_beads, 3)`` nm.
        frames: ``(batch, n_beads, 3, 3)``, axes in rows.
        guess: ``(batch, n_atoms, 3)`` nm, in the frames of the owner beads.
    """

    seen: Seen
    beads: Tensor
    frames: Tensor
    guess: Tensor

    def for_prior(self) -> Seen:
        """What the prior knows, without gradients."""
        return Seen(self.seen.own.detach(), self.seen.pairs.detach())


class EachBead(nn.Module):
    """A linear layer of its own for every bead: ``(batch, n_beads, k)`` to ``(batch, n_beads, width)``."""

    def __init__(self, n_beads: int, numbers: int, width: int) -> None:
        super().__init__()
        bound = numbers**-0.5
        self.weight = nn.Parameter(torch.empty(n_beads, numbers, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_beads, 1, width).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x.transpose(0, 1), self.weight).transpose(0, 1)


class Exchange(nn.Module):
    """Every bead hears from every other, then thinks; the input goes around both."""

    def __init__(self, n_beads: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.hears, self.tells = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.pairs = nn.Linear(RELATIONS, width, bias=False)
        self.who = nn.Parameter(torch.zeros(n_beads, n_beads, width))
        self.out = nn.Linear(width, width)
        self.think = Residual(width)

    def forward(self, h: Tensor, pairs: Tensor) -> Tensor:
        x = self.norm(h)
        heard = self.hears(x)[:, :, None] + self.tells(x)[:, None] + self.pairs(pairs) + self.who
        return self.think(h + self.out(leaky_relu(heard, SLOPE).mean(2)))


class Trunk(nn.Module):
    """Numbers of every bead to a vector of every bead, ``(batch, n_beads, hidden)``."""

    def __init__(self, n_beads: int, numbers: int, config: TemporalCVAEConfig) -> None:
        super().__init__()
        self.join = EachBead(n_beads, numbers, config.hidden)
        self.mix = nn.ModuleList(Exchange(n_beads, config.hidden) for _ in range(config.blocks))

    def forward(self, numbers: Tensor, pairs: Tensor) -> Tensor:
        h = self.join(numbers)
        for layer in self.mix:
            h = layer(h, pairs)
        return leaky_relu(h, SLOPE)


class BeadFlow(Flow[Seen]):
    """The prior: latents of all beads together, ``(batch, n_beads * latent)``."""

    def __init__(self, n_beads: int, numbers: int, config: TemporalCVAEConfig) -> None:
        super().__init__(n_beads * config.latent)
        self.n_beads = n_beads
        self.trunk = Trunk(n_beads, numbers + config.latent + N_TIMES, config)
        self.out = EachBead(n_beads, config.hidden, config.latent)

    def forward(self, z: Tensor, time: Tensor, seen: Seen) -> Tensor:
        """``(batch, n_beads * latent)`` at times ``(batch, 1)``."""
        times = time_features(time)[:, None].expand(-1, self.n_beads, -1)
        numbers = torch.cat([z.reshape(len(z), self.n_beads, -1), times, seen.own], -1)
        return self.out(self.trunk(numbers, seen.pairs)).flatten(1)


class BeadCVAE(Network):
    """Beads with their atoms, each in a frame of its own; what is drawn turns with the molecule."""

    spread: Tensor
    keep: Tensor
    constants: Tensor
    _through: Tensor
    _slots: Tensor
    _filled: Tensor
    _places: Tensor
    _rests: Tensor

    def __init__(self, topology: Topology, config: TemporalCVAEConfig) -> None:
        super().__init__()
        self.config, self.n_latents = config, topology.n_beads * config.latent
        n_atoms, n_beads = topology.n_atoms, topology.n_beads
        owners = topology.mapping.owners
        slots, filled, places = _slots(owners, n_beads)
        mapping = topology.mapping.matrix.toarray()
        spread = bead_spread(topology) if config.hold_beads else 0 * mapping.T
        fixed = {"owners": torch.as_tensor(owners), "_through": torch.as_tensor(frame_beads(topology))}
        fixed |= {"mapping": torch.as_tensor(mapping).float(), "spread": torch.as_tensor(spread).float()}
        fixed |= {"_slots": torch.as_tensor(slots), "_places": torch.as_tensor(places)}
        for name, value in fixed.items():
            self.register_buffer(name, value, persistent=False)
        self.register_buffer("_filled", torch.as_tensor(filled).float(), persistent=False)
        self.register_buffer("keep", torch.zeros(n_atoms, 1))
        self.register_buffer("constants", torch.zeros(n_atoms, 3))
        own = 3 * slots.shape[1]
        known = own * config.order
        self.encoder = Trunk(n_beads, known + own, config)
        self.posterior = EachBead(n_beads, config.hidden, 2 * config.latent)
        self.decoder = Trunk(n_beads, known + config.latent, config)
        self.out = EachBead(n_beads, config.hidden, own)
        self.springs = Springs(topology.graph, config.springs, config.spring_bonds)
        slots, _, places = _slots(owners[self.springs.pairs[:, 0].numpy()], n_beads)
        self.register_buffer("_rests", torch.as_tensor(places), persistent=False)
        self.rest = EachBead(n_beads, config.hidden, slots.shape[1])
        self.prior = BeadFlow(n_beads, known, config) if config.prior == "flow" else None

    @torch.no_grad()
    def fit_guess(self, beads: Tensor, history: Tensor, atoms: Tensor) -> None:
        """Every atom is guessed between where it was in its bead's frame and where it is in the mean.

        Args:
            beads, history, atoms: reference frames, as in :meth:`condition` and :meth:`encode`. An atom
                stays near its earlier place as far as it is correlated with it, were that shifted by
                ``guess_noise``.
        """
        now = self._inside(atoms, beads, local_frames(beads, self._through))
        before = self._earlier(history)[0][:, 0]
        mean, mean_before = now.mean(0), before.mean(0)
        away = before - mean_before
        together = ((now - mean) * away).sum(-1).mean(0)
        keep = (together / (away.square().sum(-1).mean(0) + 3 * self.config.guess_noise**2)).clamp(0, 1)
        self.springs.fit(atoms)
        self.keep.copy_(keep[:, None])
        self.constants.copy_(mean - keep[:, None] * mean_before)

    def condition(self, beads: Tensor, history: Tensor) -> BeadCondition:
        frames = local_frames(beads, self._through)
        before, beads_before, frames_before = self._earlier(history)
        pairs = [relations(beads, frames), relations(beads_before[:, 0], frames_before[:, 0])]
        own = self._by_bead(before.flatten(0, 1)).reshape(*before.shape[:2], len(self.mapping), -1)
        return BeadCondition(
            seen=Seen(own.transpose(1, 2).flatten(2) / LENGTH, torch.cat(pairs, -1)),
            beads=beads,
            frames=frames,
            guess=self.constants + self.keep * before[:, 0],
        )

    def encode(self, atoms: Tensor, known: BeadCondition) -> tuple[Tensor, Tensor]:
        off = self._inside(atoms, known.beads, known.frames) - known.guess
        numbers = torch.cat([self._by_bead(off) / LENGTH, known.seen.own], -1)
        mean, log_variance = self.posterior(self.encoder(numbers, known.seen.pairs)).chunk(2, -1)
        return mean.flatten(1), log_variance.clamp(-2 * MOST, MOST).flatten(1)

    def decode(self, latent: Tensor, known: BeadCondition) -> Decoded:
        numbers = torch.cat([latent.reshape(len(latent), len(self.mapping), -1), known.seen.own], -1)
        h = self.decoder(numbers, known.seen.pairs)
        off = self.out(h).reshape(len(latent), -1, 3)[:, self._places]
        inside = known.guess + LENGTH * off
        free = known.beads[:, self.owners] + _turned(inside, known.frames[:, self.owners])
        atoms = free + self.spread @ (known.beads - self.mapping @ free)
        longer = GIVE * self.rest(h).flatten(1)[:, self._rests]
        atoms = self.springs(atoms, longer, known.beads, self.mapping, self.spread)
        return Decoded(atoms, free, None)

    def missed(self, atoms: Tensor, decoded: Tensor, known: BeadCondition) -> tuple[Tensor, Tensor]:
        """What was missed of ``atoms``: displacements in the frames of beads, and lengths of springs."""
        frames = known.frames[:, self.owners]
        moved = (frames @ (atoms - decoded)[..., None]).squeeze(-1)
        return moved, self.springs.lengths_of(atoms) - self.springs.lengths_of(decoded)

    def loosened(self, decoded: Tensor, known: BeadCondition, moved: Tensor, stretched: Tensor) -> Tensor:
        """Decoded atoms moved and stretched so much, and relaxed again."""
        longer = self.springs.lengths_of(decoded) - self.springs.mean + stretched
        atoms = decoded + _turned(moved, known.frames[:, self.owners])
        return self.springs(atoms, longer, known.beads, self.mapping, self.spread)

    def _earlier(self, history: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Earlier atoms inside their frames of that time; these beads, and these frames."""
        beads = self.mapping @ history
        frames = local_frames(beads.flatten(0, 1), self._through)
        inside = self._inside(history.flatten(0, 1), beads.flatten(0, 1), frames)
        return inside.view_as(history), beads, frames.reshape(*history.shape[:2], -1, 3, 3)

    def _inside(self, atoms: Tensor, beads: Tensor, frames: Tensor) -> Tensor:
        """``(batch, n_atoms, 3)`` nm in the frames of the owner beads."""
        return (frames[:, self.owners] @ (atoms - beads[:, self.owners])[..., None]).squeeze(-1)

    def _by_bead(self, atoms: Tensor) -> Tensor:
        """``(batch, n_beads, 3 * most)`` of ``(batch, n_atoms, 3)``, zero where a bead owns fewer atoms."""
        return (atoms[:, self._slots] * self._filled[..., None]).flatten(2)


def _turned(vectors: Tensor, frames: Tensor) -> Tensor:
    """Vectors ``(..., 3)`` inside frames ``(..., 3, 3)`` as they lie outside."""
    return (vectors[..., None, :] @ frames).squeeze(-2)


def _slots(
    owners: np.ndarray[tuple[int], np.dtype[np.int64]], n_beads: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms of every bead ``(n_beads, most)``, which of these count, and the flat slot of every atom."""
    counts = np.bincount(owners, minlength=n_beads)
    most = int(counts.max())
    slots, filled = np.zeros((n_beads, most), dtype=np.int64), np.zeros((n_beads, most), dtype=bool)
    places = np.zeros(len(owners), dtype=np.int64)
    for bead in range(n_beads):
        atoms = np.flatnonzero(owners == bead)
        slots[bead, : len(atoms)], filled[bead, : len(atoms)] = atoms, True
        places[atoms] = bead * most + np.arange(len(atoms))
    return slots, filled, places
