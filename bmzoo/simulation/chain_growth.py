"""Linear chains grown bead by bead from tabulated potentials.

A bead is placed by what bonded potentials propose and by its energy among the beads before (Siepmann and
Frenkel, Mol. Phys. 75, 59, 1992); chains grow side by side and are chosen by their weights, so that a place
that has no good continuation does not survive (Grassberger, Comput. Phys. Commun. 147, 64, 2002). No barrier
keeps such chains from any conformation, as it keeps molecular dynamics.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.datasets import random_rotation
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.tabulated import Table, TabulatedModel

Floats = NDArray[np.float64]

TRIALS, REACH = 12, 24
"""Places tried for every bead, and bonds back to the first bead whose energy counts. What is further along
the chain is screened in a melt, as are attractions, which would make a lone chain collapse."""
COPIES, BLOCK = 40, 8
"""Continuations of a single walk that are compared, and beads of each."""


def draw_chain(
    model: TabulatedModel, graph: MolecularGraph, temperature: float, rng: np.random.Generator
) -> Floats:
    """A linear chain ``(n, 3)`` nm, turned at random.

    Of ``COPIES`` continuations by ``BLOCK`` beads one is chosen by its weight: beads chosen one at a time
    would run into dead ends and leave chains too narrow.
    """
    growth = _Growth(model, graph, temperature, COPIES, rng)
    for k in range(1, graph.n_atoms):
        growth.add(k)
        if k % BLOCK == 0:
            growth.choose()
    growth.choose()
    return np.asarray(growth.x[0] @ random_rotation(rng))


def draw_ensemble(
    model: TabulatedModel, graph: MolecularGraph, temperature: float, n: int, rng: np.random.Generator
) -> Floats:
    """So many chains ``(n, n_beads, 3)`` nm with the distribution of the potentials, for averages.

    They grow together and are drawn anew by their weights, so that some begin alike: what is near the end
    of a chain is sampled best.

    Raises:
        InputError: a molecule that is no chain numbered from end to end, a class of terms without a table.
    """
    if not is_chain(graph):
        raise InputError(f"{graph.name} is no chain numbered from end to end; it cannot be grown")
    growth = _Growth(model, graph, temperature, n, rng)
    for k in range(1, graph.n_atoms):
        growth.add(k)
        growth.redraw(force=k == graph.n_atoms - 1)
    return growth.x


def is_chain(graph: MolecularGraph) -> bool:
    """Whether every bead is bonded to the next one, and there are no other bonds."""
    n = graph.n_atoms
    expected = np.column_stack([np.arange(n - 1), np.arange(1, n)])
    return graph.bonds.shape == expected.shape and bool((graph.bonds == expected).all())


def repulsive_part(table: Table) -> tuple[Floats, Floats]:
    """Distances to the first minimum, nm, and energies above it, kJ/mol."""
    rising = np.flatnonzero(np.diff(table.energies) >= 0)
    end = int(rising[0]) if len(rising) else len(table.energies) - 1
    return table.grid[: end + 1], table.energies[: end + 1] - table.energies[end]


class _Growth:
    """Copies of a chain that grow side by side."""

    def __init__(
        self,
        model: TabulatedModel,
        graph: MolecularGraph,
        temperature: float,
        copies: int,
        rng: np.random.Generator,
    ) -> None:
        self.model, self.types, self.rng = model, graph.types, rng
        self.beta = 1 / (GAS_CONSTANT * temperature)
        self.copies = copies
        self.x = np.zeros((copies, graph.n_atoms, 3))
        self.log_weights = np.zeros(copies)
        self._sums: dict[tuple[str, ...], Floats] = {}
        self._repulsions = {key: repulsive_part(table) for key, table in model.pairs.items()}

    def add(self, k: int) -> None:
        """Places bead k of every copy."""
        x = self.x
        lengths = self._drawn("bonds", k - 1)
        if k == 1:
            x[:, 1, 0] = lengths[:, 0]
            return
        angles = self._drawn("angles", k - 2)
        turns = self._drawn("dihedrals", k - 3) if k > 2 else np.zeros_like(angles)
        before = x[:, k - 3] if k > 2 else x[:, 0] + [0.0, 1.0, 0.0]
        along = _directions(before, x[:, k - 2], x[:, k - 1], angles, turns)
        places = x[:, k - 1, None] + lengths[..., None] * along
        energies = -self.beta * self._energies(places, k)
        best = energies.max(axis=1, keepdims=True)
        weights = np.exp(energies - best)
        self.log_weights += best[:, 0] + np.log(weights.mean(axis=1))
        drawn = self.rng.uniform(size=(self.copies, 1)) * weights.sum(1)[:, None]
        chosen = (np.cumsum(weights, axis=1) < drawn).sum(1)
        x[:, k] = places[np.arange(self.copies), chosen]

    def choose(self) -> None:
        """Goes on with one copy, by their weights since the last choice."""
        self.x[:] = self.x[self.rng.choice(self.copies, p=self._shares())]
        self.log_weights[:] = 0.0

    def redraw(self, *, force: bool = False) -> None:
        """Copies by their weights, evenly spaced in their sum, once half of them count for little."""
        shares = self._shares()
        if not force and 1 / (shares**2).sum() > self.copies / 2:
            return
        places = (np.arange(self.copies) + self.rng.uniform()) / self.copies
        self.x = self.x[np.minimum(np.searchsorted(np.cumsum(shares), places), self.copies - 1)]
        self.log_weights[:] = 0.0

    def _shares(self) -> Floats:
        weights = np.exp(self.log_weights - self.log_weights.max())
        return np.asarray(weights / weights.sum())

    def _drawn(self, what: str, start: int) -> Floats:
        """``(copies, TRIALS)`` values of the term that begins at a bead, nm or radian."""
        width = {"bonds": 2, "angles": 3, "dihedrals": 4}[what]
        key, sign = self.model.classify(self.types[start : start + width])
        table = self.model.table(what, key)
        grid = table.grid
        if key not in self._sums:
            volume = {"bonds": grid**2, "angles": np.sin(grid)}.get(what, np.ones_like(grid))
            weight = np.maximum(volume, 0) * np.exp(-self.beta * (table.energies - table.energies.min()))
            between = (weight[1:] + weight[:-1]) / 2
            self._sums[key] = np.concatenate([[0.0], np.cumsum(between)]) / between.sum()
        values = np.interp(self.rng.uniform(size=(self.copies, TRIALS)), self._sums[key], grid)
        return np.asarray(values * (sign if what == "dihedrals" else 1))

    def _energies(self, places: Floats, k: int) -> Floats:
        """``(copies, TRIALS)`` kJ/mol with the beads before."""
        energy = np.zeros(places.shape[:2])
        mine = self.model.kind(self.types[k])
        for i in range(max(0, k - REACH), max(0, k - self.model.excluded)):
            a, b = sorted((mine, self.model.kind(self.types[i])))
            energy += np.interp(self._distances(places, i), *self._repulsions[a, b])
        reach = self.model.reach
        if 0 < reach <= k:
            table = self.model.table("spans", self.model.classify(self.types[k - reach : k + 1])[0])
            energy += np.interp(self._distances(places, k - reach), table.grid, table.energies)
        return energy

    def _distances(self, places: Floats, i: int) -> Floats:
        return np.asarray(np.linalg.norm(places - self.x[:, i, None], axis=-1))


def _directions(a: Floats, b: Floats, c: Floats, angles: Floats, turns: Floats) -> Floats:
    """``(n, m, 3)`` from c to d with angles b-c-d and dihedrals a-b-c-d, ``(n, m)``; points ``(n, 3)``."""
    along = (c - b) / np.linalg.norm(c - b, axis=-1, keepdims=True)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    beside = np.cross(normal, along)
    across = np.cos(turns)[..., None] * beside[:, None] + np.sin(turns)[..., None] * normal[:, None]
    return np.asarray(-np.cos(angles)[..., None] * along[:, None] + np.sin(angles)[..., None] * across)
