"""The prior of the latents as a flow: from noise to latents that go with the beads and the earlier atoms.

Conditional flow matching (Lipman et al., ICLR 2023) in the latent space. The encoder sees the condition
too, and what a latent means depends on it: a prior that does not know the condition draws latents that no
frame with this past ever had.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from bmzoo.backends.temporal_cvae.layers import SLOPE, Residual

BLOCKS = 4
N_TIMES = 8


Known = TypeVar("Known")


class Flow(nn.Module, Generic[Known]):
    """A velocity in the latent space, given what is known.

    Args:
        latent: dimensions.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent

    def forward(self, z: Tensor, time: Tensor, seen: Known) -> Tensor:
        """``(batch, latent)`` at times ``(batch, 1)``."""
        raise NotImplementedError

    def loss(self, latent: Tensor, seen: Known) -> Tensor:
        """Mean squared error of the velocity on straight paths from noise to latents ``(batch, latent)``."""
        time = torch.rand_like(latent[:, :1])
        noise = torch.randn_like(latent)
        found = self(torch.lerp(noise, latent, time), time, seen)
        return (found - (latent - noise)).square().mean()

    def draw(self, noise: Tensor, seen: Known, steps: int) -> Tensor:
        """Noise ``(batch, latent)`` carried along, by the trapezoidal rule (Heun)."""
        z, step = noise, 1.0 / steps
        for k in range(steps):
            before, after = (torch.full_like(noise[:, :1], x * step) for x in (k, k + 1))
            velocity = self(z, before, seen)
            z = z + 0.5 * step * (velocity + self(z + step * velocity, after, seen))
        return z


class LatentFlow(Flow[Tensor]):
    """The molecule as a whole, known by ``numbers`` numbers; layers of width ``hidden``."""

    def __init__(self, numbers: int, latent: int, hidden: int) -> None:
        super().__init__(latent)
        self.join = nn.Linear(numbers + latent + N_TIMES, hidden)
        self.mix = nn.Sequential(*(Residual(hidden) for _ in range(BLOCKS)))
        self.out = nn.Linear(hidden, latent)

    def forward(self, z: Tensor, time: Tensor, seen: Tensor) -> Tensor:
        """``(batch, latent)`` at times ``(batch, 1)``, given ``(batch, numbers)``."""
        h = self.mix(self.join(torch.cat([z, seen, time_features(time)], 1)))
        return self.out(leaky_relu(h, SLOPE))


def time_features(time: Tensor) -> Tensor:
    """``(batch, N_TIMES)`` of times ``(batch, 1)``."""
    centres = torch.linspace(0, 1, N_TIMES, dtype=time.dtype, device=time.device)
    return torch.exp(-((time - centres) * N_TIMES).square())
