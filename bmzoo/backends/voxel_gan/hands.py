"""Which side of a stereocentre an atom must be on, and mirrored onto it where it is not."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from bmzoo.backends.voxel_gan.observation import Observer, Scene


def are_wrong(observer: Observer, scene: Scene, atoms: Tensor, placed: Tensor) -> Tensor:
    """``(batch, n)`` whether candidates ``(batch, n, 3)``, in the scene's coordinates, have a wrong hand.

    Hands that are free, or whose atoms are not all placed, are never wrong.
    """
    wrong = torch.zeros_like(placed[..., 0], dtype=torch.bool)
    for first, normal, sign in _planes(observer, scene, atoms):
        wrong |= (sign * (placed - first) * normal).sum(-1) < 0
    return wrong


def mirrored(observer: Observer, scene: Scene, atoms: Tensor, placed: Tensor) -> Tensor:
    """``(batch, n, 3)`` candidates, mirrored where their hand is wrong.

    The mirror is the plane of the three atoms that the hand refers to, so that bonds and angles to
    them stay.
    """
    for first, normal, sign in _planes(observer, scene, atoms):
        height = ((placed - first) * normal).sum(-1, keepdim=True)
        through = height / normal.square().sum(-1, keepdim=True).clamp(min=1e-12)
        placed = placed - 2 * (sign * height < 0) * through * normal
    return placed


def _planes(observer: Observer, scene: Scene, atoms: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """A point and the normal ``(batch, 1, 3)`` of planes, and the side ``(batch, 1, 1)`` to be on; 0: any.

    Of every stereocentre that an atom belongs to, and of the parent that a hydrogen is placed about.
    """
    sides, hands = observer.sides[atoms], observer.side_hand[atoms]
    tables = [(sides[:, k], hands[:, k]) for k in range(sides.shape[1])]
    for table, hand in ((observer.triple[atoms], observer.hand[atoms]), *tables):
        three, there = observer.take(scene, table)
        first, *others = three.unsqueeze(2).unbind(1)
        normal = torch.linalg.cross(others[0] - first, others[1] - first)
        yield first, normal, (hand * there.all(1))[:, None, None]
