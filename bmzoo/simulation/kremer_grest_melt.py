"""Reference melts of the Kremer-Grest model; see :func:`recipe`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.periodic import neighbour_pairs
from bmzoo.molecules.beads import chain_graph, identity_mapping
from bmzoo.molecules.topology import Topology
from bmzoo.simulation import kremer_grest
from bmzoo.simulation.coarse_run import CoarsePreset, CoarseRecipe, CoarseRun, Model, langevin_context

Floats = NDArray[np.float64]

LENGTH = 32
"""Beads of a chain."""

_SMALL = CoarsePreset(
    n_chains=24,
    splits=(("test", 24),),
    interval=100.0,
    equilibration=1500.0,
    temperature=kremer_grest.TEMPERATURE,
    density=kremer_grest.DENSITY,
    timestep=0.01,
    friction=0.5,
)
PRESETS = MappingProxyType(
    {
        "tiny": replace(
            _SMALL, n_chains=6, splits=(("test", 2),), interval=1.0, equilibration=1.0, tolerance=0.3
        ),
        "small": _SMALL,
        "paper": replace(_SMALL, splits=(("test", 400),), interval=300.0, equilibration=20_000.0),
    }
)
"""Times in tau. A chain of 32 beads forgets its end-to-end vector within a few thousand."""

PUSH_STEPS, PUSH_STAGES, PUSH_FRICTION, PUSH_TIMESTEP = 100, 30, 5.0, 0.005
CAPS = (1.1, 0.8)
"""sigma: distance below which the repulsion's force does not grow, at the beginning and at the end."""
CLOSEST, LONGEST = 0.7, 1.3
"""sigma: no pair of beads is nearer in a sound melt, and no bond longer."""


def build_topology() -> Topology:
    """A chain of 32 beads of mass 1, each its own bead."""
    graph = chain_graph("KG", ("K",) * LENGTH, 1.0)
    return Topology(graph, identity_mapping(graph), None, kremer_grest.TEMPERATURE)


def recipe(preset: str) -> CoarseRecipe:
    """Random walks, push-off, equilibration, production at constant volume.

    Args:
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
    """
    model = Model(
        system=lambda n_chains, edge: kremer_grest.build_system(n_chains, LENGTH, edge),
        pushed=push_off,
        source="Kremer and Grest, J. Chem. Phys. 92, 5057 (1990), with bending "
        f"{kremer_grest.BENDING} kT (1 - cos theta); sigma = 1 nm, epsilon = 1 kJ/mol = kT, tau = 1 ps",
    )
    return CoarseRecipe(
        system="kg",
        preset=preset,
        topology=build_topology(),
        settings=PRESETS[preset],
        make_run=partial(CoarseRun, model),
        describe=describe,
        state="melt",
        model=model,
    )


def push_off(n_chains: int, edge: float, seed: int, threads: int = 1) -> Floats:
    """A melt without overlaps from random walks: the repulsion's cap is lowered step by step.

    The slow push-off of Auhl et al., J. Chem. Phys. 119, 12718 (2003).

    Returns:
        ``(n_chains * 32, 3)`` sigma, chains whole.
    """
    rng = np.random.default_rng([seed, 1])
    soft = kremer_grest.build_system(n_chains, LENGTH, edge, soft=True)
    context = langevin_context(soft, kremer_grest.TEMPERATURE, PUSH_FRICTION, PUSH_TIMESTEP, seed, threads)
    context.setPositions(kremer_grest.draw_chains(n_chains, LENGTH, edge, rng))
    context.setVelocitiesToTemperature(kremer_grest.TEMPERATURE, seed)
    for cap in np.linspace(*CAPS, PUSH_STAGES):
        context.setParameter("cap", cap)
        context.getIntegrator().step(PUSH_STEPS)
    positions: Floats = context.getState(positions=True).getPositions(asNumpy=True)._value
    # the real springs and repulsion, at first with so much friction that no heat of theirs is left
    hard = kremer_grest.build_system(n_chains, LENGTH, edge)
    context = langevin_context(
        hard, kremer_grest.TEMPERATURE, PUSH_FRICTION, PUSH_TIMESTEP / 5, seed, threads
    )
    context.setPositions(positions)
    context.setVelocitiesToTemperature(kremer_grest.TEMPERATURE, seed)
    context.getIntegrator().step(5 * PUSH_STEPS)
    settled: Floats = context.getState(positions=True).getPositions(asNumpy=True)._value
    return settled


def describe(chains: Floats, boxes: Floats) -> dict[str, Any]:
    """Bonds, size, internal distances and the nearest pair, in sigma.

    Args:
        chains: ``(n_frames, n_chains, n_beads, 3)``.

    Raises:
        InputError: beads inside one another, or a bond that is about to break.
    """
    bonds = np.linalg.norm(np.diff(chains, axis=2), axis=-1)
    nearest = min(
        float(neighbour_pairs(frame.reshape(-1, 3), box, 1.0).distances.min())
        for frame, box in zip(chains, boxes, strict=True)
    )
    if nearest < CLOSEST or bonds.max() > LONGEST:
        raise InputError(
            f"the melt is not sound: nearest beads {nearest:.2f} sigma apart, longest bond "
            f"{bonds.max():.2f} sigma; build it with another --seed"
        )
    return {
        "bond": {"mean": round(float(bonds.mean()), 4), "longest": round(float(bonds.max()), 4)},
        "nearest_pair": round(nearest, 4),
        "end_to_end": round(float(np.sqrt(internal_distances(chains)[-1])), 4),
        "end_to_end_of_halves": [
            round(float(np.sqrt(internal_distances(half)[-1])), 4) for half in np.array_split(chains, 2)
        ],
        "internal_distances": {
            str(n): round(float(r2 / n), 4)
            for n, r2 in enumerate(internal_distances(chains), start=1)
            if n in (1, 2, 4, 8, 16, 31)
        },
    }


def internal_distances(chains: NDArray[np.floating]) -> Floats:
    """``(n_beads - 1,)`` mean squared distances of beads 1, 2, ... bonds apart, ``(..., n_beads, 3)``."""
    x = np.asarray(chains, dtype=np.float64)
    return np.array(
        [((x[..., n:, :] - x[..., :-n, :]) ** 2).sum(axis=-1).mean() for n in range(1, x.shape[-2])]
    )
