"""Atoms put onto their beads, and constrained bonds to their lengths, after a frame is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.projection import BeadProjection, BondProjection
from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]


def bead_spread(topology: Topology) -> Floats:
    """``(n_atoms, n_beads)``: how far atoms move along with a bead in a :class:`BeadProjection`.

    Raises:
        InputError: two beads made of the same atoms.
    """
    unit = np.zeros((topology.n_beads, topology.n_beads, 3))
    unit[..., 0] = np.eye(topology.n_beads)
    atoms = np.zeros((topology.n_beads, topology.n_atoms, 3))
    return np.ascontiguousarray(BeadProjection(topology)(atoms, unit)[..., 0].T)


class Holder:
    """What is exact in every frame that is drawn."""

    def __init__(self, topology: Topology, config: TemporalCVAEConfig) -> None:
        self._beads = BeadProjection(topology) if config.hold_beads else None
        self._bonds = BondProjection(topology) if config.hold_beads and config.hold_bonds else None

    def __call__(self, atoms: Floats, beads: Floats) -> Floats:
        """Atoms ``(n, n_atoms, 3)`` on beads ``(n, n_beads, 3)``, nm."""
        if self._beads is None:
            return atoms
        exact = self._beads(atoms, beads)
        return self._bonds(exact, beads) if self._bonds else exact
