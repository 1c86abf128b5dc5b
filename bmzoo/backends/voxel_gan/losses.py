"""What is minimised: energy score, Wasserstein distance with penalties."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bmzoo.backends.voxel_gan.network import LENGTH
from bmzoo.backends.voxel_gan.observation import Observation


def energy_score(samples: Tensor, target: Tensor) -> Tensor:
    """``E|s - t| - E|s - s'|/2``, lowest where samples are drawn from the target's distribution.

    Strictly proper (Gneiting and Raftery, J. Am. Stat. Assoc. 102, 359, 2007, eq. 22): unlike a
    mean squared error it rewards the right width as well as the right mean.

    Args:
        samples: ``(batch, n_draws, d)``, at least two draws.
        target: ``(batch, d)``.

    Returns:
        ``(batch,)``.
    """
    n = samples.shape[1]
    miss = _norm(samples - target.unsqueeze(1)).mean(1)
    spread = _norm(samples.unsqueeze(1) - samples.unsqueeze(2)).sum((1, 2)) / (n * (n - 1))
    return miss - spread / 2


def distance_score(samples: Tensor, target: Tensor, there: Tensor) -> Tensor:
    """The energy score of every distance by itself, summed over those that are there.

    Some distances are sharp (a ring atom and the centre of its ring) where the position is wide. In
    the score of the position their width hardly counts; here each counts by itself. A sum of
    proper scores is proper.

    Args:
        samples: ``(batch, n_draws, n)``.
        target: ``(batch, n)``.
        there: ``(batch, n)`` of 0 and 1.

    Returns:
        ``(batch,)``.
    """
    n = samples.shape[1]
    miss = (samples - target.unsqueeze(1)).abs().mean(1)
    spread = (samples.unsqueeze(1) - samples.unsqueeze(2)).abs().sum((1, 2)) / (n * (n - 1))
    return ((miss - spread / 2) * there).sum(-1)


def _norm(x: Tensor) -> Tensor:
    return (x.square().sum(-1) + 1e-12).sqrt()


def gradient_penalty(
    critic: Callable[[Observation, Tensor], Tensor],
    real: tuple[Observation, Tensor],
    fake: tuple[Observation, Tensor],
) -> Tensor:
    """``E (|grad D| - 1)^2`` between real and generated placements (Gulrajani et al. 2017).

    The gradient is taken in the position, in units of ``LENGTH``, and in the voxels; the environments
    of a sequence differ by the atoms placed before.
    """
    share = torch.rand(len(real[1]), device=real[1].device)

    def between(a: Tensor, b: Tensor) -> Tensor:
        s = share.reshape(-1, *[1] * (a.dim() - 1))
        return (s * a + (1 - s) * b).detach()

    voxels = between(real[0].voxels, fake[0].voxels).requires_grad_()
    position = between(real[1], fake[1]).requires_grad_()
    vectors = between(real[0].vectors, fake[0].vectors)
    seen = real[0]._replace(voxels=voxels, vectors=vectors)
    gradients = torch.autograd.grad(critic(seen, position).sum(), (voxels, position), create_graph=True)
    squared = gradients[0].flatten(1).square().sum(1) + (gradients[1] * LENGTH).square().sum(1)
    return ((squared + 1e-12).sqrt() - 1).square().mean()


def softened(energy: Tensor, limit: float = 100.0) -> Tensor:
    """Energies in kJ/mol that grow as a logarithm above a limit: an overlap must not outweigh the rest."""
    over = (energy - limit).clamp(min=0)
    return energy.clamp(max=limit) + limit * torch.log1p(over / limit)
