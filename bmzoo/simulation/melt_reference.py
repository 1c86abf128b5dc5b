"""From runs of melts, liquids and crystals to a reference folder: checks, trajectories, provenance."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.folders import work_folder
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.condensed_run import CondensedRun
from bmzoo.simulation.melt_checks import check_state, check_structure
from bmzoo.simulation.melt_presets import RunPreset
from bmzoo.simulation.provenance import environment, sha256

Floats = NDArray[np.float64]
Progress = Callable[[int, str], None]

XTC_PRECISION = 1e4
"""Positions are kept to 1e-4 nm."""


@dataclass(frozen=True)
class RunRecipe:
    """What a reference folder is made of, but for the seed.

    Attributes:
        system: name in the zoo.
        preset: name of the settings.
        make_run: topology, settings, folder, number of frames, seed and threads to a run.
        describe: what to say of molecules ``(n_frames, n_molecules, n_atoms, 3)`` and boxes
            ``(n_frames, 3, 3)``, nm; it may refuse them.
        state: of the system; by default its temperature.
    """

    system: str
    preset: str
    topology: Topology
    settings: RunPreset
    make_run: Callable[..., CondensedRun]
    describe: Callable[[Floats, Floats], dict[str, Any]] = lambda *_: {}
    state: str = ""

    def build(
        self, output: Path, *, seed: int = 0, progress: Progress | None = None, resume: bool = True
    ) -> Path:
        """Makes the folder: one independent run for each split.

        The dynamics is kept in ``.<output>.work`` beside the output until the folder is complete.

        Args:
            output: folder to create; see :mod:`bmzoo.systems.reference`.
            seed: of conformers, velocities, thermostat and barostat.
            progress: called with the frames done and what is being done.
            resume: go on with what an interrupted build with the same settings left.

        Raises:
            InputError: ``output`` exists, another process makes it, or a run fails its physical checks.
        """
        recipe = {"system": self.system, "preset": asdict(self.settings), "seed": seed}
        with work_folder(output, recipe, resume=resume) as work:
            if progress is not None:
                progress(0, "")
            runs = self.runs(work, seed)
            done = 0
            for name, run in runs.items():
                run.run(_reporter(progress, name, run, done))
                done += run.frames
            self._package(work / "reference", runs, seed)
            os.replace(work / "reference", output)
        return output

    def runs(self, work: Path, seed: int) -> dict[str, CondensedRun]:
        """The runs by split, each in its own folder with its own seed; OPENMM_CPU_THREADS is obeyed."""
        threads = int(os.environ.get("OPENMM_CPU_THREADS") or os.cpu_count() or 1)
        runs = {}
        for index, (name, frames) in enumerate(self.settings.splits):
            own = int(np.random.SeedSequence([seed, index]).generate_state(1)[0] % 2**31)
            runs[name] = self.make_run(
                self.topology, self.settings, work / name, frames, own, threads=threads
            )
        return runs

    def _package(self, folder: Path, runs: dict[str, CondensedRun], seed: int) -> None:
        """Checks every run and writes trajectories and provenance."""
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        splits = {name: self._write_split(folder, name, run) for name, run in runs.items()}
        settings = self.settings
        provenance = {
            "system": self.system,
            "state": self.state or f"{settings.temperature:.0f}K",
            "preset": self.preset,
            "seed": seed,
            "temperature": settings.temperature,
            "n_atoms": settings.n_chains * self.topology.n_atoms,
            "n_molecules": settings.n_chains,
            "engine": "OpenMM, CPU platform",
            **self.describe_dynamics(runs),
            "parameters": asdict(settings),
            "splits": splits,
            "generalisation": None,
            **environment(("openmm", "numpy", "scipy", "MDAnalysis")),
        }
        (folder / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")

    def describe_dynamics(self, runs: dict[str, CondensedRun]) -> dict[str, Any]:
        """Force field, integrator and ensemble."""
        settings = self.settings
        return {
            "pressure_bar": settings.pressure,
            **_describe_force_field(self.topology.force_field),
            "integrator": {
                "name": "LangevinMiddleIntegrator",
                "time_step_ps": settings.timestep,
                "friction_per_ps": settings.friction,
                "constraints": "all bonds",
                "hydrogen_mass": settings.hydrogen_mass,
                "barostat": f"{next(iter(runs.values())).barostat}, every {settings.barostat_interval} steps",
            },
        }

    def check(self, run: CondensedRun, positions: Floats, boxes: Floats) -> dict[str, Any]:
        """Whether frames ``(n_frames, n_atoms, 3)`` nm are sound; it may refuse them."""
        settings, topology = self.settings, self.topology
        checks = check_structure(topology, positions, boxes) | check_state(
            run.read_log(), settings.temperature, settings.density, settings.tolerance
        )
        return checks | {"explosions": run.explosions}

    def _write_split(self, folder: Path, name: str, run: CondensedRun) -> dict[str, Any]:
        from MDAnalysis.lib.formats.libmdaxdr import XTCFile

        settings, topology = self.settings, self.topology
        positions, boxes = run.read_frames()
        checks = self.check(run, positions, boxes)
        checks |= self.describe(positions.reshape(len(positions), -1, topology.n_atoms, 3), boxes)
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
            "note": run.history,
            "checks": checks,
        }


def _describe_force_field(field: ForceField | None) -> dict[str, Any]:
    if field is None:
        return {"force_field": ""}
    return {
        "force_field": field.source,
        "nonbonded": {
            "cutoff_nm": field.cutoff,
            "reaction_field": field.reaction_field,
            "dispersion_correction": field.dispersion_correction,
        },
    }


def _reporter(
    progress: Progress | None, name: str, run: CondensedRun, before: int
) -> Callable[[dict[str, Any]], None] | None:
    if progress is None:
        return None
    length = run.total_steps * run.preset.timestep

    def report(record: dict[str, Any]) -> None:
        stage = record["stage"]
        where = f", {record['time']:.1f} of {length:.1f} ps" if "time" in record else ""
        progress(before + record.get("frames", 0), f"{name}: {stage}{where}")

    return report
