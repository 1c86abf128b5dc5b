"""How the shipped force fields were made, and how they are simulated by default."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bmzoo.coarse.fit import FitReport, FitSettings, fit_force_field
from bmzoo.coarse.force_data import load_force_data, reference_of
from bmzoo.coarse.force_field import CoarseForceField, NetworkSize, save_force_field
from bmzoo.coarse.relative_entropy import refine_torsions
from bmzoo.coarse.simulate import SimulationSettings, simulate
from bmzoo.folders import work_folder
from bmzoo.simulation.provenance import environment
from bmzoo.systems import load_system
from bmzoo.systems.system import System


@dataclass(frozen=True)
class Preset:
    """Of one system: the network, its training, and the default time step and interval, ps.

    ``refinement`` is the simulation that the populations of torsions are refined on; ``None`` leaves
    them as force matching gives them.
    """

    size: NetworkSize = field(default_factory=NetworkSize)
    fit: FitSettings = field(default_factory=FitSettings)
    time_step: float = 0.00625
    interval: float = 0.25
    refinement: SimulationSettings | None = None


DISCARD = 40
"""Frames at the start of every replica that refinement leaves out."""

PRESETS = {
    "adp": Preset(refinement=SimulationSettings(24, 1100, interval=0.25, time_step=0.005, seed=1)),
    "cln": Preset(NetworkSize(cutoff=1.2), FitSettings(steps=300, learning_rate=2e-3), 0.01, 0.25),
}


def settings_for(
    system: System,
    *,
    replicas: int,
    frames: int,
    interval: float | None,
    time_step: float | None,
    friction: float,
    seed: int,
    starts: Sequence[int] = (),
) -> SimulationSettings:
    """Settings with the system's own time step and interval where these are ``None``.

    With the default interval frames count as the reference's interval apart, which it stands for.
    """
    preset = PRESETS.get(system.name, Preset())
    return SimulationSettings(
        replicas=replicas,
        frames=frames,
        interval=preset.interval if interval is None else interval,
        time_step=preset.time_step if time_step is None else time_step,
        friction=friction,
        seed=seed,
        starts=tuple(starts),
        recorded_interval=reference_of(system).split("train")["interval_ps"] if interval is None else None,
    )


def refine(
    system: System, model: CoarseForceField, settings: SimulationSettings, report: Callable[[str], None]
) -> float:
    """Simulates and refines the torsions of ``model``; returns the effective share of the frames."""
    data = load_force_data(system)
    with TemporaryDirectory() as work:
        found = simulate(system, model, settings, Path(work) / "run")
    simulated = found.positions[:, DISCARD:].reshape(-1, model.n_beads, 3)
    share = refine_torsions(model, data.positions, simulated)
    report(f"torsions refined on {len(simulated)} simulated frames, effective share {share:.2f}")
    return share


def train(
    system: str,
    output: Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> FitReport:
    """Fits a force field and writes it to a folder with ``training.json``: data, settings, losses, versions.

    Raises:
        InputError: an output that exists or cannot be written, a system that forces cannot be matched for.
    """
    recipe = {"system": system, "steps": steps, "seed": seed}
    with work_folder(output, recipe, resume=False) as work:
        losses = _train(system, work / "made", steps, seed, report)
        os.replace(work / "made", output)
    return losses


def _train(
    system: str, output: Path, steps: int | None, seed: int, report: Callable[[str], None]
) -> FitReport:
    found = load_system(system)
    preset = PRESETS.get(found.name, Preset())
    settings = replace(preset.fit, seed=seed, steps=preset.fit.steps if steps is None else steps)
    model, losses = fit_force_field(found, preset.size, settings, report)
    refinement = None
    if preset.refinement is not None:
        simulated = replace(preset.refinement, seed=seed + 1)
        refinement = asdict(simulated) | {"effective_share": refine(found, model, simulated, report)}
    save_force_field(output, model, found)
    split = reference_of(found).split("train")
    record = {
        "system": f"{found.name}:{found.state}",
        "data": {key: split[key] for key in ("file", "sha256", "forces_sha256") if key in split},
        "settings": asdict(settings),
        "losses": asdict(losses),
        "refinement": refinement,
    } | environment(("torch", "numpy", "openmm"))
    (output / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    return losses
