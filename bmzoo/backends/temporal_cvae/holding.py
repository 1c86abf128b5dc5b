"""Atoms put onto their beads, and constrained bonds to their lengths, after a frame is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.projection import BeadProjection
from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.projection import BeadConstraints

Floats = NDArray[np.float64]

FARTHEST = 0.05
"""nm; a molecule of which the constraints would move an atom by more is left as it was drawn."""


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
        field = topology.force_field
        self._bonds: BeadConstraints | None = None
        if config.hold_beads and config.hold_bonds and field is not None and len(field.constraints):
            self._bonds = BeadConstraints(
                topology.mapping, topology.graph.masses, field.constraints, field.constraint_r0
            )

    def __call__(self, atoms: Floats, beads: Floats) -> Floats:
        """Atoms ``(n, n_atoms, 3)`` on beads ``(n, n_beads, 3)``, nm."""
        if self._beads is None:
            return atoms
        exact = self._beads(atoms, beads)
        if self._bonds is None or not np.isfinite(exact).all():
            return exact
        held = self._bonds(exact, beads)
        near = np.linalg.norm(held - exact, axis=-1).max(1) < FARTHEST
        return np.where(near[:, None, None], held, exact)
