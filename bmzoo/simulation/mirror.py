"""Stereocentres that came out with the wrong hand: found, and mirrored in place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.stereo import branch, hands

Floats = NDArray[np.float64]


class Reflection(NamedTuple):
    """How one centre is mirrored: through ``plane`` (three neighbours); ``arm`` hangs on the fourth."""

    centre: int
    plane: tuple[int, int, int]
    head: int
    arm: tuple[int, ...]


class Mirror:
    """Turns stereocentres that have the wrong hand into their mirror images.

    The centre and its smallest free substituent (the hydrogen, where there is one) are reflected
    through the plane of the other three neighbours: their bonds keep their lengths, and the angles
    behind them are left to the relaxation that follows. A larger substituent moves as a rigid body, so
    that hands inside it stay. A centre whose substituents all close rings with one another stays.
    """

    def __init__(self, graph: MolecularGraph) -> None:
        self._centres = np.zeros((0, 5), dtype=np.int64)
        self._wanted = np.zeros(0, dtype=np.int8)
        if len(graph.chirality) and np.any(graph.chirality):
            fixed = graph.chirality != 0
            self._centres, self._wanted = graph.stereocentres[fixed], graph.chirality[fixed]
        self._reflections = [_reflection(graph, row) for row in self._centres.tolist()]

    def wrong(self, positions: Floats) -> NDArray[np.bool_]:
        """``(n_molecules, n_fixed_centres)`` for ``(n_molecules, n_atoms, 3)`` positions."""
        found: NDArray[np.bool_] = hands(positions, self._centres) * self._wanted < 0
        return found

    def __call__(self, positions: Floats) -> tuple[Floats, int]:
        """Mirrored positions ``(n_molecules, n_atoms, 3)`` nm, and how many centres were turned."""
        wrong = self.wrong(positions)
        if not wrong.any():
            return positions, 0
        x = np.array(positions, dtype=np.float64)
        turned = 0
        for column, reflection in enumerate(self._reflections):
            molecules = np.flatnonzero(wrong[:, column])
            if reflection is not None and len(molecules):
                _reflect(x, molecules, reflection)
                turned += len(molecules)
        return x, turned


def _reflect(x: Floats, molecules: NDArray[np.int64], reflection: Reflection) -> None:
    a, b, c = (x[molecules, atom] for atom in reflection.plane)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)

    def through_plane(point: Floats) -> Floats:
        moved: Floats = -2 * np.einsum("mx,mx->m", point - a, normal)[:, None] * normal
        return moved

    x[molecules, reflection.centre] += through_plane(x[molecules, reflection.centre])
    step = through_plane(x[molecules, reflection.head])
    for atom in reflection.arm:
        x[molecules, atom] += step


def _reflection(graph: MolecularGraph, row: list[int]) -> Reflection | None:
    centre, *near = row
    arms = {head: branch(graph, centre, head) for head in near}
    free = [head for head in near if arms[head].isdisjoint(set(near) - {head})]
    if not free:
        return None
    head = min(free, key=lambda atom: (len(arms[atom]), atom))
    a, b, c = (atom for atom in near if atom != head)
    return Reflection(centre, (a, b, c), head, tuple(sorted(arms[head])))
