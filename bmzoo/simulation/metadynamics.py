"""Well-tempered metadynamics (Barducci, Bussi, Parrinello, PRL 100, 020603, 2008) in resumable chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.simulation.chunks import Chunk, Engine, Start, load_chunk, place, record, save_chunk


@dataclass(frozen=True)
class Variable:
    """A collective variable: a distance (two atoms, nm) or a dihedral (four atoms, radian)."""

    atoms: tuple[int, ...]
    lower: float
    upper: float
    width: float

    @property
    def periodic(self) -> bool:
        return len(self.atoms) == 4

    def force(self) -> Any:
        """The OpenMM force whose energy is the variable."""
        from openmm import CustomBondForce, CustomTorsionForce

        if self.periodic:
            torsion = CustomTorsionForce("theta")
            torsion.addTorsion(*self.atoms)
            return torsion
        bond = CustomBondForce("r")
        bond.addBond(*self.atoms)
        return bond


@dataclass(frozen=True)
class Bias:
    """Hills of ``height`` kJ/mol every ``interval`` ps, tempered by ``factor``."""

    variables: tuple[Variable, ...]
    height: float = 1.5
    interval: float = 1.0
    factor: float = 12.0


def run_biased_chunk(
    path: Path,
    engine: Engine,
    bias: Bias,
    hills: Path,
    start: Start,
    *,
    seed: int,
    n_frames: int,
    interval: float,
) -> Chunk:
    """Like :func:`bmzoo.simulation.chunks.run_chunk`, with the hills of earlier chunks in ``hills``.

    Every chunk leaves its own hills as a file there (OpenMM's multiple-walker format) and reads
    those of the chunks before it.
    """
    from openmm.app.metadynamics import BiasVariable, Metadynamics

    if path.is_file():
        return load_chunk(path)
    hills.mkdir(parents=True, exist_ok=True)
    system = engine.system()
    variables = [BiasVariable(v.force(), v.lower, v.upper, v.width, v.periodic) for v in bias.variables]
    every = round(bias.interval / 0.004)
    meta = Metadynamics(
        system, variables, engine.temperature, bias.factor, bias.height, every,
        saveFrequency=every * round(n_frames * interval / bias.interval), biasDir=str(hills),
    )  # fmt: skip
    context, integrator = engine.simulation(seed, system)
    place(context, start, engine.temperature, seed)
    stepper = _Steppable(context, integrator)
    chunk = record(context, lambda n: meta.step(stepper, n), n_frames, interval)
    save_chunk(path, chunk)
    return chunk


class _Steppable:
    """The three attributes of ``openmm.app.Simulation`` that ``Metadynamics.step`` uses."""

    def __init__(self, context: Any, integrator: Any) -> None:
        self.context, self.integrator = context, integrator
        self.currentStep = 0

    def step(self, n: int) -> None:
        self.integrator.step(n)
        self.currentStep += n


def total_bias(hills: Path) -> NDArray[np.float64]:
    """Sum of all hills of a folder on their grid, kJ/mol, as stored by OpenMM."""
    files: Sequence[Path] = sorted(hills.glob("bias_*.npy"))
    return np.sum([np.load(file) for file in files], axis=0)
