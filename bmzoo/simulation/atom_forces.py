"""Forces of the force field on the atoms of given frames, by OpenMM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.topology import Topology
from bmzoo.simulation.openmm_system import build_system, reduced_box

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]
SMALL = 60
"""Atoms up to which the Reference platform is faster than the CPU platform and its threads."""
LARGEST = 1e12
"""kJ/mol/nm; what overlapping atoms count with, so that all figures stay finite."""


class AtomForces:
    """Forces on the atoms of copies of one molecule; the context is kept for frames of the same size.

    Bonds that the reference simulation held exert no force, as in its own dynamics. Periodic systems run on
    the CPU platform always: the Reference platform of OpenMM 8.6.1 misses pairs in narrow triclinic boxes.

    Args:
        topology: with a force field.
        threads: of the CPU platform.
    """

    def __init__(self, topology: Topology, *, threads: int = 1) -> None:
        self.topology, self.threads = topology, threads
        self._context: tuple[tuple[int, bool], openmm.Context] | None = None

    def __call__(self, positions: NDArray[np.floating], box: NDArray[np.floating] | None) -> Floats:
        """``(n_molecules, n_atoms, 3)`` kJ/mol/nm.

        Args:
            positions: ``(n_molecules, n_atoms, 3)`` nm, molecules whole.
            box: ``(3, 3)`` nm, lower triangular, or ``None``.

        Raises:
            InputError: no force field, or a box narrower than twice the cutoff.
        """
        context = self._context_for(len(positions), box)
        if box is not None:
            context.setPeriodicBoxVectors(*reduced_box(box).tolist())
        context.setPositions(np.asarray(positions, dtype=np.float64).reshape(-1, 3))
        forces = context.getState(forces=True).getForces(asNumpy=True)._value
        found: Floats = np.nan_to_num(forces, nan=LARGEST, posinf=LARGEST, neginf=-LARGEST)
        return found.clip(-LARGEST, LARGEST).reshape(np.shape(positions))

    def _context_for(self, n_molecules: int, box: NDArray[np.floating] | None) -> openmm.Context:
        import openmm

        key = (n_molecules, box is not None)
        if self._context is None or self._context[0] != key:
            system = build_system(self.topology, n_molecules, box)
            small = box is None and system.getNumParticles() <= SMALL
            platform = openmm.Platform.getPlatformByName("Reference" if small else "CPU")
            settings = {} if small else {"Threads": str(self.threads), "DeterministicForces": "true"}
            context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, settings)
            self._context = (key, context)
        return self._context[1]
