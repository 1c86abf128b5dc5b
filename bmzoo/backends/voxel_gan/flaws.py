"""Beads whose atoms cannot be right: after a wrong turn, atoms drawn later cannot make up for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.voxel_gan.template import Template
from bmzoo.frames.periodic import neighbour_pairs
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.covalent import bond_lengths
from bmzoo.molecules.topological import distances

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
STRETCHED = 1.3
"""A bond is broken where it is longer than this times the sum of the covalent radii."""
STRAINED = 8.0
"""Energy of an angle, in kT, that hardly any angle reaches: one in 16,000 at equilibrium."""
TENSE = 3.0
"""The same that few angles reach: one in 70."""
MISSED = 0.05
"""nm by which the centre of a bead's atoms may miss it."""
LOOSE = 0.009
"""nm by which it may miss it at the end."""
CROWDED = 2.0
"""Lennard-Jones energy of two atoms, in kT, that hardly any pair reaches."""

MOST = 4.0
"""What a crowded bead weighs at most: crowding must not be bought with beads that are missed."""
FLAW = 1e3
"""What a flaw weighs, where a bead ``LOOSE`` off, a ``CROWDED`` pair or a kT above ``TENSE`` weigh one."""


class Judgement(NamedTuple):
    """How the molecules of a frame stand.

    Attributes:
        flawed: ``(n_molecules, n_beads)`` beads with what no sweep mends.
        loose: ``(n_molecules, n_beads)`` beads a little off, or with atoms too close to others.
        badness: ``(n_molecules, n_beads)`` above ``FLAW`` for flawed beads, else how far beads are off, how
            tense their angles are and how close their atoms come to others.
    """

    flawed: Bools
    loose: Bools
    badness: Floats


class Flaws:
    """Finds beads with a broken bond, far from their atoms' centre, or at a stereocentre of the wrong hand.

    Heavy atoms alone count, hydrogens at their parents; but for atoms that are too close.
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
            self._stiffness = field.angle_k[among] / (GAS_CONSTANT * kelvin)
        self._heavy = ~template.is_hydrogen
        self._reach = self._reaches(template)
        self._bonded = graph.topological_distances(3).toarray() > 0
        self._apart = _bonds_between(mapping.bonds, template.topology.n_beads)

    def __call__(
        self, beads: Floats, atoms: Floats, box: Floats | None, hydrogens: bool = False
    ) -> Judgement:
        """Of beads ``(n_molecules, n_beads, 3)`` and atoms ``(n_molecules, n_atoms, 3)``, nm.

        With hydrogens at their parents even the reference misses its beads by some thousandths.

        Args:
            hydrogens: whether they are there, and may be too close.
        """
        missed = np.linalg.norm(self._weights @ atoms - beads, axis=-1)
        angles = self._bending(atoms)
        strained = self._of_beads(self._angles.T, ~(angles <= STRAINED))
        flawed = ~(missed <= MISSED) | (strained > 0) | self._broken(atoms)
        crowded = self._crowding(atoms, box, hydrogens)
        tense = self._of_beads(self._angles[:, 1:2].T, np.fmax(angles - TENSE, 0.0))
        off = np.square(missed / LOOSE) + tense
        badness = np.fmin(off, FLAW) + np.fmin(crowded, MOST) + FLAW * flawed
        return Judgement(flawed, (missed > LOOSE) | (crowded > 0), badness)

    def _of_beads(self, atoms: Ints, values: NDArray) -> Floats:
        """``(n_molecules, n_beads)`` sums of ``(n_molecules, n)`` over the owners of atoms ``(m, n)``."""
        sums = np.zeros((len(self._weights), len(values)))
        for ends in atoms:
            np.add.at(sums, self._owners[ends], values.T)
        return sums.T

    def _reaches(self, template: Template) -> Floats:
        """``(n_atoms, n_atoms)`` nm, distances of atoms at which they are crowded; 0: never."""
        field, kelvin = template.topology.force_field, template.topology.temperature
        n = template.n_atoms
        if field is None or kelvin is None:
            return np.zeros((n, n))
        sigma, epsilon = field.mixed(field.sigma, field.epsilon)
        wanted = CROWDED * GAS_CONSTANT * kelvin
        sixth = 0.5 + np.sqrt(0.25 + 0.25 * wanted / np.maximum(epsilon, 1e-9))
        return np.where(epsilon > 0, sigma / sixth ** (1 / 6), 0.0)

    def _crowding(self, atoms: Floats, box: Floats | None, hydrogens: bool) -> Floats:
        """``(n_molecules, n_beads)`` at least one for every pair of atoms that are too close."""
        n_molecules, n = atoms.shape[:2]
        crowded = np.zeros((n_molecules, self._weights.shape[0]))
        reach = self._reach
        counted = reach.any(axis=1) & (hydrogens | self._heavy)
        every = np.flatnonzero(np.tile(counted, n_molecules))
        if not len(every) or not np.isfinite(atoms).all():
            return crowded
        found = neighbour_pairs(atoms.reshape(-1, 3)[every], box, float(reach.max()))
        ends = every[found.first], every[found.second]
        (first, i), (second, j) = (divmod(end, n) for end in ends)
        bonded = (first == second) & ~found.shifts.any(axis=1) & self._bonded[i, j]
        excess = np.where(bonded, 0.0, (reach[i, j] / np.maximum(found.distances, 0.1 * reach.max())) ** 12)
        excess[excess < 1] = 0.0
        np.add.at(crowded, (first, self._owners[i]), excess)
        np.add.at(crowded, (second, self._owners[j]), excess)
        return crowded

    def _bending(self, atoms: Floats) -> Floats:
        """``(n_molecules, n_angles)`` energies of angles, kT."""
        if not len(self._angles):
            return np.zeros((len(atoms), 0))
        i, j, k = self._angles.T
        u, v = atoms[:, i] - atoms[:, j], atoms[:, k] - atoms[:, j]
        lengths = np.linalg.norm(u, axis=-1) * np.linalg.norm(v, axis=-1)
        cosine = (u * v).sum(-1) / np.maximum(lengths, 1e-12)
        bent: Floats = 0.5 * self._stiffness * np.square(np.arccos(cosine.clip(-1, 1)) - self._theta0)
        return bent

    def _broken(self, atoms: Floats) -> Bools:
        """``(n_molecules, n_beads)`` whether a bond is broken or a stereocentre has the wrong hand."""
        i, j = self._bonds.T
        broken = ~(np.linalg.norm(atoms[:, i] - atoms[:, j], axis=-1) <= self._longest)
        x, a, b, c = (atoms[:, column] for column in self._sides.T)
        turned = (np.cross(b - a, c - a) * (x - a)).sum(-1) * self._hands < 0
        found = self._of_beads(self._bonds.T, broken) + self._of_beads(self._sides[:, :1].T, turned)
        return found > 0

    def within(self, bead: int, reach: int) -> Ints:
        """Beads of the molecule that so many bonds or fewer lie between, itself first counted."""
        return np.flatnonzero(self._apart[bead] <= reach)


def _bonds_between(bonds: Ints, n_beads: int) -> Ints:
    """``(n_beads, n_beads)`` least numbers of bonds, ``n_beads`` where there is no way."""
    found = distances(n_beads, bonds, n_beads).toarray()
    found[found == 0] = n_beads
    np.fill_diagonal(found, 0)
    return found
