"""Springs between atoms up to three bonds apart, which pull decoded atoms to decoded lengths.

Coordinates that a network gives are each a little wrong, and bonds and angles show it. Lengths are learned
much more exactly, as they hardly vary: a few steps of relaxation bring the two together.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from bmzoo.molecules.graph import MolecularGraph
from bmzoo.representations.interactions import lengths

STIFF = 0.003
"""nm, standard deviation of the lengths of the stiffest springs."""
SOFTEST = 1e-3
"""Stiffness of the softest springs over that of the stiffest."""


def near_pairs(graph: MolecularGraph, bonds: int = 2) -> Tensor:
    """``(n, 2)`` atoms one to ``bonds`` (2 or 3) bonds apart, the first with the lower number."""
    ends = [graph.bonds, graph.angles[:, [0, 2]], graph.dihedrals[:, [0, 3]]]
    near = np.concatenate(ends[:bonds])
    near = near[near[:, 0] != near[:, 1]]
    return torch.as_tensor(np.unique(np.sort(near, axis=1), axis=0))


class Springs(nn.Module):
    """Steps of a relaxation in which every atom goes where its springs, on average, want it.

    Args:
        graph: the molecule.
        steps: of the relaxation.
    """

    pairs: Tensor
    mean: Tensor
    _ends: Tensor

    def __init__(self, graph: MolecularGraph, steps: int) -> None:
        super().__init__()
        pairs = near_pairs(graph, 3)
        each = torch.arange(len(pairs))
        ends = torch.zeros(graph.n_atoms, len(pairs))
        ends[pairs[:, 0], each], ends[pairs[:, 1], each] = 1.0, -1.0
        self.register_buffer("pairs", pairs, persistent=False)
        self.register_buffer("_ends", ends, persistent=False)
        self.register_buffer("mean", torch.zeros(len(pairs)))
        self.stiffness = nn.Parameter(torch.zeros(len(pairs)))
        self.pace = nn.Parameter(torch.full((steps,), 0.5))

    @torch.no_grad()
    def fit(self, atoms: Tensor) -> None:
        """Means of the lengths, and a stiffness that goes with their inverse variance, to begin with."""
        found = self.lengths_of(atoms)
        self.mean.copy_(found.mean(0))
        stiffness = (STIFF / found.std(0, correction=0).clamp_min(STIFF)).square().clamp_min(SOFTEST)
        self.stiffness.copy_(stiffness.expm1().log())

    def lengths_of(self, atoms: Tensor) -> Tensor:
        """``(batch, n)`` nm, of all springs."""
        one, other = self.pairs.T
        return lengths(atoms[:, one] - atoms[:, other])

    def forward(
        self, atoms: Tensor, wanted: Tensor, beads: Tensor, mapping: Tensor, spread: Tensor
    ) -> Tensor:
        """Relaxed atoms ``(batch, n_atoms, 3)`` nm.

        Args:
            wanted: ``(batch, n)`` nm, what springs are longer at rest than on average.
            beads: ``(batch, n_beads, 3)`` nm, on which atoms are put after every step.
            mapping, spread: ``(n_beads, n_atoms)`` and ``(n_atoms, n_beads)``.
        """
        one, other = self.pairs.T
        stiffness = softplus(self.stiffness)
        share = self._ends * stiffness / (self._ends.abs() @ stiffness).clamp_min(1e-6)[:, None]
        for pace in self.pace:
            apart = atoms[:, one] - atoms[:, other]
            long = lengths(apart)
            pull = apart * ((self.mean + wanted - long) / long.clamp_min(1e-3))[..., None]
            atoms = atoms + pace * (share @ pull)
            atoms = atoms + spread @ (beads - mapping @ atoms)
        return atoms
