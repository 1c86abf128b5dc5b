"""Which hydrogen of a group is which."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.graph import MolecularGraph

Real = TypeVar("Real", bound=np.floating)


class HydrogenLabels:
    """Exchanges hydrogens so that those of every CH2, CH3, NH3 and the like are numbered in one hand.

    No dynamics turns the hand of such a group, so that each run keeps the one that it was built with:
    two runs of one molecule may differ in it, which is no difference between structures.
    """

    def __init__(self, graph: MolecularGraph) -> None:
        hydrogen = graph.is_hydrogen
        rows, pairs = [], []
        for near in graph.neighbours:
            hydrogens = [atom for atom in near if hydrogen[atom]]
            if len(near) == 4 and len(hydrogens) > 1:
                rows.append(sorted(near))
                pairs.append(hydrogens[-2:])
        self._groups = np.array(rows, dtype=np.int64).reshape(-1, 4)
        self._pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)

    def __call__(self, positions: NDArray[Real]) -> NDArray[Real]:
        """``(..., n_atoms, 3)``, molecules whole; a copy where something is exchanged."""
        a, b, c, d = (positions[..., column, :] for column in self._groups.T)
        wrong = (np.cross(b - a, c - a) * (d - a)).sum(-1) < 0
        if not wrong.any():
            return positions
        found = positions.copy()
        for one, other in (self._pairs.T, self._pairs.T[::-1]):
            found[..., one, :] = np.where(wrong[..., None], positions[..., other, :], positions[..., one, :])
        return found
