"""Putting fragments together: superpose candidates, draw one, join it to what is placed already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.fragments.config import FragmentsConfig
from bmzoo.backends.fragments.groups import Group
from bmzoo.backends.fragments.library import FragmentClass
from bmzoo.backends.fragments.packing import Packing
from bmzoo.backends.projection import BeadProjection
from bmzoo.backends.relaxation import PairRelaxation
from bmzoo.frames.superpose import superpose
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BOND_WEIGHT = 3.0
"""Of bonds against 1-3 distances when fragments are joined; measured on the sps melt."""
CROWDED = 1.0
"""Packing cost above which a fragment is drawn again."""


@dataclass(frozen=True, eq=False)
class Task:
    """One sample of one frame.

    Attributes:
        beads: ``(n_molecules, n_beads, 3)`` nm.
        box: of the frame, or ``None``.
        classes: the library of each group.
        found: for each group ``(n_molecules, n_candidates)`` fragments.
        uniform: ``(n_molecules, n_groups, 1 + sweeps)`` numbers in [0, 1) that choose among candidates.
        rotations: ``(n_molecules, n_groups, 3, 3)`` turn a fragment before it is superposed, where
            beads alone do not say how it is turned.
    """

    beads: Floats
    box: NDArray[np.floating] | None
    classes: Sequence[FragmentClass]
    found: Sequence[Ints]
    uniform: Floats
    rotations: Floats


class Assembly:
    """Places the groups of a molecule one after another, for all molecules at once."""

    def __init__(self, topology: Topology, groups: Sequence[Group], config: FragmentsConfig) -> None:
        self.groups = groups
        self.config = config
        self.n_atoms = topology.n_atoms
        self._pairs, self._sources = _joint_pairs(topology, groups)
        self._project = BeadProjection(topology)
        is_bond = np.arange(len(self._pairs)) < len(topology.graph.bonds)
        self._relax = PairRelaxation(topology, self._pairs, np.where(is_bond, BOND_WEIGHT, 1.0))
        self._joints = _joints(groups, topology.n_atoms)
        self._packing = Packing(topology.graph, groups)

    def __call__(self, task: Task) -> Floats:
        """Atoms ``(n_molecules, n_atoms, 3)`` nm, beads exactly where they were given."""
        atoms = np.zeros((len(task.beads), self.n_atoms, 3))
        fragments = [self._place(number, atoms, task) for number in range(len(self.groups))]
        if len(task.beads) * len(self.groups) > 1:
            for sweep in range(1, self.config.sweeps + 1):
                for number in range(len(self.groups)):
                    self._repack(number, sweep, atoms, fragments[number], task)
        lengths = np.zeros((len(task.beads), len(self._pairs)))
        for fragment, (rows, first, second) in zip(fragments, self._sources, strict=True):
            lengths[:, rows] = np.linalg.norm(fragment[:, first] - fragment[:, second], axis=2)
        atoms = self._project(atoms, task.beads)
        for _ in range(self.config.iterations):
            atoms = self._relax.step(atoms, task.beads, lengths, lengths)
        return atoms

    def _place(self, number: int, atoms: Floats, task: Task) -> Floats:
        """Draws one of the best; gives own atoms and halo, ``(n_molecules, n, 3)`` nm."""
        rows = np.arange(len(atoms))
        candidates, rmsd = self._candidates(number, rows, atoms, self._joints[number], task)
        best = np.argsort(rmsd, axis=1, kind="stable")[:, : self.config.neighbours]
        cost = np.take_along_axis(rmsd, best, axis=1) ** 2 / (2 * self.config.width**2)
        chosen = best[rows, draw(cost, task.uniform[:, number, 0])]
        fragment = candidates[rows, chosen]
        own = self.groups[number].own
        atoms[:, own] = fragment[:, : len(own)]
        return fragment

    def _repack(self, number: int, sweep: int, atoms: Floats, fragment: Floats, task: Task) -> None:
        """Draws crowded fragments again, among all candidates, by fit and packing; changes its arguments."""
        own = self.groups[number].own
        everyone = np.arange(len(atoms))
        now = self._packing(number, atoms[:, None, own], everyone, atoms, task.box)[:, 0]
        rows = np.flatnonzero(now > CROWDED)
        if not len(rows):
            return
        halo = self.groups[number].halo
        joint = (len(own) + np.arange(len(halo)), halo)
        candidates, rmsd = self._candidates(number, rows, atoms, joint, task)
        crowding = self._packing(number, candidates[:, :, : len(own)], rows, atoms, task.box)
        cost = rmsd**2 / (2 * self.config.width**2) + crowding
        fragment[rows] = candidates[np.arange(len(rows)), draw(cost, task.uniform[rows, number, sweep])]
        atoms[rows[:, None], own] = fragment[rows, : len(own)]

    def _candidates(
        self, number: int, rows: Ints, atoms: Floats, joint: tuple[Ints, Ints], task: Task
    ) -> tuple[Floats, Floats]:
        """Candidates superposed on beads and placed atoms, ``(m, c, n, 3)`` nm, and their RMSD, ``(m, c)``.

        Args:
            rows: ``(m,)`` molecules.
            joint: places in the group's atom list, and the atoms, that are placed already.
        """
        group, library, found = self.groups[number], task.classes[number], task.found[number][rows]
        local, placed = joint
        context, content = (array[found].astype(np.float64) for array in (library.beads, library.atoms))
        if len(group.beads) < 3:
            turn = task.rotations[rows, number, None]
            context, content = context @ turn, content @ turn
        mobile = np.concatenate([context, content[:, :, local]], axis=2)
        target = np.concatenate(
            [task.beads[rows[:, None], group.beads], atoms[rows[:, None], placed]], axis=1
        )
        weights = np.ones(mobile.shape[2])
        weights[len(group.beads) :] = self.config.joint_weight
        fit = superpose(mobile, target[:, None], weights)
        return fit(content), fit.rmsd


def draw(cost: Floats, uniform: Floats) -> Ints:
    """Draws a column of each row with probability proportional to ``exp(-cost)``.

    Args:
        cost: ``(m, n)``.
        uniform: ``(m,)`` in [0, 1).

    Returns:
        ``(m,)`` columns.
    """
    cumulative = np.cumsum(np.exp(cost.min(axis=1, keepdims=True) - cost), axis=1)
    place = (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(axis=1)
    chosen: Ints = np.minimum(place, cost.shape[1] - 1)
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
