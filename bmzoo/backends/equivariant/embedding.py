"""What is known of atoms, beads and pairs before any coordinate, learned from local chemistry."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from bmzoo.backends.equivariant.tables import N_FEATURES, PATHS, Tables

CHEMISTRY = 32
"""Channels of atoms, beads and pairs."""
ROUNDS = 3
"""Rounds along bonds in which atoms learn what they are part of."""


class Chemistry(NamedTuple):
    """The tables of one molecule as tensors; see :class:`Tables`.

    ``matrix`` is the mapping's, ``free`` is 0 for atoms that are beads.
    """

    features: Tensor
    paths: Tensor
    bonds_apart: Tensor
    centres: Tensor
    hands: Tensor
    flat: Tensor
    runs: Tensor
    relations: Tensor
    matrix: Tensor
    free: Tensor

    @staticmethod
    def of(tables: Tables) -> Chemistry:
        """In single precision, on the CPU."""
        matrix = tables.topology.mapping.matrix.toarray()
        floats = (tables.features, tables.hands, tables.flat, tables.relations, matrix, ~tables.fixed)
        features, hands, flat, relations, mapping, free = (
            torch.as_tensor(x, dtype=torch.float32) for x in floats
        )
        paths, apart, centres, runs = map(
            torch.as_tensor, (tables.paths, tables.bonds_apart, tables.centres, tables.runs)
        )
        return Chemistry(features, paths, apart, centres, hands, flat, runs, relations, mapping, free)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Chemistry:
        """On a device, numbers in a precision."""
        return Chemistry(*(p.to(device, dtype) if p.is_floating_point() else p.to(device) for p in self))


class Known(NamedTuple):
    """Learned of one molecule.

    Attributes:
        atoms: ``(n_atoms, CHEMISTRY)``.
        beads: ``(n_beads, CHEMISTRY)``, from the atoms that a bead is made of.
        pairs: ``(n_paths + 1, CHEMISTRY)`` of every path; the last row is any pair that is only near.
        lengths: ``(n_paths + 1,)`` the pair's own distance, to which deviations are compared, 0.1 nm.
        corners: ``(n_centres, 4, CHEMISTRY)`` of a centre and the four atoms that are about it; of a run
            of beads, of a bead and those of the run that it is bonded to.
    """

    atoms: Tensor
    beads: Tensor
    pairs: Tensor
    lengths: Tensor
    corners: Tensor


class ChemicalEmbedding(nn.Module):
    """Message passing along bonds on the molecule itself; it costs next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        c = CHEMISTRY
        self.first = nn.Linear(N_FEATURES, c)
        self.rounds = nn.ModuleList(perceptron((1 + PATHS) * c, c) for _ in range(ROUNDS))
        self.pairs = perceptron(2 * c + PATHS, c)
        self.near = nn.Parameter(torch.randn(1, c))
        self.lengths = nn.Linear(c, 1)
        self.beads = perceptron(c, c)
        self.corners = perceptron(2 * c, c)

    def forward(self, chemistry: Chemistry) -> Known:
        h = self.first(chemistry.features)
        senders, receivers = chemistry.paths
        masks = [chemistry.bonds_apart == d for d in range(1, PATHS + 1)]
        for mix in self.rounds:
            heard = [torch.zeros_like(h).index_add(0, receivers[m], h[senders[m]]) / 3 for m in masks]
            h = h + mix(torch.cat([h, *heard], -1))
        one, other = h[senders], h[receivers]
        pairs = self.pairs(torch.cat([one + other, one * other, torch.stack(masks, -1).to(h.dtype)], -1))
        usual = 1.3 * chemistry.bonds_apart.to(h.dtype) ** 0.7
        lengths = usual * softplus(self.lengths(pairs).squeeze(-1) + math.log(math.e - 1))
        return Known(
            atoms=h,
            beads=self.beads(chemistry.matrix @ h),
            pairs=torch.cat([pairs, self.near]),
            lengths=torch.cat([lengths, lengths.new_zeros(1)]),
            corners=self.corners(_about(chemistry, h)),
        )


def _about(chemistry: Chemistry, h: Tensor) -> Tensor:
    """``(n_centres, 4, 2 * c)`` what every corner is bonded to among the five, and itself."""
    centre, around = h[chemistry.centres[:, :1]].expand(-1, 4, -1), h[chemistry.centres[:, 1:]]
    if chemistry.runs.any():
        a, b, c, d = around.unbind(1)
        centre = torch.where(chemistry.runs[:, None, None], torch.stack([b, a + c, b + d, c], 1), centre)
    return torch.cat([centre, around], -1)


def perceptron(inputs: int, outputs: int, hidden: int | None = None) -> nn.Sequential:
    """Two linear layers with SiLU between them."""
    width = hidden or outputs
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, outputs))
