"""Bonds that the reference holds at a length are held at it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from bmzoo.backends.voxel_gan.observation import Observer, Scene

ROUNDS = 4


class BondLengths(nn.Module):
    """Moves a placed atom to where its constrained bonds to visible atoms have their lengths.

    Bond after bond the atom moves along it (SHAKE, for one atom); with more bonds than fit, what
    is left is shared among them. Bonds that the force field leaves to vibrate are not touched.
    """

    columns: Tensor
    lengths: Tensor

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        template = observer.template
        field = template.topology.force_field
        most = int(template.topology.graph.degrees.max(initial=0))
        columns = np.full((template.n_atoms, most), -1, dtype=np.int64)
        lengths = np.zeros((template.n_atoms, most), dtype=np.float32)
        counts = np.zeros(template.n_atoms, dtype=int)
        bonded = {tuple(pair) for pair in template.topology.graph.bonds.tolist()}
        pairs = [] if field is None else zip(field.constraints.tolist(), field.constraint_r0, strict=True)
        for pair, length in pairs:
            if tuple(sorted(pair)) not in bonded:
                continue
            for atom, other in (pair, pair[::-1]):
                column = observer.layout.column_of[template.owners[atom], other]
                # a hydrogen is placed after its parent and never moves it
                if column >= 0 and not (template.is_hydrogen[other] and not template.is_hydrogen[atom]):
                    columns[atom, counts[atom]] = column
                    lengths[atom, counts[atom]] = length
                    counts[atom] += 1
        self.register_buffer("columns", torch.as_tensor(columns), persistent=False)
        self.register_buffer("lengths", torch.as_tensor(lengths), persistent=False)
        self._observer = [observer]

    def forward(self, scene: Scene, atoms: Tensor, placed: Tensor) -> Tensor:
        """``(batch, n, 3)`` candidates in the scene's coordinates, moved."""
        others, there = self._observer[0].take(scene, self.columns[atoms])
        if not bool(there.any()):
            return placed
        wanted = self.lengths[atoms]
        for _ in range(ROUNDS):
            for k in range(wanted.shape[1]):
                away = placed - others[:, k, None]
                length = (away.square().sum(-1, keepdim=True) + 1e-12).sqrt()
                excess = (wanted[:, k, None, None] / length - 1) * there[:, k, None, None]
                placed = placed + away * excess
        return placed
