"""Refinement of backmapped frames with the beads held: ``none``, ``minimise`` or ``thermalise``.

A generator must get the basin, the packing and the hand of every stereocentre right; the thermal
width of bonds, angles and impropers is cheap to add by a very short simulation. One implementation
serves every backend and every baseline.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.periodic import nearest_image_of
from bmzoo.frames.random import random_stream
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.held_beads import HeldBeads
from bmzoo.simulation.mirror import Mirror
from bmzoo.simulation.projection import BeadConstraints

Floats = NDArray[np.float64]
Kind = Literal["none", "minimise", "thermalise"]
KINDS: tuple[Kind, ...] = get_args(Kind)

FORMS = "none, minimise, thermalise, or thermalise:PICOSECONDS such as thermalise:0.5"
LONGEST = 1000.0
"""ps; more than this is a simulation, not a refinement."""

STIFF, SOFT = 400.0, 40.0
"""1/ps: frequency of a bead in its restraint, held firmly, and while bad contacts resolve. The strength
follows from the bead's effective mass (5.7e6 kJ/mol/nm2 for CH2 and two halves of CH); noise 0.001 nm."""
TIMESTEP = 0.001
FRICTION = 30.0
"""1/ps. The beads are held, so no slow motion is damped; angles and impropers reach their
temperature within 0.1 ps, which 20 per ps does not give them time for."""
FEW_ITERATIONS, BONDED_ITERATIONS, MANY_ITERATIONS = 30, 200, 5000
REPAIR_ITERATIONS = 300
ROUNDS = 2
"""Stereocentres that came out of the first round with the wrong hand get another."""
WORST_STRETCH = 0.01
"""nm; what no bond may be off its constrained length at the end."""
BAD_START, BAD_END = 20.0, 10.0
"""kT per atom: above the first a frame has bad contacts, above the second it did not relax."""


@dataclass(frozen=True)
class RefineSettings:
    """What refinement does; get it from :meth:`parse`.

    Attributes:
        kind: ``none``, ``minimise`` or ``thermalise``.
        duration: ps of dynamics, ``thermalise`` only.
        threads: of OpenMM's CPU platform; all cores where not given.
    """

    kind: Kind = "none"
    duration: float = 0.1
    threads: int | None = None

    @classmethod
    def parse(cls, text: str) -> RefineSettings:
        """Reads ``none``, ``minimise``, ``thermalise`` or ``thermalise:0.5`` (ps).

        Raises:
            InputError: anything else.
        """
        name, colon, number = text.strip().partition(":")
        kind = next((kind for kind in KINDS if kind == name), None)
        if kind is None or (colon and kind != "thermalise"):
            raise InputError(f"there is no refinement '{text}'; use {FORMS}")
        if not colon:
            return cls(kind=kind)
        try:
            duration = float(number)
        except ValueError:
            duration = np.nan
        if not TIMESTEP <= duration <= LONGEST:
            raise InputError(
                f"'{text}' asks for '{number}' ps of dynamics; give {TIMESTEP} to {LONGEST:g}: {FORMS}"
            )
        return cls(kind=kind, duration=duration)


@dataclass(frozen=True, eq=False)
class Refined:
    """A refined frame and what happened to it.

    Attributes:
        frame: refined, or as it came where ``relaxed`` is false.
        relaxed: whether refinement succeeded.
        message: why it did not; empty otherwise.
        seconds: wall time.
        energy: potential energy before the last projection, without restraints, kJ/mol.
        mirrored: stereocentres that had the wrong hand and were turned.
        wrong_hands: stereocentres that have the wrong hand in ``frame``.
        bead_rmsd: nm, between the frame's beads and the given ones.
    """

    frame: Frame
    relaxed: bool = True
    message: str = ""
    seconds: float = 0.0
    energy: float = float("nan")
    mirrored: int = 0
    wrong_hands: int = 0
    bead_rmsd: float = float("nan")


def make_refiner(topology: Topology, settings: RefineSettings, *, seed: int = 0) -> Refiner | None:
    """A refiner, or ``None`` where there is nothing to do."""
    return None if settings.kind == "none" else Refiner(topology, settings, seed=seed)


class Refiner:
    """Refines frames one by one; contexts are kept for frames of the same size.

    ``minimise``: the two stages of the papers' baseline, 200 steps without non-bonded interactions and up
    to 5,000 with everything. ``thermalise``: 30 steps of minimisation (the two stages in short where the
    start is bad), then Langevin dynamics at the topology's temperature. Unlike in the papers, the beads
    are held all the time, and at the end atoms are moved onto them exactly while the lengths that
    the reference constrains are restored. Wrong stereocentres are mirrored first.

    The same seed gives the same frame, whatever was refined before it, on one machine with one
    number of threads; another number of threads sums forces in another order, and the dynamics
    amplifies that.

    Raises:
        InputError: no force field, or no temperature to thermalise at.
    """

    def __init__(self, topology: Topology, settings: RefineSettings, *, seed: int = 0) -> None:
        name = topology.graph.name
        if topology.force_field is None:
            raise InputError(f"{name} has no force field, so it cannot be refined; use --refine none")
        if settings.kind == "thermalise" and not (topology.temperature or 0) > 0:
            raise InputError(f"to thermalise {name} a temperature is needed; give one in kelvin")
        self.topology, self.settings, self.seed = topology, settings, seed
        self._temperature = topology.temperature or 300.0
        field = topology.force_field
        self._constraints = BeadConstraints(
            topology.mapping, field.masses, field.constraints, field.constraint_r0
        )
        self._mirror = Mirror(topology.graph)
        self._engine: tuple[tuple[int, bool], HeldBeads] | None = None

    def refine(self, atomistic: Frame, coarse: Frame) -> Refined:
        """One frame.

        Args:
            atomistic: molecules whole, any periodic image.
            coarse: its CG frame, molecules whole.

        Returns:
            Molecules whole and near their beads; the frame as it came, with a message, if it cannot
            be relaxed.

        Raises:
            InputError: frames that do not belong together or to the topology.
        """
        began = time.perf_counter()
        atoms, beads = self._split(atomistic, coarse)
        if self.settings.kind == "none":
            return self._report(atomistic, atoms, beads, began)
        if not (np.isfinite(atoms).all() and np.isfinite(beads).all()):
            return self._kept(atomistic, atoms, beads, began, "it has positions that are not numbers")
        start, mirrored = self._near_beads(atoms, beads, coarse.box), 0
        try:
            for _ in range(ROUNDS):
                start, turned = self._mirror(start)
                relaxed, energy = self._relax(start, beads, coarse, atomistic.sample)
                start, mirrored = self._projected(relaxed, beads), mirrored + turned
                if not self._mirror.wrong(start).any():
                    break
        except _NotRelaxedError as error:
            return self._kept(atomistic, atoms, beads, began, str(error))
        frame = atomistic.with_positions(start.reshape(-1, 3), box=coarse.box)
        return self._report(frame, start, beads, began, energy=energy, mirrored=mirrored)

    def _split(self, atomistic: Frame, coarse: Frame) -> tuple[Floats, Floats]:
        count = self.topology.count_molecules(len(atomistic), beads=False)
        if self.topology.count_molecules(len(coarse), beads=True) != count:
            raise InputError(
                f"{atomistic.name or f'frame {atomistic.index}'} has {count} molecules, its CG frame "
                f"{len(coarse) // self.topology.n_beads}; give frames that belong together"
            )
        atoms = np.asarray(atomistic.positions, dtype=np.float64).reshape(count, -1, 3)
        return atoms, np.asarray(coarse.positions, dtype=np.float64).reshape(count, -1, 3)

    def _near_beads(self, atoms: Floats, beads: Floats, box: NDArray[np.floating] | None) -> Floats:
        own = self.topology.mapping.apply(atoms.reshape(-1, 3)).reshape(beads.shape)
        moves = (nearest_image_of(own, beads, box) - own)[:, :1]
        near: Floats = atoms + moves
        return near

    def _relax(self, start: Floats, beads: Floats, coarse: Frame, sample: int) -> tuple[Floats, float]:
        import openmm

        engine = self._engine_for(len(start), coarse.box)
        for careful in (False, True):
            random = random_stream(self.seed, coarse.index, sample)
            engine.load(start.reshape(-1, 3), coarse.box, beads.reshape(-1, 3), STIFF)
            try:
                if self.settings.kind == "minimise":
                    self._minimise(engine)
                else:
                    self._thermalise(engine, random, careful=careful)
            except openmm.OpenMMException as error:
                problem = str(error).partition(".")[0]
                continue
            x, energy = engine.positions(), engine.energy()
            limit = BAD_END * GAS_CONSTANT * self._temperature
            if np.isfinite(x).all() and energy < limit * len(x):
                return x.reshape(start.shape), energy
            problem = f"its energy stays at {energy / len(x):.3g} kJ/mol an atom"
        raise _NotRelaxedError(problem)

    def _projected(self, relaxed: Floats, beads: Floats) -> Floats:
        found = self._constraints(relaxed, beads)
        worst = self._constraints.largest_stretch(found)
        if not worst < WORST_STRETCH:
            raise _NotRelaxedError(f"a bond is {worst:.3g} nm off its length")
        return found

    def _minimise(self, engine: HeldBeads) -> None:
        engine.hold(SOFT)
        engine.minimise(BONDED_ITERATIONS, bonded_only=True)
        engine.minimise(MANY_ITERATIONS)
        engine.hold(STIFF)
        engine.minimise(BONDED_ITERATIONS)

    def _thermalise(self, engine: HeldBeads, random: np.random.Generator, *, careful: bool) -> None:
        limit = BAD_START * GAS_CONSTANT * self._temperature
        if careful or not engine.energy() < limit * engine.n_atoms:
            engine.hold(SOFT)
            engine.minimise(BONDED_ITERATIONS, bonded_only=True)
            engine.minimise(REPAIR_ITERATIONS)
            engine.hold(STIFF)
        engine.minimise(FEW_ITERATIONS)
        timestep = TIMESTEP / 2 if careful else TIMESTEP
        steps = max(1, round(self.settings.duration / timestep))
        engine.langevin(steps, timestep, self._temperature, FRICTION, random)

    def _engine_for(self, n_molecules: int, box: NDArray[np.floating] | None) -> HeldBeads:
        key = (n_molecules, box is not None)
        if self._engine is None or self._engine[0] != key:
            self._engine = (key, HeldBeads(self.topology, n_molecules, box, self.settings.threads))
        return self._engine[1]

    def _kept(self, frame: Frame, atoms: Floats, beads: Floats, began: float, problem: str) -> Refined:
        name = frame.name or f"frame {frame.index}, sample {frame.sample}"
        message = f"{name} did not relax ({problem}) and was kept as it was"
        return self._report(frame, atoms, beads, began, relaxed=False, message=message)

    def _report(self, frame: Frame, atoms: Floats, beads: Floats, began: float, **results: object) -> Refined:
        seconds = time.perf_counter() - began
        if not (np.isfinite(atoms).all() and np.isfinite(beads).all()):
            return Refined(frame, seconds=seconds, **results)  # type: ignore[arg-type]
        near = self._near_beads(atoms, beads, frame.box)
        error = self.topology.mapping.apply(near.reshape(-1, 3)) - beads.reshape(-1, 3)
        return Refined(
            frame,
            seconds=seconds,
            wrong_hands=int(self._mirror.wrong(atoms).sum()),
            bead_rmsd=float(np.sqrt(np.square(error).sum(-1).mean())),
            **results,  # type: ignore[arg-type]
        )


class _NotRelaxedError(Exception):
    """A frame that no attempt relaxed."""
