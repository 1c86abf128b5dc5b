"""Where the chains of a melt are before it is compressed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.topology import Topology
from bmzoo.simulation.melt_presets import MeltPreset

Floats = NDArray[np.float64]
Conformer = Callable[[np.random.Generator], Floats]
"""Draws a start conformer of one molecule, ``(n_atoms, 3)`` nm."""


def chains_on_lattice(
    topology: Topology, preset: MeltPreset, rng: np.random.Generator, draw: Conformer | None = None
) -> tuple[Floats, Floats]:
    """Randomly turned start conformers, one a cell: positions ``(n, 3)`` and the box."""
    from scipy.spatial.transform import Rotation

    from bmzoo.simulation.polystyrene_chain import draw_chain

    chains = []
    for _ in range(preset.n_chains):
        if draw is None:
            chain = draw_chain(topology.graph, rng, trans_fraction=preset.trans_fraction)
        else:
            chain = draw(rng)
        turned = Rotation.random(random_state=rng).apply(chain)
        chains.append(turned - (turned.max(axis=0) + turned.min(axis=0)) / 2)
    spacing = max(np.ptp(chain, axis=0).max() for chain in chains) + 0.3
    counts = most_cubic(preset.n_chains)
    cells = np.stack(np.unravel_index(rng.permutation(int(np.prod(counts)))[: len(chains)], counts), axis=1)
    origins = (cells + 0.5) * spacing
    return np.concatenate(np.array(chains) + origins[:, None]), np.diag(np.array(counts) * spacing)


def most_cubic(n: int) -> tuple[int, int, int]:
    """The most cubic lattice with at least ``n`` cells."""
    edge = int(np.ceil(np.cbrt(n)))
    options = [(a, b, c) for a in range(1, edge + 1) for b in range(a, edge + 1) for c in range(b, edge + 2)]
    return min((o for o in options if np.prod(o) >= n), key=lambda o: (np.prod(o), max(o)))
