"""Reference melts of syndiotactic polystyrene; see :func:`build`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bmzoo.errors import InputError, unknown
from bmzoo.molecules import polystyrene
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.melt_checks import check_state, check_structure, trans_fraction
from bmzoo.simulation.melt_engine import MeltRun
from bmzoo.simulation.melt_presets import PRESETS, MeltPreset
from bmzoo.simulation.provenance import environment, sha256

Progress = Callable[[int, str], None]

XTC_PRECISION = 1e4
"""Positions are kept to 1e-4 nm."""


def build(
    preset: str, output: Path, *, seed: int = 0, progress: Progress | None = None, resume: bool = True
) -> Path:
    """Makes a reference folder: one independent melt for each split.

    Chains with ideal internal coordinates on a lattice, compression at 700 K, equilibration at constant
    pressure at 700 K and then at the target temperature, production. The dynamics is kept in
    ``.<output>.work`` beside the output until the folder is complete.

    Args:
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
        output: folder to create; see :mod:`bmzoo.systems.reference`.
        seed: of conformers, velocities, thermostat and barostat.
        progress: called with the frames done and what is being done.
        resume: go on with what an interrupted build with the same settings left.

    Raises:
        InputError: unknown preset, ``output`` exists, or a melt that fails its physical checks.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, tuple(PRESETS))
    if output.exists():
        raise InputError(f"{output} exists already; choose another output, or remove it")
    settings = PRESETS[preset]
    work = _prepare_work(output, {"system": "sps", "preset": asdict(settings), "seed": seed}, resume)
    topology = polystyrene.build_topology(settings.temperature)
    runs = melt_runs(topology, settings, work, seed)
    done = 0
    for name, run in runs.items():
        run.run(_reporter(progress, name, run, done))
        done += run.frames
    _package(work / "reference", topology, settings, runs, {"preset": preset, "seed": seed})
    os.replace(work / "reference", output)
    shutil.rmtree(work)
    return output


def melt_runs(topology: Topology, settings: MeltPreset, work: Path, seed: int) -> dict[str, MeltRun]:
    """The melts of a preset by split, each in its own folder with its own seed."""
    runs = {}
    for index, (name, frames) in enumerate(settings.splits):
        own = int(np.random.SeedSequence([seed, index]).generate_state(1)[0] % 2**31)
        runs[name] = MeltRun(topology, settings, work / name, frames, own, threads=os.cpu_count() or 1)
    return runs


def _prepare_work(output: Path, recipe: dict[str, Any], resume: bool) -> Path:
    """The folder of checkpoints; emptied where it belongs to other settings."""
    work = output.with_name(f".{output.name}.work")
    record, text = work / "recipe.json", json.dumps(recipe, indent=1)
    if work.exists() and not (resume and record.is_file() and record.read_text() == text):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    record.write_text(text)
    return work


def _reporter(
    progress: Progress | None, name: str, run: MeltRun, before: int
) -> Callable[[dict[str, Any]], None] | None:
    if progress is None:
        return None
    length = run.total_steps * run.preset.timestep

    def report(record: dict[str, Any]) -> None:
        stage = record["stage"]
        where = f", {record['time']:.1f} of {length:.1f} ps" if "time" in record else ""
        progress(before + record.get("frames", 0), f"{name}: {stage}{where}")

    return report


def _package(
    folder: Path, topology: Topology, settings: MeltPreset, runs: dict[str, MeltRun], record: dict[str, Any]
) -> None:
    """Checks every melt and writes trajectories and provenance."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    splits = {name: _write_split(folder, name, run) for name, run in runs.items()}
    field = topology.force_field
    provenance = {
        "system": "sps",
        "state": f"{settings.temperature:.0f}K",
        **record,
        "temperature": settings.temperature,
        "pressure_bar": settings.pressure,
        "n_atoms": settings.n_chains * topology.n_atoms,
        "n_molecules": settings.n_chains,
        "engine": "OpenMM, CPU platform",
        "force_field": "" if field is None else field.source,
        "integrator": {
            "name": "LangevinMiddleIntegrator",
            "time_step_ps": settings.timestep,
            "friction_per_ps": settings.friction,
            "constraints": "all bonds",
            "hydrogen_mass": settings.hydrogen_mass,
            "barostat": f"MonteCarloBarostat, isotropic, every {settings.barostat_interval} steps",
        },
        "nonbonded": {
            "cutoff_nm": polystyrene.CUTOFF,
            "reaction_field": polystyrene.REACTION_FIELD,
            "dispersion_correction": True,
        },
        "parameters": asdict(settings),
        "splits": splits,
        "generalisation": None,
        **environment(("openmm", "numpy", "scipy", "MDAnalysis")),
    }
    (folder / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")


def _write_split(folder: Path, name: str, run: MeltRun) -> dict[str, Any]:
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    settings, topology = run.preset, run.topology
    positions, boxes = run.read_frames()
    checks = check_structure(topology, positions, boxes) | check_state(
        run.read_log(), settings.temperature, settings.density, settings.tolerance
    )
    chains = positions.reshape(len(positions), -1, topology.n_atoms, 3)
    halves = np.array_split(chains, 2)
    backbone = np.array(polystyrene.backbone())
    checks["trans_fraction"] = round(trans_fraction(chains, backbone), 4)
    checks["trans_fraction_of_halves"] = [round(trans_fraction(half, backbone), 4) for half in halves]
    path = folder / f"{name}.xtc"
    with XTCFile(str(path), "w") as file:
        for i, (frame, box) in enumerate(zip(positions, boxes, strict=True)):
            file.write(
                frame.astype(np.float32), box.astype(np.float32), i, i * settings.interval, XTC_PRECISION
            )
    return {
        "file": path.name,
        "runs": [len(positions)],
        "interval_ps": settings.interval,
        "sha256": sha256(path),
        "seed": run.seed,
        "note": f"one melt, built on its own; first frame {settings.hot:g} ps at "
        f"{settings.hot_temperature:g} K and {settings.equilibration + settings.interval:g} ps at "
        f"{settings.temperature:g} K after the compression",
        "checks": checks,
    }
