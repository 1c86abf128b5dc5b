"""Melts of chains with tabulated potentials: random walks, push-off, and the melt of Fritz's polystyrene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import unknown
from bmzoo.frames.datasets import random_rotation
from bmzoo.molecules import polystyrene_beads
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.tabulated import Table, TabulatedModel
from bmzoo.simulation.coarse_run import CoarsePreset, CoarseRecipe, CoarseRun, Model, langevin_context
from bmzoo.simulation.kremer_grest_melt import internal_distances
from bmzoo.simulation.melt_reference import Progress
from bmzoo.simulation.tabulated_system import build_tabulated

Floats = NDArray[np.float64]

_SMALL = CoarsePreset(
    n_chains=24,
    splits=(("train", 10), ("test", 5)),
    interval=20.0,
    equilibration=200.0,
    temperature=polystyrene_beads.TEMPERATURE,
    density=12.0166,
    timestep=0.005,
    friction=2.0,
)
"""Beads per nm^3 as in the published melts of this model, 1.039 g/cm3."""
PRESETS = MappingProxyType(
    {
        "tiny": replace(
            _SMALL,
            n_chains=2,
            splits=(("train", 2), ("test", 2)),
            interval=0.12,
            equilibration=0.24,
            tolerance=0.5,
        ),
        "small": _SMALL,
        "paper": replace(
            _SMALL, splits=(("train", 200), ("test", 50)), interval=200.0, equilibration=20_000.0
        ),
    }
)

STAGES, STEPS = 24, 40
STRENGTHS = (0.01, 1.0)
"""Share of the non-bonded potentials at the beginning and at the end of the push-off."""
PUSH_FRICTION, PUSH_TIMESTEP = 10.0, 0.003
TRIALS, REACH = 12, 24
"""Places tried for every bead of a walk, and bonds back to the first bead whose energy counts."""
COPIES, BLOCK = 40, 8
"""Continuations of a walk that are compared, and beads of each."""


@dataclass(frozen=True)
class TabulatedChains:
    """Copies of one chain with tabulated potentials."""

    model: TabulatedModel
    graph: MolecularGraph
    temperature: float

    def system(self, n_chains: int, edge: float) -> Any:
        """OpenMM's."""
        return build_tabulated(self.model, self.graph, n_chains, edge)

    def push_off(self, n_chains: int, edge: float, seed: int, threads: int = 1) -> Floats:
        """Walks whose non-bonded potentials are switched on step by step, ``(n, 3)`` nm, chains whole."""
        rng = np.random.default_rng([seed, 1])
        walks = np.array([draw_chain(self.model, self.graph, self.temperature, rng) for _ in range(n_chains)])
        starts = rng.uniform(0, edge, (n_chains, 1, 3))
        soft = build_tabulated(self.model, self.graph, n_chains, edge, scaled=True)
        context = langevin_context(soft, self.temperature, PUSH_FRICTION, PUSH_TIMESTEP, seed, threads)
        context.setPositions((walks - walks.mean(axis=1, keepdims=True) + starts).reshape(-1, 3))
        context.setVelocitiesToTemperature(self.temperature, seed)
        for strength in np.geomspace(*STRENGTHS, STAGES):
            context.setParameter("strength", strength)
            context.getIntegrator().step(STEPS)
        positions: Floats = context.getState(positions=True).getPositions(asNumpy=True)._value
        return positions


def draw_chain(
    model: TabulatedModel, graph: MolecularGraph, temperature: float, rng: np.random.Generator
) -> Floats:
    """A linear chain ``(n, 3)`` nm, grown bead by bead from its potentials.

    Of ``TRIALS`` places that bonded potentials propose, one is chosen by its Boltzmann weight among the
    non-bonded beads up to ``REACH`` bonds before (Siepmann and Frenkel, Mol. Phys. 75, 59, 1992), and of
    ``COPIES`` continuations by ``BLOCK`` beads one by its Rosenbluth weight: beads chosen one at a time would
    run into dead ends and leave chains too narrow. What is further along the chain is screened in a melt, as
    are attractions, which would make a lone chain collapse.
    """
    growth = _Growth(model, graph, temperature, rng)
    for k in range(1, graph.n_atoms):
        growth.add(k)
        if k % BLOCK == 0:
            growth.choose()
    growth.choose()
    return np.asarray(growth.x[0] @ random_rotation(rng))


class _Growth:
    """Copies of a chain that grow side by side."""

    def __init__(
        self, model: TabulatedModel, graph: MolecularGraph, temperature: float, rng: np.random.Generator
    ) -> None:
        self.model, self.types, self.rng = model, graph.types, rng
        self.beta = 1 / (GAS_CONSTANT * temperature)
        self.x = np.zeros((COPIES, graph.n_atoms, 3))
        self.log_weights = np.zeros(COPIES)
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
        chosen = (
            np.cumsum(weights, axis=1) < self.rng.uniform(size=(COPIES, 1)) * weights.sum(1)[:, None]
        ).sum(1)
        x[:, k] = places[np.arange(COPIES), chosen]

    def choose(self) -> None:
        """Goes on with one copy, by their weights since the last choice."""
        weights = np.exp(self.log_weights - self.log_weights.max())
        self.x[:] = self.x[self.rng.choice(COPIES, p=weights / weights.sum())]
        self.log_weights[:] = 0.0

    def _drawn(self, what: str, start: int) -> Floats:
        """``(COPIES, TRIALS)`` values of the term that begins at a bead, nm or radian."""
        width = {"bonds": 2, "angles": 3, "dihedrals": 4}[what]
        key, sign = self.model.classify(self.types[start : start + width])
        table: Table = getattr(self.model, what)[key]
        grid = table.grid
        if key not in self._sums:
            volume = {"bonds": grid**2, "angles": np.sin(grid)}.get(what, np.ones_like(grid))
            weight = np.maximum(volume, 0) * np.exp(-self.beta * (table.energies - table.energies.min()))
            self._sums[key] = np.cumsum(weight) / weight.sum()
        values = np.interp(self.rng.uniform(size=(COPIES, TRIALS)), self._sums[key], grid)
        return np.asarray(values * (sign if what == "dihedrals" else 1))

    def _energies(self, places: Floats, k: int) -> Floats:
        """``(COPIES, TRIALS)`` kJ/mol with the beads before."""
        energy = np.zeros(places.shape[:2])
        mine = self.model.kind(self.types[k])
        for i in range(max(0, k - REACH), max(0, k - self.model.excluded)):
            a, b = sorted((mine, self.model.kind(self.types[i])))
            energy += np.interp(self._distances(places, i), *self._repulsions[a, b])
        reach = self.model.reach
        if 0 < reach <= k:
            table = self.model.spans[self.model.classify(self.types[k - reach : k + 1])[0]]
            energy += np.interp(self._distances(places, k - reach), table.grid, table.energies)
        return energy

    def _distances(self, places: Floats, i: int) -> Floats:
        return np.asarray(np.linalg.norm(places - self.x[:, i, None], axis=-1))


def repulsive_part(table: Table) -> tuple[Floats, Floats]:
    """Distances to the first minimum, nm, and energies above it, kJ/mol."""
    rising = np.flatnonzero(np.diff(table.energies) >= 0)
    end = int(rising[0]) if len(rising) else len(table.energies) - 1
    return table.grid[: end + 1], table.energies[: end + 1] - table.energies[end]


def _directions(a: Floats, b: Floats, c: Floats, angles: Floats, turns: Floats) -> Floats:
    """``(n, m, 3)`` from c to d with angles b-c-d and dihedrals a-b-c-d, ``(n, m)``; points ``(n, 3)``."""
    along = (c - b) / np.linalg.norm(c - b, axis=-1, keepdims=True)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    beside = np.cross(normal, along)
    across = np.cos(turns)[..., None] * beside[:, None] + np.sin(turns)[..., None] * normal[:, None]
    return np.asarray(-np.cos(angles)[..., None] * along[:, None] + np.sin(angles)[..., None] * across)


def build(
    preset: str,
    output: Path,
    model: TabulatedModel,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    resume: bool = True,
) -> Path:
    """Makes a reference folder of 24 chains of 96 monomers of polystyrene, two beads a monomer, at 496 K.

    Args:
        preset: ``tiny``, ``small`` or ``paper``.
        output: folder to create; see :mod:`bmzoo.systems.reference`.
        model: potentials, as ``bmzoo data invert`` makes them.
        seed: of walks, velocities and thermostat.
        progress: called with the frames done and what is being done.
        resume: go on with what an interrupted build with the same settings left.

    Raises:
        InputError: unknown preset, ``output`` exists, or potentials of other bead types.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, tuple(PRESETS))
    topology = polystyrene_beads.build_topology()
    chains = TabulatedChains(model, topology.graph, PRESETS[preset].temperature)
    made = Model(system=chains.system, pushed=chains.push_off, source=model.source)
    recipe = CoarseRecipe(
        system="fritz",
        preset=preset,
        topology=topology,
        settings=PRESETS[preset],
        make_run=partial(CoarseRun, made),
        describe=describe,
        model=made,
    )
    return recipe.build(output, seed=seed, progress=progress, resume=resume)


def describe(chains: Floats, _boxes: Floats) -> dict[str, Any]:
    """Bonds, size and internal distances of beads, nm.

    Args:
        chains: ``(n_frames, n_chains, n_beads, 3)``.
    """
    bonds = np.linalg.norm(np.diff(chains, axis=2), axis=-1)
    inside = internal_distances(chains)
    halves = [np.sqrt(internal_distances(half)[-1]) for half in np.array_split(chains, 2)]
    return {
        "bond": {"mean": round(float(bonds.mean()), 4), "longest": round(float(bonds.max()), 4)},
        "end_to_end": round(float(np.sqrt(inside[-1])), 4),
        "end_to_end_of_halves": [round(float(r), 4) for r in halves],
        "internal_distances": {
            str(n): round(float(r2 / n), 5)
            for n, r2 in enumerate(inside, start=1)
            if n in (2, 6, 12, 24, 48, 96, 191)
        },
    }
