"""From atoms scattered around their beads to a molecule: bonds, angles, hands; beads held exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.geometric.chemistry import ideal_pairs
from bmzoo.backends.relaxation import PairRelaxation
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.mirror import Mirror

Floats = NDArray[np.float64]

SPREAD = 0.03
"""nm; width of the first scatter in the fourth dimension."""
FOLD = 0.4
"""Share of the iterations that still have the fourth dimension."""
MIRROR_EVERY = 10


class Embedding:
    """Distance geometry with held beads (after Crippen and Havel, 1988).

    Distances come from covalent radii and ideal angles. A fourth dimension, pressed flat
    on the way, lets atoms pass one another; then every stereocentre of the wrong hand is mirrored.
    """

    def __init__(self, topology: Topology) -> None:
        graph = topology.graph
        pairs = ideal_pairs(graph)
        self._low, self._high = pairs.low, pairs.high
        self._relaxation = PairRelaxation(topology, pairs.atoms, pairs.weights)
        self._mirror = Mirror(graph)

    def __call__(self, atoms: Floats, beads: Floats, lift: Floats, iterations: int) -> Floats:
        """Molecules with sensible geometry.

        Args:
            atoms: ``(n_molecules, n_atoms, 3)`` nm, the first placement.
            beads: ``(n_molecules, n_beads, 3)`` nm.
            lift: ``(n_molecules, n_atoms)`` standard normal numbers for the fourth dimension.
            iterations: of the relaxation.

        Returns:
            ``(n_molecules, n_atoms, 3)`` nm; the beads are exactly where they were.
        """
        n_lifted = int(FOLD * iterations)
        high = np.concatenate([atoms, SPREAD * lift[:, :, None]], axis=2)
        flat_beads = np.concatenate([beads, np.zeros((*beads.shape[:2], 1))], axis=2)
        for iteration in range(n_lifted):
            high = self._relaxation.step(high, flat_beads, self._low, self._high)
            high[:, :, 3] *= 1.0 - (iteration / n_lifted) ** 2
        atoms = np.ascontiguousarray(high[:, :, :3])
        for iteration in range(iterations - n_lifted):
            if iteration % MIRROR_EVERY == 0 and iteration < iterations - n_lifted - MIRROR_EVERY:
                atoms, _ = self._mirror(atoms)
            atoms = self._relaxation.step(atoms, beads, self._low, self._high)
        return atoms
