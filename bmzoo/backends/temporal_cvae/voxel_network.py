"""Encoder and decoders of the molecule as a whole: convolutions on voxels, coordinates beside them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.backends.temporal_cvae.guess import fit_guess, on_owners
from bmzoo.backends.temporal_cvae.holding import bead_spread
from bmzoo.backends.temporal_cvae.latent_flow import LatentFlow
from bmzoo.backends.temporal_cvae.layers import SLOPE, Residual
from bmzoo.backends.temporal_cvae.network import LENGTH, MOST, Decoded, Network
from bmzoo.molecules.topology import Topology
from bmzoo.representations.voxels import Grid


class ResidualConv(nn.Module):
    """Two convolutions around which the input goes; layer norm is a group norm with one group."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(1, features) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv3d(features, features, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = conv(leaky_relu(norm(h), SLOPE))
        return x + h


class Trunk(nn.Module):
    """Voxels and numbers to a vector of width ``hidden``; ``f`` features."""

    def __init__(self, channels: int, numbers: int, f: int, config: TemporalCVAEConfig) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, f, 2 + config.stride, stride=config.stride, padding=1)
        self.blocks = nn.Sequential(*(ResidualConv(f) for _ in range(config.blocks)))
        self.down = nn.Conv3d(f, 2 * f, 4, stride=2, padding=1)
        cells = config.cells // config.stride // 2
        self.join = nn.Linear(2 * f * cells**3 + numbers, config.hidden)
        self.mix = nn.Sequential(Residual(config.hidden), Residual(config.hidden))

    def forward(self, voxels: Tensor, numbers: Tensor) -> Tensor:
        h = leaky_relu(self.down(self.blocks(self.first(voxels))), SLOPE)
        return self.mix(self.join(torch.cat([h.flatten(1), numbers], 1)))


class CoordinateDecoder(nn.Module):
    """Condition and latent to displacements from the linear guess."""

    def __init__(self, channels: int, numbers: int, n_atoms: int, config: TemporalCVAEConfig) -> None:
        super().__init__()
        self.trunk = Trunk(channels, numbers, config.decoder_features or config.features, config)
        self.join = nn.Linear(config.hidden + config.latent, config.hidden)
        self.mix = nn.Sequential(Residual(config.hidden), Residual(config.hidden))
        self.out = nn.Linear(config.hidden, 3 * n_atoms)

    def forward(self, voxels: Tensor, numbers: Tensor, latent: Tensor) -> Tensor:
        """``(batch, n_atoms, 3)``, in ``LENGTH``."""
        h = self.mix(self.join(torch.cat([self.trunk(voxels, numbers), latent], 1)))
        return self.out(leaky_relu(h, SLOPE)).reshape(len(h), -1, 3)


class DensityDecoder(nn.Module):
    """Condition and latent, repeated in every voxel, to a density for every atom (the paper's)."""

    def __init__(self, channels: int, n_atoms: int, config: TemporalCVAEConfig) -> None:
        super().__init__()
        f = config.decoder_features or config.features
        self.first = nn.Conv3d(channels + config.latent, f, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualConv(f) for _ in range(config.blocks)))
        self.out = nn.Conv3d(f, n_atoms, 1)

    def forward(self, voxels: Tensor, latent: Tensor) -> Tensor:
        """``(batch, n_atoms, cells, cells, cells)``, each value from 0 to 1."""
        everywhere = latent[..., None, None, None].expand(-1, -1, *voxels.shape[2:])
        h = self.blocks(self.first(torch.cat([voxels, everywhere], 1)))
        return torch.sigmoid(self.out(leaky_relu(h, SLOPE)))


class Condition(NamedTuple):
    """What the decoder knows beside the latent.

    Attributes:
        voxels: ``(batch, n_beads + order * n_atoms, cells, cells, cells)``.
        seen: ``(batch, k)``, the coordinates, in ``LENGTH``.
        numbers: the same, or ``(batch, 0)`` where networks see voxels only.
        beads: ``(batch, n_beads, 3)`` nm.
        guess: ``(batch, n_atoms, 3)`` nm.
    """

    voxels: Tensor
    seen: Tensor
    numbers: Tensor
    beads: Tensor
    guess: Tensor

    def for_prior(self) -> Tensor:
        """What the prior knows, without gradients."""
        return self.seen.detach()


class VoxelCVAE(Network):
    """The molecule as a whole; positions are superposed on the template beads, or turned at random."""

    spread: Tensor
    factors: Tensor
    constants: Tensor

    def __init__(self, topology: Topology, config: TemporalCVAEConfig) -> None:
        super().__init__()
        self.config, self.n_latents = config, config.latent
        self.grid = Grid(config.cells, config.edge, config.width)
        n_atoms, n_beads = topology.n_atoms, topology.n_beads
        channels = n_beads + config.order * n_atoms
        numbers = 3 if config.coordinates else 0
        mapping = topology.mapping.matrix.toarray()
        spread = bead_spread(topology) if config.hold_beads else 0 * mapping.T
        fixed = {"owners": torch.as_tensor(topology.mapping.owners)}
        fixed |= {"mapping": torch.as_tensor(mapping).float(), "spread": torch.as_tensor(spread).float()}
        for name, value in fixed.items():
            self.register_buffer(name, value, persistent=False)
        self.register_buffer("factors", torch.as_tensor(on_owners(topology, config.order)).float())
        self.register_buffer("constants", torch.zeros(3 * n_atoms))
        self.encoder = Trunk(channels + n_atoms, numbers * (channels + n_atoms), config.features, config)
        self.posterior = nn.Linear(config.hidden, 2 * config.latent)
        self.decoder: CoordinateDecoder | DensityDecoder
        if config.readout == "density":
            self.decoder = DensityDecoder(channels, n_atoms, config)
        else:
            self.decoder = CoordinateDecoder(channels, numbers * channels, n_atoms, config)
        self.prior = (
            LatentFlow(3 * channels, config.latent, config.hidden) if config.prior == "flow" else None
        )

    def fit_guess(self, beads: Tensor, history: Tensor, atoms: Tensor) -> None:
        b, h, a = (x.double().cpu().numpy() for x in (beads, history, atoms))
        factors, constants = fit_guess(b, h, a, self.config.guess_noise)
        self.factors.copy_(torch.as_tensor(factors))
        self.constants.copy_(torch.as_tensor(constants))

    def condition(self, beads: Tensor, history: Tensor) -> Condition:
        flat = torch.cat([beads.flatten(1), history.flatten(1)], 1)
        guess = torch.addmm(self.constants, flat, self.factors.T).reshape(len(flat), -1, 3)
        around = history - beads[:, self.owners].unsqueeze(1)
        seen = torch.cat([beads.flatten(1), around.flatten(1)], 1) / LENGTH
        return Condition(
            voxels=self.grid.separate(torch.cat([beads, history.flatten(1, 2)], 1)),
            seen=seen,
            numbers=seen if self.config.coordinates else seen[:, :0],
            beads=beads,
            guess=guess,
        )

    def densities_of(self, atoms: Tensor) -> Tensor:
        return self.grid.separate(atoms)

    def encode(self, atoms: Tensor, known: Condition) -> tuple[Tensor, Tensor]:
        voxels = torch.cat([self.grid.separate(atoms), known.voxels], 1)
        numbers = known.numbers
        if self.config.coordinates:
            numbers = torch.cat([(atoms - known.guess).flatten(1) / LENGTH, numbers], 1)
        mean, log_variance = self.posterior(self.encoder(voxels, numbers)).chunk(2, 1)
        return mean, log_variance.clamp(-2 * MOST, MOST)

    def decode(self, latent: Tensor, known: Condition) -> Decoded:
        if isinstance(self.decoder, DensityDecoder):
            densities = self.decoder(known.voxels, latent)
            free = self.grid.coordinate(densities)
        else:
            free = known.guess + LENGTH * self.decoder(known.voxels, known.numbers, latent)
        atoms = free + self.spread @ (known.beads - self.mapping @ free)
        if not isinstance(self.decoder, DensityDecoder):
            densities = self.grid.separate(atoms)
        return Decoded(atoms, free, densities)
