"""How a frame stands plain dynamics: a short run at constant pressure without minimisation or heat-up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.condensed_run import DALTON_PER_NM3, TOO_HOT
from bmzoo.simulation.openmm_system import FORCE_GROUPS, build_system, reduced_box

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]
TOLERANCE = 1e-5
"""Of constrained lengths, relative."""


@dataclass(frozen=True)
class ShortRun:
    """What decides about a run. ps, bar.

    ``flexible`` lets every edge and angle of the box move, as crystals want it. ``constraints`` is as of
    :func:`build_system`: bonds vibrate by default, because OpenMM's solver diverges where a ring is
    crumpled, which dynamics with free bonds recovers from.
    """

    constraints: Literal["reference", "none"] = "none"
    steps: int = 500
    timestep: float = 0.001
    report: int = 10
    pressure: float = 1.0
    friction: float = 1.0
    barostat_interval: int = 25
    flexible: bool = False
    seed: int = 0
    threads: int = 1


@dataclass(eq=False)
class Trace:
    """What was seen of a run, one entry a report, the first of them before the first step.

    Attributes:
        steps: of every report.
        potential: kJ/mol an atom, without bonds: frames whose bonds are constrained begin with none of their
            energy, whatever made them.
        temperature: K.
        density: kg/m3.
        blew_up: step at which the run was over; ``None`` where it reached the end.
        why: what happened there.
    """

    steps: list[int] = field(default_factory=list)
    potential: list[float] = field(default_factory=list)
    temperature: list[float] = field(default_factory=list)
    density: list[float] = field(default_factory=list)
    blew_up: int | None = None
    why: str = ""


def run_briefly(topology: Topology, frame: Frame, settings: ShortRun) -> Trace:
    """Langevin dynamics from a frame, with velocities drawn at the topology's temperature.

    Where bonds are constrained, their lengths are imposed before the first step, as every engine does;
    nothing else is touched. A run has blown up when OpenMM gives up, when a number is no longer finite, or
    when the kinetic temperature of a report is above ``TOO_HOT`` times the target.

    Args:
        topology: with force field and temperature.
        frame: molecules whole, with a box.

    Raises:
        InputError: no box, no temperature, no force field, or a box narrower than twice the cutoff.
    """
    if frame.box is None:
        raise InputError(
            f"{frame.name or 'the frame'} has no box, so it has no pressure; give a periodic frame"
        )
    if not (topology.temperature or 0) > 0:
        raise InputError(f"a run of {topology.graph.name} needs a temperature; give one in kelvin")
    import openmm

    trace = Trace()
    simulation = _Simulation(topology, frame, settings)
    step = 0
    try:
        simulation.begin()
        while not simulation.note(trace, step) and step < settings.steps:
            stride = min(settings.report, settings.steps - step)
            simulation.context.getIntegrator().step(stride)
            step += stride
    except (openmm.OpenMMException, ValueError) as error:
        trace.blew_up, trace.why = step, str(error).partition(".")[0].partition(" See")[0]
    return trace


class _Simulation:
    """A frame in an OpenMM context, ready to run."""

    def __init__(self, topology: Topology, frame: Frame, settings: ShortRun) -> None:
        import openmm

        assert frame.box is not None
        assert topology.temperature is not None
        self.topology, self.settings = topology, settings
        self.temperature = topology.temperature
        self.count = topology.count_molecules(len(frame), beads=False)
        system = build_system(topology, self.count, frame.box, constraints=settings.constraints)
        system.addForce(self._barostat())
        self.masses = np.tile(topology.graph.masses, self.count)
        self.freedom = 3 * system.getNumParticles() - system.getNumConstraints()
        integrator = openmm.LangevinMiddleIntegrator(self.temperature, settings.friction, settings.timestep)
        integrator.setRandomNumberSeed(settings.seed)
        integrator.setConstraintTolerance(TOLERANCE)
        platform = openmm.Platform.getPlatformByName("CPU")
        properties = {"Threads": str(settings.threads), "DeterministicForces": "true"}
        self.context = openmm.Context(system, integrator, platform, properties)
        self.context.setPeriodicBoxVectors(*reduced_box(frame.box).tolist())
        self.context.setPositions(np.asarray(frame.positions, dtype=np.float64))

    def begin(self) -> None:
        """Imposes constraints and draws velocities.

        OpenMM's own velocities are half a step ahead, which the forces of overlapping atoms make enormous.
        """
        random = np.random.default_rng(self.settings.seed)
        width = np.sqrt(GAS_CONSTANT * self.temperature / self.masses)[:, None]
        self.context.applyConstraints(TOLERANCE)
        self.context.setVelocities(width * random.standard_normal((len(width), 3)))
        self.context.applyVelocityConstraints(TOLERANCE)

    def note(self, trace: Trace, step: int) -> bool:
        """Adds a report; whether the run has blown up."""
        state = self.context.getState(velocities=True)
        groups = set(FORCE_GROUPS.values()) - {FORCE_GROUPS["bond"]}
        potential = self.context.getState(energy=True, groups=groups).getPotentialEnergy()._value
        potential /= self.context.getSystem().getNumParticles()
        velocities = state.getVelocities(asNumpy=True)._value
        twice_kinetic = float((self.masses * np.square(velocities).sum(axis=1)).sum())
        temperature = twice_kinetic / (self.freedom * GAS_CONSTANT)
        volume = float(np.linalg.det(state.getPeriodicBoxVectors(asNumpy=True)._value))
        trace.steps.append(step)
        trace.potential.append(float(potential))
        trace.temperature.append(float(temperature))
        trace.density.append(float(self.masses.sum()) * DALTON_PER_NM3 / volume)
        if not (np.isfinite(potential) and np.isfinite(temperature)):
            trace.blew_up, trace.why = step, "an energy is not finite"
        elif temperature > TOO_HOT * self.temperature:
            trace.blew_up = step
            trace.why = f"{temperature:.3g} K" if step else "the constraints cannot be solved"
        return trace.blew_up is not None

    def _barostat(self) -> openmm.Force:
        import openmm

        s = self.settings
        kind = openmm.MonteCarloFlexibleBarostat if s.flexible else openmm.MonteCarloBarostat
        barostat = kind(s.pressure, self.temperature, s.barostat_interval)
        barostat.setRandomNumberSeed(s.seed)
        return barostat
