"""A frame of reference at every bead, made of the bead and two others: what is inside it turns with them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.inputs import bead_bonds
from bmzoo.molecules import topological
from bmzoo.molecules.topology import Topology

TIE = 1e-3
"""Of the lengths of bonds: how little a fixed direction counts, which decides where beads lie on a line."""
FAR = 0.3
"""nm, the distance of a bead from which on its direction says more than its distance."""


def frame_beads(topology: Topology) -> NDArray[np.int64]:
    """``(n_beads, 3)``: the beads through which the frame of every bead goes, in this order.

    A bead between two neighbours stands in the middle; at an end it comes first, before the two that are
    fewest bonds away. Beads that nothing joins are taken as they are numbered.
    """
    n = topology.n_beads
    if n < 3:
        return np.zeros((n, 3), dtype=np.int64)
    away = topological.distances(n, bead_bonds(topology), n).toarray()
    away[(away == 0) & ~np.eye(n, dtype=bool)] = n + 1
    found = []
    for bead in range(n):
        one, other = [int(x) for x in np.argsort(away[bead], kind="stable") if x != bead][:2]
        middle = away[bead, one] == away[bead, other]
        found.append((one, bead, other) if middle else (bead, one, other))
    return np.array(found)


def local_frames(beads: Tensor, through: Tensor) -> Tensor:
    """``(batch, n_beads, 3, 3)``, the axes in rows, of beads ``(batch, n_beads, 3)`` nm.

    Fewer than three beads have no frame: the axes are those that positions are given in.
    """
    if beads.shape[1] < 3:
        return torch.eye(3, dtype=beads.dtype, device=beads.device).expand(*beads.shape[:2], 3, 3)
    first, middle, last = (beads[:, through[:, k]] for k in range(3))
    to, away = middle - first, last - middle
    to, away = (x / x.norm(dim=-1, keepdim=True).clamp_min(1e-6) for x in (to, away))
    axis = to.new_tensor([0.36, 0.48, 0.8])
    x = to + away + TIE * axis
    x = x / x.norm(dim=-1, keepdim=True)
    y = away - to + TIE * axis.roll(1)
    y = y - (y * x).sum(-1, keepdim=True) * x
    y = y / y.norm(dim=-1, keepdim=True)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-2)


def relations(beads: Tensor, frames: Tensor) -> Tensor:
    """``(batch, n_beads, n_beads, 12)``: how every bead and its axes lie in the frame of every other."""
    apart = beads[:, None] - beads[:, :, None]
    inside = torch.einsum("bixy,bijy->bijx", frames, apart)
    inside = inside / (inside.square().sum(-1, keepdim=True) + FAR**2).sqrt()
    turned = torch.einsum("bixy,bjzy->bijxz", frames, frames)
    return torch.cat([inside, turned.flatten(3)], -1)
