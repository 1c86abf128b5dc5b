"""Putting fragments together: superpose candidates, draw one, join it to what is placed already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.fragments.config import FragmentsConfig
from bmzoo.backends.fragments.groups import Group
from bmzoo.backends.fragments.library import FragmentClass
from bmzoo.backends.projection import BeadProjection
from bmzoo.backends.relaxation import PairRelaxation
from bmzoo.frames.superpose import superpose
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BOND_WEIGHT = 3.0
"""Of bonds against 1-3 distances when fragments are joined; measured on the sps melt."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Random numbers of all molecules of one sample.

    Attributes:
        uniform: ``(n_molecules, n_groups)`` choose among candidates.
        rotations: ``(n_molecules, n_groups, 3, 3)`` turn a fragment before it is superposed,
            where beads alone do not say how it is turned.
    """

    uniform: Floats
    rotations: Floats


class Assembly:
    """Places the groups of a molecule one after another, for all molecules at once."""

    def __init__(self, topology: Topology, groups: Sequence[Group], config: FragmentsConfig) -> None:
        self.groups = groups
        self.config = config
        self.n_atoms = topology.n_atoms
        self._pairs, self._sources = _joint_pairs(topology, groups)
        is_bond = np.arange(len(self._pairs)) < len(topology.graph.bonds)
        self._project = BeadProjection(topology)
        self._relax = PairRelaxation(topology, self._pairs, np.where(is_bond, BOND_WEIGHT, 1.0))
        self._joints = _joints(groups, topology.n_atoms)

    def __call__(
        self, beads: Floats, classes: Sequence[FragmentClass], found: Sequence[Ints], draws: Draws
    ) -> Floats:
        """Atoms ``(n_molecules, n_atoms, 3)`` nm, beads exactly where they were given.

        Args:
            beads: ``(n_molecules, n_beads, 3)`` nm.
            classes: of each group.
            found: ``(n_molecules, n_candidates)`` fragments for each group.
            draws: random numbers.
        """
        atoms = np.zeros((len(beads), self.n_atoms, 3))
        lengths = np.zeros((len(beads), len(self._pairs)))
        for number, group in enumerate(self.groups):
            fragment = self._place(number, atoms, beads, classes[number], found[number], draws)
            atoms[:, group.own] = fragment[:, : len(group.own)]
            rows, first, second = self._sources[number]
            lengths[:, rows] = np.linalg.norm(fragment[:, first] - fragment[:, second], axis=2)
        atoms = self._project(atoms, beads)
        for _ in range(self.config.iterations):
            atoms = self._relax.step(atoms, beads, lengths, lengths)
        return atoms

    def _place(
        self,
        number: int,
        atoms: Floats,
        beads: Floats,
        library: FragmentClass,
        found: Ints,
        draws: Draws,
    ) -> Floats:
        """The drawn fragment, own atoms and halo, superposed: ``(n_molecules, n, 3)``."""
        group = self.groups[number]
        local, placed = self._joints[number]
        context, content = (array[found].astype(np.float64) for array in (library.beads, library.atoms))
        if len(group.beads) < 3:
            turn = draws.rotations[:, number, None]
            context, content = context @ turn, content @ turn
        mobile = np.concatenate([context, content[:, :, local]], axis=2)
        target = np.concatenate([beads[:, group.beads], atoms[:, placed]], axis=1)[:, None]
        weights = np.ones(mobile.shape[2])
        weights[len(group.beads) :] = self.config.joint_weight
        fit = superpose(mobile, target, weights)
        chosen = draw(fit.rmsd, draws.uniform[:, number], self.config.neighbours, self.config.width)
        rows = np.arange(len(atoms))
        placed_atoms: Floats = content[rows, chosen] @ fit.rotation[rows, chosen]
        return placed_atoms + fit.translation[rows, chosen][:, None]


def draw(rmsd: Floats, uniform: Floats, neighbours: int, width: float) -> Ints:
    """Draws one of the best candidates of each row, a better one more often.

    Weights are ``exp(-(d^2 - d_min^2) / (2 width^2))`` for the ``neighbours`` smallest d.

    Args:
        rmsd: ``(m, n)`` nm.
        uniform: ``(m,)`` in [0, 1).

    Returns:
        ``(m,)`` columns.
    """
    order = np.argsort(rmsd, axis=1, kind="stable")[:, :neighbours]
    squares = np.take_along_axis(rmsd, order, axis=1) ** 2
    weights = np.exp(-(squares - squares[:, :1]) / (2 * width**2))
    cumulative = np.cumsum(weights, axis=1)
    place = (cumulative < uniform[:, None] * cumulative[:, -1:]).sum(axis=1)
    chosen: Ints = np.take_along_axis(order, np.minimum(place, order.shape[1] - 1)[:, None], axis=1)[:, 0]
    return chosen


def _joints(groups: Sequence[Group], n_atoms: int) -> list[tuple[Ints, Ints]]:
    """For each group: places in its atom list, and the atoms, of its halo that are placed before it."""
    placed = np.zeros(n_atoms, dtype=bool)
    joints = []
    for group in groups:
        before = placed[group.halo]
        joints.append((len(group.own) + np.flatnonzero(before), group.halo[before]))
        placed[group.own] = True
    return joints


def _joint_pairs(topology: Topology, groups: Sequence[Group]) -> tuple[Ints, list[tuple[Ints, Ints, Ints]]]:
    """Bonded and 1-3 pairs, and which group says how long each should be.

    The group that owns the middle atom of an angle, or the first atom of a bond, has the whole
    term in its own atoms and halo.

    Returns:
        ``(n_pairs, 2)`` atoms; and for each group the rows that it decides, with the places of
        both atoms in its atom list.
    """
    graph = topology.graph
    pairs = np.concatenate([graph.bonds, graph.angles[:, ::2]])
    middles = np.concatenate([graph.bonds[:, 0], graph.angles[:, 1]])
    sources = []
    for group in groups:
        place = np.full(topology.n_atoms, -1, dtype=np.int64)
        place[group.atoms] = np.arange(len(group.atoms))
        rows = np.flatnonzero(np.isin(middles, group.own))
        sources.append((rows, place[pairs[rows, 0]], place[pairs[rows, 1]]))
    return pairs, sources
