"""Generator and critic."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, normalize, pad, softmax
from torch.nn.utils.parametrizations import spectral_norm

from bmzoo.backends.voxel_gan.config import VoxelGANConfig
from bmzoo.backends.voxel_gan.observation import Observation, Observer
from bmzoo.representations.voxels import Grid

LENGTH = 0.1
"""nm; coordinates are of this size inside the networks."""


class Encoder(nn.Module):
    """Voxels to a vector: strided convolutions with a residual block between."""

    def __init__(self, channels: int, config: VoxelGANConfig) -> None:
        super().__init__()
        f = config.features
        self.first = nn.Conv3d(channels, f, 4, stride=2, padding=1)
        self.second = nn.Conv3d(f, 2 * f, 3, padding=1)
        self.block = nn.Conv3d(2 * f, 2 * f, 3, padding=1)
        self.third = nn.Conv3d(2 * f, 2 * f, 4, stride=2, padding=1)
        cells = config.cells // 4
        self.out = nn.Linear(2 * f * cells**3, config.hidden)

    def forward(self, voxels: Tensor) -> Tensor:
        h = leaky_relu(self.first(voxels), 0.1)
        h = leaky_relu(self.second(h), 0.1)
        h = h + self.block(leaky_relu(h, 0.1))
        h = leaky_relu(self.third(h), 0.1)
        return leaky_relu(self.out(h.flatten(1)), 0.1)


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(leaky_relu(self.one(leaky_relu(x, 0.1)), 0.1))


class Generator(nn.Module):
    """Environment and noise to a position.

    The position is a sum of a free displacement, of the vectors to neighbours, beads and remaining
    centres, each times a number that the network gives: precise where the neighbours decide; and
    of a radius about the z axis, which is the bond that the atom's torsion turns about, in a direction
    mixed from theirs: a free torsion is a circle, and stays one.
    With ``readout: density`` a decoder gives a density instead, whose mean is the position.
    """

    def __init__(self, observer: Observer, config: VoxelGANConfig) -> None:
        super().__init__()
        width, n_vectors = config.hidden, observer.n_vectors
        self.encoder = Encoder(observer.n_channels, config)
        self.condition = nn.Linear(width + observer.n_flags + 7 * n_vectors, width)
        self.mix = nn.Sequential(Residual(width), Residual(width))
        self.noisy = nn.Linear(width + config.noise, width)
        self.blocks = nn.Sequential(Residual(width), Residual(width))
        self.decoder: Decoder | None = None
        if config.readout == "density":
            self.decoder = Decoder(config)
        else:
            self.out = nn.Linear(width, 3 + n_vectors + 3 + n_vectors)
        if config.unseen_inputs == "ignored":
            for layer in (self.encoder.first, self.condition):
                nn.init.zeros_(layer.weight)

    def describe(self, seen: Observation) -> Tensor:
        """``(batch, hidden)``: the environment, without noise."""
        voxels = self.encoder(seen.voxels)
        known = torch.cat([voxels, seen.flags, _shapes(seen.vectors).flatten(1)], 1)
        return self.mix(self.condition(known))

    def place(self, described: Tensor, vectors: Tensor, noise: Tensor) -> Tensor:
        """``(batch, n, 3)`` nm, local: one position for each of ``(batch, n, noise)``."""
        described = described.unsqueeze(1).expand(-1, noise.shape[1], -1)
        h = self.blocks(self.noisy(torch.cat([described, noise], -1)))
        if self.decoder is not None:
            return self.decoder(h)
        n = vectors.shape[1]
        free, gates, turn, mixed = self.out(leaky_relu(h, 0.1)).split([3, n, 3, n], -1)
        across = turn[..., :2] + mixed @ _directions(vectors)[0]
        circle = normalize(across, dim=-1, eps=1e-3) * turn[..., 2:]
        return LENGTH * (free + pad(circle, (0, 1))) + gates @ vectors

    def forward(self, seen: Observation, noise: Tensor) -> Tensor:
        return self.place(self.describe(seen), seen.vectors, noise)


def _directions(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """``(..., 2)`` directions about the z axis and ``(..., 1)`` distances from it, in ``LENGTH``."""
    across = vectors[..., :2] / LENGTH
    distance = (across.square().sum(-1, keepdim=True) + 1e-4).sqrt()
    return across / distance, distance


def _shapes(vectors: Tensor) -> Tensor:
    """``(..., 7)``: vectors, their lengths, and how they lie about the z axis."""
    direction, distance = _directions(vectors)
    length = (vectors.square().sum(-1, keepdim=True) / LENGTH**2 + 1e-4).sqrt()
    return torch.cat([vectors / LENGTH, length, direction, distance], -1)


class Decoder(nn.Module):
    """A vector to a density on the grid, and to its mean."""

    def __init__(self, config: VoxelGANConfig) -> None:
        super().__init__()
        self.grid = Grid(config.cells, config.edge, config.width)
        self.cells, self.f = config.cells // 4, config.features
        self.first = nn.Linear(config.hidden, 2 * self.f * self.cells**3)
        self.up = nn.ConvTranspose3d(2 * self.f, self.f, 4, stride=2, padding=1)
        self.out = nn.ConvTranspose3d(self.f, 1, 4, stride=2, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        flat = leaky_relu(self.first(h.reshape(-1, h.shape[-1])), 0.1)
        grid = flat.reshape(-1, 2 * self.f, self.cells, self.cells, self.cells)
        logits = self.out(leaky_relu(self.up(grid), 0.1)).squeeze(1)
        density = softmax(logits.flatten(1), -1).reshape(logits.shape)
        return self.grid.coordinate(density).reshape(*h.shape[:-1], 3)


class Critic(nn.Module):
    """Environment and position to a number: how much the position looks like the reference's."""

    def __init__(self, observer: Observer, config: VoxelGANConfig) -> None:
        super().__init__()
        self.grid = observer.grid
        width, n_vectors = config.hidden, observer.n_vectors
        self.encoder = Encoder(observer.n_channels + 1, config)
        inputs = width + observer.n_flags + 6 * n_vectors + 3
        self.condition = nn.Linear(inputs, width)
        self.blocks = nn.Sequential(Residual(width), Residual(width))
        self.out = nn.Linear(width, 1)
        if config.spectral_norm:
            for layer in self.modules():
                if isinstance(layer, nn.Conv3d | nn.Linear):
                    spectral_norm(layer)

    def forward(self, seen: Observation, local: Tensor) -> Tensor:
        """``(batch,)`` for positions ``(batch, 3)`` nm, local."""
        density = self.grid.density(local)
        peak = density.flatten(1).amax(1)[:, None, None, None].clamp(min=1e-6)
        voxels = self.encoder(torch.cat([seen.voxels, (density / peak).unsqueeze(1)], 1))
        there = seen.flags[:, -seen.vectors.shape[1] - 4 : -4]
        away = (seen.vectors - local.unsqueeze(1)) * there.unsqueeze(-1)
        lengths = torch.cat([seen.vectors.flatten(1), away.flatten(1), local], 1) / LENGTH
        h = self.blocks(self.condition(torch.cat([voxels, seen.flags, lengths], 1)))
        return self.out(leaky_relu(h, 0.1)).squeeze(-1)
