"""An OpenMM context in which every bead is held where the coarse-grained frame has it."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.openmm_system import FORCE_GROUPS, build_system, reduced_box

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]

RESTRAINT_GROUP = max(FORCE_GROUPS.values()) + 1
BONDED = ("bond", "angle", "dihedral", "improper")
SMALL = 60
"""Atoms up to which the Reference platform is faster than the CPU platform and its threads."""
STEPS_PER_BATH = 5
BOND_FREQUENCY = 560.0
"""1/ps, about that of a C-H bond: what a time step of 1 fs still integrates."""


class HeldBeads:
    """Copies of one molecule with flexible bonds and a harmonic restraint on every bead's centre.

    The centre is the mapping's own weighted mean, so atoms may be shared between beads. Positions go in
    with whole molecules near their beads and stay so. The context is built once for a number of
    molecules; boxes may change from frame to frame.

    Periodic systems run on the CPU platform always: the Reference platform of OpenMM 8.6.1 misses pairs in
    narrow triclinic boxes.

    Args:
        topology: with a force field.
        n_molecules: copies.
        box: ``(3, 3)`` nm of the first frame, or ``None``.
        threads: of the CPU platform; all cores where not given.
    """

    def __init__(
        self,
        topology: Topology,
        n_molecules: int,
        box: NDArray[np.floating] | None,
        threads: int | None = None,
    ) -> None:
        import openmm

        assert topology.force_field is not None
        field = stiffened(topology.force_field)
        system = build_system(field, n_molecules, box, constraints="none")
        for force in system.getForces():
            if isinstance(force, openmm.NonbondedForce):
                force.setUseDispersionCorrection(False)
            elif isinstance(force, openmm.CustomNonbondedForce):
                force.setUseLongRangeCorrection(False)
        self._restraint = _restraint(topology, n_molecules)
        self._restraint.setForceGroup(RESTRAINT_GROUP)
        system.addForce(self._restraint)
        self.n_atoms = system.getNumParticles()
        self._root_mobility = np.tile(field.masses, n_molecules)[:, None] ** -0.5
        self._bead_masses = effective_masses(topology)
        self._integrator = openmm.VerletIntegrator(0.001)
        small = box is None and self.n_atoms <= SMALL
        self._context = _context(system, self._integrator, small=small, threads=threads)

    def load(
        self, positions: Floats, box: NDArray[np.floating] | None, beads: Floats, frequency: float
    ) -> None:
        """Sets up a frame: ``(n, 3)`` nm, beads likewise; the frequency of the restraints in 1/ps."""
        masses = itertools.cycle(self._bead_masses.tolist())
        for bead, (target, mass) in enumerate(zip(beads.tolist(), masses, strict=False)):
            self._restraint.setBondParameters(bead, [bead], [*target, mass])
        # neighbour lists left from the last frame would sum forces in another order
        self._context.reinitialize()
        self.hold(frequency)
        if box is not None:
            self._context.setPeriodicBoxVectors(*reduced_box(box).tolist())
        self._context.setPositions(positions)

    def hold(self, frequency: float) -> None:
        """Changes the strength of all restraints: the frequency in 1/ps of a bead that is otherwise free."""
        self._context.setParameter("frequency", frequency)

    def minimise(self, iterations: int, *, bonded_only: bool = False) -> None:
        """L-BFGS down to 10 kJ/mol/nm or ``iterations``; ``bonded_only`` leaves non-bonded terms out."""
        import openmm

        everything = 0xFFFFFFFF
        bonded = sum(1 << FORCE_GROUPS[name] for name in BONDED) | 1 << RESTRAINT_GROUP
        self._integrator.setIntegrationForceGroups(bonded if bonded_only else everything)
        openmm.LocalEnergyMinimizer.minimize(self._context, 10.0, iterations)
        self._integrator.setIntegrationForceGroups(everything)

    def langevin(
        self, steps: int, timestep: float, temperature: float, friction: float, random: np.random.Generator
    ) -> None:
        """Verlet steps between exact Ornstein-Uhlenbeck updates of all velocities.

        The bath draws from ``random``, not from OpenMM, so that a frame's noise depends on
        nothing but the frame. Velocities start from the Maxwell-Boltzmann distribution.

        Args:
            steps: number of steps of ``timestep`` ps.
            temperature: K.
            friction: 1/ps.
        """
        width = math.sqrt(GAS_CONSTANT * temperature) * self._root_mobility
        velocities = width * random.standard_normal((self.n_atoms, 3))
        self._integrator.setStepSize(timestep)
        done = 0
        while done < steps:
            stride = min(STEPS_PER_BATH, steps - done)
            self._context.setVelocities(velocities)
            self._integrator.step(stride)
            done += stride
            keep = math.exp(-friction * stride * timestep)
            velocities = keep * self._velocities()
            velocities += math.sqrt(1 - keep**2) * width * random.standard_normal((self.n_atoms, 3))

    def positions(self) -> Floats:
        """``(n, 3)`` nm."""
        found: Floats = self._context.getState(getPositions=True).getPositions(asNumpy=True)._value
        return found

    def energy(self) -> float:
        """Potential energy without the restraints, kJ/mol."""
        groups = set(FORCE_GROUPS.values())
        found: float = self._context.getState(getEnergy=True, groups=groups).getPotentialEnergy()._value
        return found

    def _velocities(self) -> Floats:
        found: Floats = self._context.getState(getVelocities=True).getVelocities(asNumpy=True)._value
        return found


def stiffened(field: ForceField) -> ForceField:
    """The force field with springs in place of constraints, as stiff as the time step allows.

    With the physical strength of bonds their vibration, once removed by the final projection, would
    leave angles a tenth too hot; constraint solvers cost more than the time step they win here.
    """
    held = {tuple(sorted(pair)) for pair in field.constraints.tolist()}
    free = np.array([tuple(sorted(pair)) not in held for pair in field.bonds.tolist()], dtype=bool)
    reduced = 1.0 / (1.0 / field.masses[field.constraints]).sum(axis=1)
    return replace(
        field,
        bonds=np.concatenate([field.bonds[free], field.constraints]),
        bond_r0=np.concatenate([field.bond_r0[free], field.constraint_r0]),
        bond_k=np.concatenate([field.bond_k[free], reduced * BOND_FREQUENCY**2]),
        constraints=np.zeros((0, 2), dtype=np.int64),
        constraint_r0=np.zeros(0),
    )


def effective_masses(topology: Topology) -> Floats:
    """``(n_beads,)`` g/mol: ``1 / sum(w^2 / m)``, the inertia of a bead's weighted centre."""
    assert topology.force_field is not None
    weights = topology.mapping.matrix
    found: Floats = 1.0 / np.asarray(weights.power(2) @ (1.0 / topology.force_field.masses))
    return found


def _restraint(topology: Topology, n_molecules: int) -> openmm.CustomCentroidBondForce:
    """One term a bead; its groups never cross a box face, since molecules stay whole."""
    import openmm

    force = openmm.CustomCentroidBondForce(1, "0.5*mass*frequency^2*((x1-x0)^2+(y1-y0)^2+(z1-z0)^2)")
    force.addGlobalParameter("frequency", 0.0)
    for name in ("x0", "y0", "z0", "mass"):
        force.addPerBondParameter(name)
    weights = topology.mapping.weights.tocsr()
    for molecule in range(n_molecules):
        for bead in range(topology.n_beads):
            row = slice(*weights.indptr[bead : bead + 2])
            atoms = (weights.indices[row] + molecule * topology.n_atoms).tolist()
            group = force.addGroup(atoms, weights.data[row].tolist())
            force.addBond([group], [0.0, 0.0, 0.0, 0.0])
    return force


def _context(
    system: openmm.System, integrator: openmm.Integrator, *, small: bool, threads: int | None
) -> openmm.Context:
    import openmm

    if small:
        return openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    properties = {"DeterministicForces": "true"}
    if threads is not None:
        properties["Threads"] = str(threads)
    return openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"), properties)
