"""How badly atoms overlap with what is around them; fragments that fit the beads alike differ in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bmzoo.backends.fragments.groups import Group
from bmzoo.frames.lattice import perpendicular_widths, wrap
from bmzoo.molecules.graph import MolecularGraph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RADII = {
    "H": 0.11, "C": 0.17, "N": 0.155, "O": 0.152, "F": 0.147, "Si": 0.21, "P": 0.18, "S": 0.18,
    "Cl": 0.175, "Br": 0.185, "I": 0.198,
}  # fmt: skip
"""van der Waals radii, nm: Bondi, J. Phys. Chem. 68, 441 (1964); hydrogen: Rowland and Taylor (1996)."""
OTHER_RADIUS = 0.18
TOLERANCE = 0.03
"""nm; van der Waals spheres overlap by this much in any liquid."""
SOFTNESS = 0.01
"""nm; an overlap beyond the tolerance by x costs x^2 / (2 softness^2)."""


class Packing:
    """Costs of overlaps between the atoms of a group and all other atoms but bonded neighbours."""

    def __init__(self, graph: MolecularGraph, groups: Sequence[Group]) -> None:
        self._radii = np.array([RADII.get(element, OTHER_RADIUS) for element in graph.elements])
        self._own = [group.own for group in groups]
        near = graph.topological_distances(3).tocsr()
        self._excluded = []
        for own in self._own:
            excluded = near[own].toarray() > 0
            excluded[:, own] = True
            self._excluded.append(excluded)
        self._reach = 2 * self._radii.max() - TOLERANCE

    def __call__(
        self, number: int, candidates: Floats, rows: Ints, atoms: Floats, box: NDArray[np.floating] | None
    ) -> Floats:
        """Costs without unit, zero where nothing overlaps.

        Args:
            number: of the group.
            candidates: ``(m, n_candidates, n_own, 3)`` nm.
            rows: ``(m,)`` molecules that the candidates are for.
            atoms: ``(n_molecules, n_atoms, 3)`` nm, all that is placed.
            box: of the frame.

        Returns:
            ``(m, n_candidates)``.
        """
        count, per_row, n_own, _ = candidates.shape
        first, second, distances = _contacts(
            candidates.reshape(-1, 3), atoms.reshape(-1, 3), box, self._reach
        )
        candidate, own = np.divmod(first, n_own)
        molecule, atom = np.divmod(second, atoms.shape[1])
        bonded = (molecule == rows[candidate // per_row]) & self._excluded[number][own, atom]
        contact = self._radii[self._own[number]][own] + self._radii[atom] - TOLERANCE
        excess = np.maximum(contact - distances, 0.0) * ~bonded
        weights = excess**2 / (2 * SOFTNESS**2)
        costs = np.bincount(candidate, weights=weights, minlength=count * per_row)
        return np.asarray(costs, dtype=np.float64).reshape(count, per_row)


def _contacts(
    points: Floats, atoms: Floats, box: NDArray[np.floating] | None, reach: float
) -> tuple[Ints, Ints, Floats]:
    """Points and atoms closer than ``reach``, with their distances, in any image of the atoms.

    Candidates lie on top of one another, so that a neighbour list of everything would be full of
    pairs among them; here only pairs of a point and an atom are looked for.
    """
    numbers = np.arange(len(atoms))
    if box is not None:
        rows = np.asarray(box, dtype=np.float64)
        points, atoms = wrap(points, rows), wrap(atoms, rows)
        margin = reach / perpendicular_widths(rows)
        fractions = atoms @ np.linalg.inv(rows)
        images, sources = [], []
        most = np.ceil(margin).astype(int)
        for shift in np.ndindex(*(2 * most + 1)):
            step = np.array(shift) - most
            kept = ((fractions + step > -margin) & (fractions + step < 1 + margin)).all(axis=1)
            images.append(atoms[kept] + step @ rows)
            sources.append(numbers[kept])
        atoms, numbers = np.concatenate(images), np.concatenate(sources)
    found = cKDTree(points).sparse_distance_matrix(cKDTree(atoms), reach, output_type="ndarray")
    return found["i"], numbers[found["j"]], found["v"]
