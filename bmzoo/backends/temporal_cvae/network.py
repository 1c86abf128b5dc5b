"""What the networks have in common: what they do, what they give, and in which unit they count."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from bmzoo.backends.temporal_cvae.latent_flow import Flow

LENGTH = 0.1
"""nm; coordinates are of this size inside the networks."""
MOST = 6.0
"""Of the logarithm of the posterior's variance."""


class Decoded(NamedTuple):
    """What the decoder gives.

    Attributes:
        atoms: ``(batch, n_atoms, 3)`` nm, on their beads where these are held.
        free: the same before that.
        densities: ``(batch, n_atoms, cells, cells, cells)``, one at the peak, of networks that see voxels.
    """

    atoms: Tensor
    free: Tensor
    densities: Tensor | None


class Network(nn.Module):
    """p(atoms | latent, beads, earlier atoms), its posterior, and a prior if it has one of its own.

    Attributes:
        owners: ``(n_atoms,)`` bead of every atom.
        mapping: ``(n_beads, n_atoms)``.
        n_latents: dimensions of the latent of a molecule.
    """

    owners: Tensor
    mapping: Tensor
    n_latents: int
    prior: Flow[Any] | None

    def fit_guess(self, beads: Tensor, history: Tensor, atoms: Tensor) -> None:
        """Fits what atoms are guessed by to reference frames, which lie superposed."""
        raise NotImplementedError

    def condition(self, beads: Tensor, history: Tensor) -> Any:
        """What is known, from ``(batch, n_beads, 3)`` and ``(batch, order, n_atoms, 3)`` nm."""
        raise NotImplementedError

    def encode(self, atoms: Tensor, known: Any) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of the latent, ``(batch, n_latents)`` each."""
        raise NotImplementedError

    def decode(self, latent: Tensor, known: Any) -> Decoded:
        """Atoms for ``(batch, n_latents)``."""
        raise NotImplementedError

    def densities_of(self, atoms: Tensor) -> Tensor:
        """``(batch, n_atoms, cells, cells, cells)``, one at the peak, of networks that see voxels."""
        raise NotImplementedError
