"""Which side of a stereocentre an atom must be on, mirrored onto it, and hands of another molecule."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.voxel_gan.observation import Observer, Scene
from bmzoo.backends.voxel_gan.template import Template
from bmzoo.representations.channels import atom_classes

SURROUNDINGS = 3
"""Bonds up to which placements must look alike for their hands to be the same."""


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


def hands_of_like(observer: Observer, other: Observer) -> NDArray[np.float32]:
    """``(n_atoms,)`` hands, those of hydrogens as another molecule's like placements have them.

    Networks have met only one numbering of the hydrogens of a CH2 group, that of their reference. Atoms
    without a like placement there, or with several of different hands, keep their own.
    """
    found: dict[tuple[str, int], set[float]] = {}
    for key, hand in zip(_placements(other.template), other.hand.tolist(), strict=True):
        found.setdefault(key, set()).add(hand)
    known = [found.get(key, set()) for key in _placements(observer.template)]
    pairs = zip(known, observer.hand.tolist(), strict=True)
    return np.array([next(iter(k)) if len(k) == 1 else own for k, own in pairs], dtype=np.float32)


def _placements(template: Template) -> list[tuple[str, int]]:
    """Of every atom its surroundings, and its place among those placed about the same three atoms."""
    graph = template.topology.graph
    labels = list(atom_classes(graph))
    for _ in range(SURROUNDINGS):
        around = [",".join(sorted(labels[n] for n in near)) for near in graph.neighbours]
        labels = [f"{own}({others})" for own, others in zip(labels, around, strict=True)]
    places, count = np.zeros(graph.n_atoms, dtype=int), dict[tuple[int, ...], int]()
    for atom in template.order.tolist():
        three = tuple(template.triple[atom].tolist())
        places[atom] = count.get(three, 0)
        count[three] = count.get(three, 0) + 1
    return list(zip(labels, places.tolist(), strict=True))
