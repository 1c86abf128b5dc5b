"""The network of a coarse-grained force field: continuous filters on distances, and internal coordinates.

After SchNet (Schuett et al., J. Chem. Phys. 148, 241722, 2018) on a single molecule: every bead has an
embedding of its own, and filters are linear in the radial basis, which dynamics pays for at every step.
Distances cannot tell a conformation from its mirror image, and a basis wide enough for all of them does not
see the few thousandths of a nanometre that a bond moves. So the coordinates of the priors join the
embeddings: torsions with their sign, bonds, angles and impropers in units of their widths (as in CGnet, Wang
et al., ACS Cent. Sci. 5, 755, 2019). The energy is unchanged by translations and rotations, not by mirrors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DeltaEnergy(nn.Module):
    """``forward``: energies ``(n_frames,)`` kJ/mol that are added to the priors, from positions
    ``(n_frames, n_beads, 3)`` nm and scaled internal coordinates ``(n_frames, n_coordinates)``.

    Args:
        n_beads: beads of the molecule.
        n_coordinates: internal coordinates that are fed in.
        width: features of a bead.
        n_filters: radial basis functions, evenly spaced up to ``cutoff`` (nm), where filters vanish smoothly.
        n_layers: interactions.
        scale: kJ/mol of one unit of the read-out; kT is of the right size.
    """

    itself: Tensor
    others: Tensor
    centres: Tensor

    def __init__(
        self,
        n_beads: int,
        n_coordinates: int,
        *,
        width: int,
        n_filters: int,
        n_layers: int,
        cutoff: float,
        scale: float,
    ) -> None:
        super().__init__()
        self.cutoff, self.scale = cutoff, scale
        self.register_buffer("itself", torch.eye(n_beads), persistent=False)
        self.register_buffer("others", 1 - torch.eye(n_beads), persistent=False)
        self.register_buffer("centres", torch.linspace(0.1, cutoff, n_filters), persistent=False)
        self.sharpness = 0.5**0.5 * (n_filters - 1) / (cutoff - 0.1)
        self.embedding = nn.Parameter(torch.randn(n_beads, width))
        self.internal = nn.Linear(n_coordinates, n_beads * width, bias=False)
        self.layers = nn.ModuleList(_Interaction(width, n_filters) for _ in range(n_layers))
        self.readout = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, positions: Tensor, coordinates: Tensor) -> Tensor:
        n_frames, n_beads, _ = positions.shape
        gaps = positions[:, :, None] - positions[:, None]
        squared = gaps.square().sum(-1) + self.itself
        r = squared.sqrt().unsqueeze(-1)
        basis = torch.exp(((r - self.centres) * self.sharpness).square().neg())
        reach = (1 - squared / self.cutoff**2).clamp(min=0).square() * self.others
        features = self.embedding + self.internal(coordinates).view(n_frames, n_beads, -1)
        for layer in self.layers:
            features = features + layer(features, basis, reach.unsqueeze(-1))
        return self.scale * self.readout(features).sum((-1, -2))


class _Interaction(nn.Module):
    """What a bead hears from all others through filters of their distances."""

    def __init__(self, width: int, n_filters: int) -> None:
        super().__init__()
        self.filter = nn.Linear(n_filters, width, bias=False)
        self.source = nn.Linear(width, width, bias=False)
        self.update = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width))

    def forward(self, features: Tensor, basis: Tensor, reach: Tensor) -> Tensor:
        heard = (self.filter(basis) * reach * self.source(features).unsqueeze(-3)).sum(-2)
        return self.update(heard)
