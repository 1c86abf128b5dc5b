"""Bonded potentials under which single chains have a target's distributions.

Plain Boltzmann inversion takes dihedrals and the distances that they make for independent. A run of the
melt cannot tell how wrong that is: it is too short to leave the basins that it began in. Chains that are
grown anew for every correction have the shares that the potentials give.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.tabulated import BONDED, Key, Table, TabulatedModel
from bmzoo.simulation.chain_growth import draw_ensemble
from bmzoo.simulation.inversion import correction, inner_terms, measure

Samples = dict[str, dict[Key, NDArray[np.float64]]]

CHAINS = 4000
"""Grown for every correction."""
DAMPING = 0.4
"""Share of each correction: dihedrals and spans tell much the same, and both are corrected."""


def match_bonded(
    model: TabulatedModel,
    graph: MolecularGraph,
    target: Samples,
    temperature: float,
    rng: np.random.Generator,
    *,
    rounds: int,
    skip_ends: int = 0,
) -> TabulatedModel:
    """Corrects angles, dihedrals and spans, ``U + damping kT ln(P / P_target)``; bonds are stiff and stay.

    Args:
        model: to begin with.
        graph: a chain, numbered from end to end.
        target: samples by class, see :func:`samples_of`.
        temperature: K of the target.
        rounds: corrections.
        skip_ends: as in ``target``.

    Raises:
        InputError: a molecule that is no chain.
    """
    kt = GAS_CONSTANT * temperature
    for _ in range(rounds):
        chains = draw_ensemble(model, graph, temperature, CHAINS, rng)
        changed: dict[str, Any] = {}
        for what, found in samples_of(chains, graph, model, skip_ends).items():
            if what != "bonds":
                tables: dict[Key, Table] = getattr(model, what)
                changed[what] = tables | {
                    key: _corrected(tables[key], values, target[what][key], what, kt)
                    for key, values in found.items()
                }
        model = replace(model, **changed)
    return model


def samples_of(
    chains: NDArray[np.floating], graph: MolecularGraph, model: TabulatedModel, skip_ends: int
) -> Samples:
    """Distances and angles of chains ``(n, n_beads, 3)`` by class, of the kinds that a model has."""
    found = {}
    for what in BONDED:
        if getattr(model, what):
            terms = inner_terms(graph, model.mirror, what, skip_ends, model.reach)
            if terms.keys:
                found[what] = measure(chains, terms, what)
    return found


def _corrected(
    table: Table, ours: NDArray[np.float64], theirs: NDArray[np.float64], what: str, kt: float
) -> Table:
    change = DAMPING * kt * correction(ours, theirs, table, what)
    return replace(table, energies=table.energies + np.clip(change, -kt / 2, kt / 2))
