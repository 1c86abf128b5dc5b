"""Melts of chains with tabulated potentials: random walks, push-off, and the melt of Fritz's polystyrene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules import polystyrene_beads
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.tabulated import TabulatedModel
from bmzoo.simulation.chain_growth import draw_chain
from bmzoo.simulation.coarse_run import CoarsePreset, CoarseRecipe, CoarseRun, Model, langevin_context
from bmzoo.simulation.kremer_grest_melt import internal_distances
from bmzoo.simulation.tabulated_system import build_tabulated

Floats = NDArray[np.float64]

_SMALL = CoarsePreset(
    n_chains=24,
    splits=(("train", 20), ("test", 10)),
    interval=10.0,
    equilibration=100.0,
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
            equilibration=2.4,
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
POOL, SUBSETS, LENGTHS = 4, 1000, 12
"""Walks grown for every chain, choices among them that are compared, and how many distances along them."""


def typical(pool: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Of so many walks ``(m, n_beads, 3)`` n whose mean internal distances are those of all.

    Two dozen chains drawn at random are a tenth too wide or too narrow, and a melt of long chains does not
    forget it in any run that is affordable.
    """
    n_bonds = pool.shape[1] - 1
    apart = np.unique(np.geomspace(1, n_bonds, LENGTHS).astype(int))
    squares = np.stack(
        [((pool[:, k:] - pool[:, :-k]) ** 2).sum(axis=-1).mean(axis=1) for k in apart.tolist()], axis=1
    )
    expected = np.log(squares.mean(axis=0))
    tried = [rng.permutation(len(pool))[:n] for _ in range(SUBSETS)]
    away = [((np.log(squares[chosen].mean(axis=0)) - expected) ** 2).sum() for chosen in tried]
    return pool[tried[int(np.argmin(away))]]


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
        pool = [draw_chain(self.model, self.graph, self.temperature, rng) for _ in range(POOL * n_chains)]
        walks = typical(np.array(pool), n_chains, rng)
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


def recipe(preset: str, model: TabulatedModel) -> CoarseRecipe:
    """A melt of 24 chains of 96 monomers of polystyrene, two beads a monomer, at 496 K.

    Args:
        preset: ``tiny``, ``small`` or ``paper``.
        model: potentials, as ``bmzoo data invert`` makes them.
    """
    topology = polystyrene_beads.build_topology()
    chains = TabulatedChains(model, topology.graph, PRESETS[preset].temperature)
    made = Model(system=chains.system, pushed=chains.push_off, source=model.source)
    return CoarseRecipe(
        system="fritz",
        preset=preset,
        topology=topology,
        settings=PRESETS[preset],
        make_run=partial(CoarseRun, made),
        describe=describe,
        model=made,
    )


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
