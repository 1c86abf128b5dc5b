"""Coarse-grained simulations of many replicas, in chunks that an interrupted run goes on from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bmzoo.coarse.fast_forces import FastForces
from bmzoo.coarse.force_data import bead_masses, reference_of
from bmzoo.coarse.force_field import CoarseForceField, temperature_of
from bmzoo.coarse.langevin import Langevin, State
from bmzoo.errors import InputError
from bmzoo.folders import claimed
from bmzoo.frames.beads import write_beads
from bmzoo.frames.datasets import set_apart
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import write_frames
from bmzoo.frames.writers import WRITERS
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.systems.system import System

FRICTION = 5.0
"""1/ps."""

EQUILIBRATION = 20
"""Frames before the first that is kept."""

FRAMES_PER_CHUNK = 100
LONGEST = 3.0
"""nm; a bead farther than this from its molecule's centre, and the run has exploded."""


@dataclass(frozen=True)
class SimulationSettings:
    """What fixes a simulation; the same settings give the same frames on the same machine.

    Attributes:
        replicas: independent trajectories; each starts from a training frame drawn at random.
        frames: of each.
        interval: ps of coarse-grained time between frames, a multiple of ``time_step``.
        time_step: ps.
        friction: 1/ps.
        seed: of starts, velocities and noise.
        split: of the reference that starts are drawn from.
        starts: frames of the split to start from, one a replica; drawn at random if empty.
        recorded_interval: ps between frames as the output says; by default ``interval``. Coarse-grained
            dynamics is faster than atomistic dynamics: give the atomistic time that an interval stands for.
    """

    replicas: int = 20
    frames: int = 4000
    interval: float = 0.25
    time_step: float = 0.00625
    friction: float = FRICTION
    seed: int = 0
    split: str = "train"
    starts: tuple[int, ...] = ()
    recorded_interval: float | None = None

    def check(self, system: System) -> None:
        """Raises:
        InputError: numbers out of bounds, or starts that are no frames of the split.
        """
        for name in ("replicas", "frames"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, not {getattr(self, name)}")
        for name in ("interval", "time_step", "friction"):
            if not getattr(self, name) > 0:
                raise InputError(f"--{name.replace('_', '-')} must be above 0, not {getattr(self, name)}")
        steps = self.interval / self.time_step
        if steps < 0.999 or abs(steps - round(steps)) > 1e-6 * steps:
            raise InputError(
                f"--interval {self.interval:g} ps is no multiple of the time step of {self.time_step:g} ps"
            )
        if self.starts and len(self.starts) != self.replicas:
            raise InputError(f"{len(self.starts)} --start frames do not fit {self.replicas} --replicas")
        total = reference_of(system).n_frames(self.split)
        if not all(0 <= start < total for start in self.starts):
            raise InputError(f"--start frames must be from 0 to {total - 1}, those of '{self.split}'")
        if self.seed < 0:
            raise InputError(f"--seed must not be negative, not {self.seed}")

    @property
    def steps(self) -> int:
        return round(self.interval / self.time_step)


@dataclass(frozen=True)
class Simulated:
    """Frames of all replicas.

    Attributes:
        positions: ``(n_replicas, n_frames, n_beads, 3)`` nm.
        temperatures: ``(n_frames,)`` K, kinetic, mean over replicas.
    """

    positions: NDArray[np.float32]
    temperatures: NDArray[np.float64]


def simulate(
    system: System,
    model: CoarseForceField,
    settings: SimulationSettings,
    work: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> Simulated:
    """Runs Langevin dynamics; goes on with what is in ``work``.

    Args:
        work: folder of finished chunks; of the same settings and force field, or new.
        progress: called with the frames done.

    Raises:
        InputError: settings out of bounds, a folder of another run, or a run that exploded.
    """
    settings.check(system)
    _check_same(work, system, model, settings)
    progress(0)
    langevin = Langevin(
        FastForces(model), bead_masses(system), model.kt, settings.time_step, settings.friction
    )
    state: State | None = None
    parts = []
    for number, count in enumerate(_chunks(settings.frames)):
        path = work / f"chunk-{number:04d}.npz"
        rng = np.random.default_rng([settings.seed, 1 + number])
        if path.is_file():
            with np.load(path) as data:
                positions, temperatures, state = (
                    data["positions"],
                    data["temperatures"],
                    State(*data["state"]),
                )
        else:
            if state is None:
                start = starting_beads(system, settings)
                with np.errstate(over="ignore", invalid="ignore"):
                    state = langevin.advance(langevin.start(start, rng), EQUILIBRATION * settings.steps, rng)
            positions, temperatures, state = _run_chunk(langevin, state, count, settings.steps, rng)
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, positions=positions, temperatures=temperatures, state=np.stack(state))
            os.replace(partial, path)
        parts.append((positions, temperatures))
        progress(sum(p.shape[1] for p, _ in parts))
    kelvin = temperature_of(system)
    return Simulated(
        np.concatenate([p for p, _ in parts], axis=1), np.concatenate([t for _, t in parts]) * kelvin
    )


def starting_beads(system: System, settings: SimulationSettings) -> NDArray[np.float32]:
    """``(n_replicas, n_beads, 3)`` nm: frames drawn evenly from the split, different where it has enough."""
    reference, mapping = reference_of(system), system.topology.mapping
    total = reference.n_frames(settings.split)
    rng = np.random.default_rng([settings.seed, 0])
    drawn = rng.choice(total, settings.replicas, replace=settings.replicas > total)
    chosen = np.array(settings.starts) if settings.starts else drawn
    beads = {
        frame.index: mapping.apply(frame.positions)
        for k in sorted(set(chosen.tolist()))
        for frame in reference.frames(settings.split, k, k + 1)
    }
    found = np.stack([beads[k] for k in chosen.tolist()])
    return (found - found.mean(axis=1, keepdims=True)).astype(np.float32)


def _chunks(frames: int) -> list[int]:
    whole, rest = divmod(frames, FRAMES_PER_CHUNK)
    return [FRAMES_PER_CHUNK] * whole + [rest] * (rest > 0)


def _run_chunk(
    langevin: Langevin, state: State, count: int, steps: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64], State]:
    kept, temperatures = [], []
    for _ in range(count):
        with np.errstate(over="ignore", invalid="ignore"):
            state = langevin.advance(state, steps, rng)
        centred = state.positions - state.positions.mean(axis=1, keepdims=True)
        far = np.abs(centred).max(axis=(1, 2))
        if not (far < LONGEST).all():
            replica = int(np.argmax(np.where(np.isfinite(far), far, np.inf)))
            raise InputError(
                f"replica {replica + 1} has exploded; take a shorter --time-step, or another force field"
            )
        state = state._replace(positions=centred)
        kept.append(centred)
        temperatures.append(float(langevin.temperatures(state.middle).mean()))
    return np.stack(kept, axis=1).astype(np.float32), np.array(temperatures), state


def _check_same(work: Path, system: System, model: CoarseForceField, settings: SimulationSettings) -> None:
    """Makes the folder, or sees that it is of the same run."""
    record = {
        "system": f"{system.name}:{system.state}",
        "force_field": fingerprint(model),
        "settings": asdict(settings) | {"recorded_interval": None, "starts": list(settings.starts)},
    }
    place = work / "run.json"
    if place.is_file() and json.loads(place.read_text()) != record:
        raise InputError(f"{work} is of a run with other settings; remove it, or choose another --output")
    work.mkdir(parents=True, exist_ok=True)
    partial = place.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(partial, place)


def fingerprint(model: CoarseForceField) -> str:
    """The same for the same parameters, and for no others."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()[:16]


def simulate_to_file(
    system: System,
    model: CoarseForceField,
    settings: SimulationSettings,
    output: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Simulates and writes all replicas to one file, one after another, with a record beside it.

    ``OUTPUT.json`` tells runs, interval, settings and temperature. An interrupted run goes on when it is
    started again; the file appears when all is done.

    Args:
        output: ``.npz`` (small, see :mod:`bmzoo.frames.beads`), xtc, dcd, gro or pdb; neither it nor
            the record may exist.

    Returns:
        The path of the record.

    Raises:
        InputError: see :func:`simulate`; an output that exists, of unknown format, or that another process
            makes.
    """
    known = (".npz", *WRITERS)
    if output.suffix.lower() not in known:
        raise InputError(f"cannot write {output}: choose one of {', '.join(known)}")
    for place in (output, output.with_suffix(".json")):
        if place.exists():
            raise InputError(f"{place} exists already; choose another --output, or remove it")
    settings.check(system)
    work = output.with_name(f".{output.stem}.running")
    with claimed(work):
        found = simulate(system, model, settings, work, progress)
        record = _write(found, system, model, settings, output)
        shutil.rmtree(work)
    return record


def _write(
    found: Simulated, system: System, model: CoarseForceField, settings: SimulationSettings, output: Path
) -> Path:
    """Frames, and the record beside them, whose path is returned."""
    runs = (settings.frames,) * settings.replicas
    interval = settings.recorded_interval or settings.interval
    frames = list(set_apart(_frames(found.positions), runs, interval))
    if output.suffix.lower() == ".npz":
        write_beads(output, found.positions.reshape(-1, model.n_beads, 3), np.array([f.time for f in frames]))
    else:
        write_frames(output, frames)
    record = output.with_suffix(".json")
    described = {
        "system": f"{system.name}:{system.state}",
        "file": output.name,
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "runs": list(runs),
        "interval_ps": interval,
        "force_field": fingerprint(model),
        "settings": asdict(settings),
        "thermostat_K": round(model.kt / GAS_CONSTANT, 3),
        "kinetic_temperature_K": round(float(found.temperatures.mean()), 2),
    }
    record.write_text(json.dumps(described, indent=1) + "\n")
    return record


def _frames(positions: NDArray[np.float32]) -> Iterator[Frame]:
    beads = positions.reshape(-1, *positions.shape[2:])
    return (Frame(one, None, 0.0, number) for number, one in enumerate(beads))
