"""Beads whose atoms cannot be right: after a wrong turn, atoms drawn later cannot make up for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.voxel_gan.template import Template
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.covalent import bond_lengths

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
STRETCHED = 1.3
"""A bond is broken where it is longer than this times the sum of the covalent radii."""
STRAINED = 8.0
"""Energy of an angle, in kT, that hardly any angle reaches: one in 16,000 at equilibrium."""
MISSED = 0.05
"""nm by which the centre of a bead's atoms may miss it."""
LOOSE = 0.011
"""nm by which it may miss it where a molecule has no other flaws."""


class Flaws:
    """Finds beads with a broken bond, far from their atoms' centre, or at a stereocentre of the wrong hand.

    Heavy atoms alone count, hydrogens at their parents.
    """

    def __init__(self, template: Template) -> None:
        graph, mapping = template.topology.graph, template.topology.mapping
        heavy = ~template.is_hydrogen[graph.bonds].any(axis=1)
        self._bonds = graph.bonds[heavy]
        self._longest = STRETCHED * bond_lengths(graph)[heavy]
        self._owners = template.owners
        self._weights = template.weights / np.maximum(template.weights.sum(axis=1, keepdims=True), 1e-9)
        rows = np.argwhere(template.side_hand != 0)
        self._sides = np.concatenate([rows[:, :1], template.sides[rows[:, 0], rows[:, 1]]], axis=1)
        self._hands = template.side_hand[rows[:, 0], rows[:, 1]]
        field, kelvin = template.topology.force_field, template.topology.temperature
        self._angles = np.empty((0, 3), dtype=np.int64)
        if field is not None and kelvin is not None:
            among = ~template.is_hydrogen[field.angles].any(axis=1) & (field.angle_k > 0)
            self._angles, self._theta0 = field.angles[among], field.angle_theta0[among]
            self._bend = np.sqrt(2 * STRAINED * GAS_CONSTANT * kelvin / field.angle_k[among])
        self._joined = np.eye(template.topology.n_beads, dtype=bool)
        i, j = mapping.bonds.T
        self._joined[i, j] = self._joined[j, i] = True

    def __call__(self, beads: Floats, atoms: Floats) -> Bools:
        """``(n_molecules, n_beads)`` from beads and ``(n_molecules, n_atoms, 3)`` atoms, nm."""
        flawed: Bools = ~(self.missed(beads, atoms) <= MISSED)
        i, j = self._bonds.T
        broken = ~(np.linalg.norm(atoms[:, i] - atoms[:, j], axis=-1) <= self._longest)
        for ends in (i, j):
            molecules, rows = np.nonzero(broken)
            flawed[molecules, self._owners[ends[rows]]] = True
        if len(self._angles):
            i, j, k = self._angles.T
            u, v = atoms[:, i] - atoms[:, j], atoms[:, k] - atoms[:, j]
            lengths = np.linalg.norm(u, axis=-1) * np.linalg.norm(v, axis=-1)
            cosine = (u * v).sum(-1) / np.maximum(lengths, 1e-12)
            bent = ~(np.abs(np.arccos(cosine.clip(-1, 1)) - self._theta0) <= self._bend)
            molecules, rows = np.nonzero(bent)
            for ends in (i, j, k):
                flawed[molecules, self._owners[ends[rows]]] = True
        x, a, b, c = (atoms[:, column] for column in self._sides.T)
        turned = (np.cross(b - a, c - a) * (x - a)).sum(-1) * self._hands < 0
        molecules, rows = np.nonzero(turned)
        flawed[molecules, self._owners[self._sides[rows, 0]]] = True
        return flawed

    def missed(self, beads: Floats, atoms: Floats) -> Floats:
        """``(n_molecules, n_beads)`` nm, how far the centres of heavy atoms are off.

        Hydrogens count at their parents, so even the reference is off by some thousandths.
        """
        off: Floats = np.linalg.norm(self._weights @ atoms - beads, axis=-1)
        return off

    def widened(self, flawed: Bools, reach: int) -> Bools:
        """With the beads of the molecule that so many bonds or fewer lie between."""
        for _ in range(reach):
            flawed = flawed @ self._joined
        return flawed
