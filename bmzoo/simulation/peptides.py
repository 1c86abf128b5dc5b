"""Reference data of the peptides: alanine dipeptide (``adp``) and chignolin (``cln``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import unknown
from bmzoo.folders import work_folder
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.simulation import chignolin, dipeptide
from bmzoo.simulation.chignolin_states import SEQUENCE as CHIGNOLIN_SEQUENCE
from bmzoo.simulation.chignolin_states import STATES as CHIGNOLIN_STATES
from bmzoo.simulation.chignolin_states import classify
from bmzoo.simulation.chunks import FRICTION, TIME_STEP, derive_seed
from bmzoo.simulation.peptide_build import (
    FORCE_FIELD_FILES,
    HYDROGEN_MASS,
    Peptide,
    atom_classes,
    create_system,
)
from bmzoo.simulation.peptide_geometry import are_left_handed, are_trans, dihedrals, phi_psi_atoms
from bmzoo.simulation.peptide_output import Split, write_reference

Progress = Callable[[int, str], None]

FORCE_FIELD = "amber99sb-ildn (Lindorff-Larsen et al., Proteins 78, 1950, 2010) with OBC2 implicit water"
STATES = MappingProxyType({"adp": "300K", "cln": "350K"})
SEQUENCES = MappingProxyType({"adp": dipeptide.SEQUENCE, "cln": CHIGNOLIN_SEQUENCE})

DIPEPTIDE_PRESETS: Mapping[str, dipeptide.DipeptidePreset] = MappingProxyType(
    {
        "tiny": dipeptide.DipeptidePreset(
            filling=20.0,
            sampling=20.0,
            sampling_interval=0.4,
            chunk=20.0,
            n_segments=(4, 3),
            segment_frames=5,
        ),
        "small": dipeptide.DipeptidePreset(),
        "paper": dipeptide.DipeptidePreset(
            filling=50000.0, sampling=500000.0, n_segments=(100, 20), segment_frames=5000
        ),
    }
)
CHIGNOLIN_PRESETS: Mapping[str, chignolin.ChignolinPreset] = MappingProxyType(
    {
        "tiny": chignolin.ChignolinPreset(
            annealing=0.1, folded=0.4, hot=0.4, shifted=0.4, attempts=1, biased=1.0, chunk=1.0,
            n_seeds=(2, 1), n_misfolded=(1, 1), seed_discard=0.1, seed_frames=3, seed_interval=0.2,
            kinetics_runs=1, kinetics_chunks=2, kinetics_frames=2, kinetics_interval=0.2,
        ),
        "small": chignolin.ChignolinPreset(),
        "paper": chignolin.ChignolinPreset(
            folded=10000.0, hot=10000.0, shifted=10000.0, biased=500000.0, chunk=1000.0,
            n_seeds=(3000, 700), n_misfolded=(300, 100),
            seed_discard=100.0, seed_frames=500, seed_interval=100.0, kinetics_runs=50, kinetics_chunks=100,
            kinetics_frames=100, platform="fastest",
        ),
    }
)  # fmt: skip
"""``paper`` follows the 3,744 runs of 50 ns, a frame every 100 ps, of the set that Shmilovich et al. 2022
use (Wang et al., ACS Cent. Sci. 5, 755, 2019), in implicit instead of explicit water: for a GPU."""


def build(
    system: str,
    preset: str,
    output: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    resume: bool = True,
) -> Path:
    """Runs the recipe of a peptide and writes its reference folder.

    The dynamics is kept in ``.<output>.work`` beside the output, from where a killed build goes on;
    it is removed when the folder is complete.

    Args:
        system: ``adp`` or ``cln``.
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
        output: folder to create; see :mod:`bmzoo.systems.reference`.
        seed: of builds, velocities, Langevin forces and choices.
        progress: called with the runs done and what is being done.
        resume: use what an interrupted build with the same settings left.

    Raises:
        InputError: unknown names, ``output`` exists, or another process makes it.
    """
    if system not in STATES:
        raise unknown("peptide", system, tuple(STATES))
    presets: Mapping[str, Any] = DIPEPTIDE_PRESETS if system == "adp" else CHIGNOLIN_PRESETS
    if preset not in presets:
        raise unknown("preset", preset, tuple(presets))
    settings = presets[preset]
    recipe = {"system": system, "preset": asdict(settings), "seed": seed}
    run = _build_dipeptide if system == "adp" else _build_chignolin
    with work_folder(output, recipe, resume=resume) as work:
        if progress is not None:
            progress(0, "")
        peptide, splits, summary = run(work, settings, seed, _Counter(progress))
        record = {"system": system, "state": STATES[system], "preset": preset, "seed": seed} | summary
        masses = np.array([atom.element.mass._value for atom in peptide.topology.atoms()])
        write_reference(
            output, work / "reference", splits, masses, record | _engine_record(system, asdict(settings))
        )
    return output


def peptide_topology(system: str) -> tuple[MolecularGraph, ForceField]:
    """Graph and force field of a peptide, straight from the engine; the systems embed them as JSON."""
    from bmzoo.simulation.extract import force_field_from_openmm, graph_from_openmm
    from bmzoo.simulation.peptide_build import build_peptide

    peptide = build_peptide(SEQUENCES[system])
    types = atom_classes(peptide.topology)
    graph = graph_from_openmm(peptide.topology, types, peptide.positions, system.upper())
    force_field = force_field_from_openmm(
        create_system(peptide.topology, constrained=False, repartition=False),
        types,
        constrained=create_system(peptide.topology),
        source=f"{FORCE_FIELD}, from OpenMM's {' and '.join(FORCE_FIELD_FILES)}",
    )
    return graph, force_field


@dataclass
class _Counter:
    """Counts the runs done for a progress callback."""

    progress: Progress | None
    done: int = 0

    def __call__(self, what: str) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, what)


def _build_dipeptide(
    work: Path, preset: dipeptide.DipeptidePreset, seed: int, progress: _Counter
) -> tuple[Peptide, dict[str, Split], dict[str, Any]]:
    peptide = dipeptide.make_peptide(seed)
    splits: dict[str, Split] = {}
    explored: dict[str, Any] = {}
    for index, name in enumerate(("train", "test")):
        runs, shares = dipeptide.run_split(work / name, peptide, preset, index, seed, progress)
        frames = np.concatenate([run.positions for run in runs])
        splits[name] = Split(
            [run.positions for run in runs],
            preset.segment_interval,
            precision=10000.0,
            forces=[run.forces for run in runs] if index == 0 else (),
            note=f"unbiased segments, {preset.segment_discard} ps discarded, from frames of the {name} walk",
            checks=_dipeptide_checks(peptide, frames) | _energy_checks([run.energies for run in runs]),
        )
        explored[name] = shares
    summary = {
        "note": "segments started in proportion to the reweighted populations of a walk with a frozen "
        "metadynamics bias on phi; train and test walks are independent",
        "reweighted_populations": explored,
        "checks": {
            "jsd_phi_psi_train_test": phi_psi_divergence(
                peptide, splits["train"].frames, splits["test"].frames
            )
        },
    }
    return peptide, splits, summary


def _build_chignolin(
    work: Path, preset: chignolin.ChignolinPreset, seed: int, progress: _Counter
) -> tuple[Peptide, dict[str, Split], dict[str, Any]]:
    peptide = chignolin.make_peptide(seed)
    splits: dict[str, Split] = {}
    chosen: dict[str, NDArray[np.float32]] = {}
    note = "seeded ensemble: populations are not thermodynamic"
    for index, walk in enumerate(("train", "test")):
        found = chignolin.explore(work / walk, peptide, preset, derive_seed(seed, walk))
        chosen[walk] = chignolin.choose_seeds(
            peptide, found, preset.n_seeds[index], preset.n_misfolded[index]
        )
    for walk, seeds in chosen.items():
        runs = chignolin.run_seeds(
            work / f"{walk}-seeds", peptide, seeds, preset, derive_seed(seed, walk, "seeds"), progress
        )
        splits[walk] = _chignolin_split(
            peptide, [r.positions for r in runs], preset.seed_interval,
            f"{note}; {len(runs)} of {len(seeds)} seeds far apart, from the {walk} walk",
        )  # fmt: skip
    long = chignolin.run_kinetics(
        work / "kinetics", peptide, chosen["test"], preset, derive_seed(seed, "kinetics"), progress
    )
    splits["kinetics"] = _chignolin_split(
        peptide, long, preset.kinetics_interval, f"{note}; contiguous runs from seeds of the test walk"
    )
    return peptide, splits, {"note": note}


def _chignolin_split(peptide: Peptide, runs: list[NDArray[np.float32]], interval: float, note: str) -> Split:
    frames = np.concatenate(runs)
    counts = np.bincount(classify(peptide, frames), minlength=len(CHIGNOLIN_STATES))
    checks = {
        "frames_by_state": dict(zip(CHIGNOLIN_STATES, counts.tolist(), strict=True)),
        **_geometry_checks(peptide, frames),
    }
    return Split(runs, interval, note=note, checks=checks)


def _geometry_checks(peptide: Peptide, frames: NDArray[np.float32]) -> dict[str, Any]:
    return {
        "all_trans": bool(are_trans(peptide, frames).all()),
        "all_left_handed": bool(are_left_handed(peptide, frames).all()),
    }


def _energy_checks(energies: list[NDArray[np.float64]]) -> dict[str, Any]:
    values = np.concatenate(energies)
    return {
        "potential_energy_mean": round(float(values.mean()), 3),
        "potential_energy_sd": round(float(values.std()), 3),
    }


def _dipeptide_checks(peptide: Peptide, frames: NDArray[np.float32]) -> dict[str, Any]:
    half = len(frames) // 2
    return {
        "populations": dipeptide.populations(peptide, frames),
        "jsd_phi_psi_halves": phi_psi_divergence(peptide, frames[:half], frames[half:]),
        **_geometry_checks(peptide, frames),
    }


def phi_psi_divergence(peptide: Peptide, first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Jensen-Shannon divergence (base 2) of two (phi, psi) histograms of 36 x 36 cells."""
    edges = np.linspace(-np.pi, np.pi, 37)
    shares = []
    for frames in (first, second):
        phi, psi = dihedrals(frames, phi_psi_atoms(peptide, 1)).T
        counts = np.histogram2d(phi, psi, bins=(edges, edges))[0].ravel()
        shares.append(counts / counts.sum())
    mean = (shares[0] + shares[1]) / 2
    terms = [np.sum(p[p > 0] * np.log2(p[p > 0] / mean[p > 0])) for p in shares]
    return round(float(np.sum(terms)) / 2, 5)


def _engine_record(system: str, preset: dict[str, Any]) -> dict[str, Any]:
    temperature = dipeptide.TEMPERATURE if system == "adp" else chignolin.TEMPERATURE
    return {
        "temperature": temperature,
        "engine": "OpenMM",
        "platform": "Reference" if system == "adp" else preset["platform"],
        "force_field": f"{FORCE_FIELD}; files {', '.join(FORCE_FIELD_FILES)}",
        "sequence": f"ACE-{SEQUENCES[system]}-NME",
        "integrator": {
            "name": "LangevinMiddleIntegrator", "time_step_ps": TIME_STEP, "friction_per_ps": FRICTION,
            "constraints": "bonds to hydrogen", "hydrogen_mass": HYDROGEN_MASS,
        },
        "parameters": preset,
    }  # fmt: skip
