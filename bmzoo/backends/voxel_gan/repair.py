"""Draws flawed places again, and keeps what became better."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.voxel_gan.flaws import Flaws, Judgement
from bmzoo.backends.voxel_gan.state import State
from bmzoo.backends.voxel_gan.template import Template

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Steps = dict[int, Iterator[tuple[Ints, Ints]]]
REACHES = (1, 2, 3, 4, 5, 6) * 4
"""How far around flawed beads is drawn again, round after round."""
LOOSE_REACHES = {False: (0, 1) * 3, True: (0, 1) * 2}
"""The same for beads that are a little off or crowded: heavy atoms alone, and with hydrogens."""


class Repair:
    """Draws the worst beads and those around them again, region by region.

    Sweeps cannot: they draw bead by bead, and beads on both sides of a broken bond hold each other.
    A region that came out worse goes back to what it was.

    Args:
        place: places what the schedules of some units say.
    """

    def __init__(self, template: Template, place: Callable[[State, Steps], None]) -> None:
        self._place = place
        self._owners = template.owners
        self._flaws = Flaws(template)
        self._drawn = [(template.alone < 0) & (template.is_hydrogen == phase) for phase in (0, 1)]
        self._most = template.config.repairs * int(self._drawn[0].sum())

    def __call__(self, state: State, *, loose: bool = False, hydrogens: bool = False) -> None:
        """Moves atoms of ``state``.

        Args:
            loose: beads that are a little off, or too close to others, are drawn again as well.
            hydrogens: whether they are placed already.
        """
        left = {u: self._most * len(unit.beads) for u, unit in enumerate(state.units)}
        found = self._judged(state, hydrogens)
        for reach in LOOSE_REACHES[hydrogens] if loose else REACHES:
            regions = {}
            for u, now in enumerate(found):
                drawn, around = self._regions(now, reach, loose)
                cost = int(self._of(drawn > 0, 0).sum())
                if 0 < cost <= left[u]:
                    left[u] -= cost
                    regions[u] = drawn, around
            if not regions:
                continue
            old, before = state.atoms(), found
            self._draw(state, regions, hydrogens)
            found = self._judged(state, hydrogens)
            for u, (_, around) in regions.items():
                sums = [np.bincount(around.ravel(), now[u].badness.ravel()) for now in (before, found)]
                worse = sums[1] > sums[0]
                worse[0] = False
                state.move(state.units[u], old[u], worse[around][:, self._owners])
            found = self._judged(state, hydrogens)

    def _judged(self, state: State, hydrogens: bool) -> list[Judgement]:
        units = zip(state.units, state.atoms(), strict=True)
        return [self._flaws(unit.beads, x, unit.around.box, hydrogens) for unit, x in units]

    def _regions(self, now: Judgement, reach: int, loose: bool) -> tuple[Ints, Ints]:
        """``(n_molecules, n_beads)`` numbers of regions, 0 for none: what is drawn, and with neighbours.

        Regions with their neighbours are disjoint; the worst beads come first.
        """
        drawn = np.zeros(now.flawed.shape, dtype=np.int64)
        around = drawn.copy()
        molecules, beads = np.nonzero(now.flawed | (now.loose & loose))
        for k in np.argsort(-now.badness[molecules, beads], kind="stable"):
            molecule, bead = molecules[k], beads[k]
            inside, near = self._flaws.within(bead, reach), self._flaws.within(bead, reach + 1)
            if not around[molecule, near].any():
                drawn[molecule, inside] = around[molecule, near] = around.max() + 1
        return drawn, around

    def _draw(self, state: State, regions: dict[int, tuple[Ints, Ints]], hydrogens: bool) -> None:
        """Heavy atoms, and after them the hydrogens, of neighbours too: they hang on what has moved."""
        units = {u: state.units[u] for u in regions}
        for u, (drawn, _) in regions.items():
            state.show(units[u], self._of(drawn > 0, 0), False)
            state.show(units[u], self._of(drawn >= 0, 1), False)
        self._place(state, {u: units[u].schedule.first_pass(0, regions[u][0] > 0) for u in units})
        if hydrogens:
            for u, (_, around) in regions.items():
                state.show(units[u], self._of(around == 0, 1), True)
            self._place(state, {u: units[u].schedule.sweep(1, regions[u][1] > 0) for u in units})

    def _of(self, beads: Bools, phase: int) -> Bools:
        """``(n_molecules, n_atoms)`` the heavy atoms (phase 0) or hydrogens of some beads."""
        return beads[:, self._owners] & self._drawn[phase]
