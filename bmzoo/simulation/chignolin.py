"""Recipe of the chignolin data (CLN025, ACE-YYDPETGTWY-NME, 350 K): a seeded ensemble.

Unbiased folding is out of reach on CPUs. A hairpin is built, annealed and released; hot runs and
well-tempered metadynamics explore; seeds far apart from each other are then run without bias.
The populations of the result are those of the seeds, not of the Boltzmann distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.simulation.chignolin_states import SEQUENCE, STATES, ca_distances, classify
from bmzoo.simulation.chunks import Chunk, Engine, Start, derive_seed, run_chunk
from bmzoo.simulation.metadynamics import Bias, Variable, run_biased_chunk
from bmzoo.simulation.peptide_build import Peptide, build_peptide, create_system
from bmzoo.simulation.peptide_geometry import are_left_handed, are_trans
from bmzoo.simulation.resampling import farthest_points, largest_remainder, spread_order

if TYPE_CHECKING:
    from openmm import System

TEMPERATURE = 350.0

HAIRPIN = {
    1: (-120.0, 130.0), 2: (-110.0, 130.0), 3: (-85.0, 115.0), 4: (-60.0, -30.0), 5: (-70.0, -25.0),
    6: (-105.0, -5.0), 7: (85.0, 10.0), 8: (-120.0, 150.0), 9: (-115.0, 130.0), 10: (-120.0, 130.0),
}  # fmt: skip
"""(phi, psi) in degrees: two strands, a type I turn at P4-E5 and a G1 bulge at G7."""

HAIRPIN_CONTACTS = (((3, "N"), (8, "O")), ((7, "N"), (3, "O")), ((1, "N"), (10, "O")), ((10, "N"), (1, "O")))
"""Hydrogen bonds (donor N, acceptor O) of the fold, held while annealing."""

SHIFTED_CONTACTS = (((3, "N"), (7, "O")), ((1, "N"), (9, "O")), ((9, "N"), (1, "O")))
"""The same for the misfolded hairpin: the second strand is shifted by one residue."""

Contacts = tuple[tuple[tuple[int, str], tuple[int, str]], ...]

STRONG, GENTLE = 2000.0, 500.0
"""Strengths of the restraints that hold contacts while annealing, kJ/mol/nm2."""

ANNEALING = (500.0, 450.0, 400.0, 350.0)


@dataclass(frozen=True)
class ChignolinPreset:
    """Lengths in ps. ``walks`` explore independently: one feeds train, the other test."""

    annealing: float = 20.0
    folded: float = 200.0
    hot: float = 200.0
    hot_temperature: float = 600.0
    shifted: float = 100.0
    attempts: int = 10
    biased: float = 1000.0
    chunk: float = 50.0
    n_seeds: tuple[int, int] = (84, 32)
    n_misfolded: tuple[int, int] = (14, 6)
    seed_discard: float = 8.0
    seed_frames: int = 36
    seed_interval: float = 1.0
    kinetics_runs: int = 8
    kinetics_chunks: int = 6
    kinetics_frames: int = 25
    kinetics_interval: float = 5.0
    platform: str = "CPU"


def make_peptide(seed: int) -> Peptide:
    """A minimised hairpin; conformers that rdkit cannot embed, whose rings interlock, that have a cis
    peptide bond or a residue turned D by the minimiser are thrown away.

    Raises:
        InputError: none of twenty conformers is sound.
    """
    from openmm import Context, LocalEnergyMinimizer, Platform, VerletIntegrator

    for attempt in range(20):
        try:
            peptide = build_peptide(SEQUENCE, HAIRPIN, seed=seed + attempt)
        except InputError:
            continue
        system = create_system(peptide.topology, constrained=False)
        add_contact_restraints(system, peptide)
        platform = Platform.getPlatformByName("CPU")
        context = Context(system, VerletIntegrator(0.001), platform, {"Threads": "1"})
        context.setPositions(peptide.positions)
        LocalEnergyMinimizer.minimize(context, 5.0, 5000)
        state = context.getState(positions=True, energy=True)
        positions = state.getPositions(asNumpy=True)._value
        sound = are_trans(peptide, positions[None])[0] and are_left_handed(peptide, positions[None])[0]
        if sound and state.getPotentialEnergy()._value < -1000.0:
            return Peptide(peptide.topology, positions)
    raise InputError("no conformer of the hairpin relaxed; build it with another --seed")


def add_contact_restraints(
    system: System, peptide: Peptide, contacts: Contacts = HAIRPIN_CONTACTS, k: float = STRONG
) -> None:
    """Pulls hydrogen bonds together that are longer than 0.3 nm (k in kJ/mol/nm2)."""
    from openmm import CustomBondForce

    force = CustomBondForce(f"0.5*{k}*max(0, r-0.3)^2")
    for donor, acceptor in contacts:
        force.addBond(peptide.atom(*donor), peptide.atom(*acceptor))
    system.addForce(force)


def anneal(
    work: Path,
    name: str,
    peptide: Peptide,
    start: Start,
    contacts: Contacts,
    k: float,
    preset: ChignolinPreset,
    seed: int,
) -> Start:
    """From 500 to 350 K with the contacts restrained; files ``<name>-<temperature>.npz``."""

    def restrained() -> System:
        system = create_system(peptide.topology)
        add_contact_restraints(system, peptide, contacts, k)
        return system

    for temperature in ANNEALING:
        path = work / f"{name}-{temperature:.0f}.npz"
        chunk = run_chunk(
            path, Engine(restrained, temperature, preset.platform), start,
            seed=derive_seed(seed, path.name), n_frames=1, interval=preset.annealing,
        )  # fmt: skip
        start = Start(chunk.end[0])
    return start


def free_engine(peptide: Peptide, preset: ChignolinPreset, temperature: float = TEMPERATURE) -> Engine:
    return Engine(partial(create_system, peptide.topology), temperature, preset.platform)


@dataclass(frozen=True)
class Walk:
    """What one exploration found, ``(n, n_atoms, 3)`` nm: a ``pool`` of all, and ``misfolded`` frames."""

    pool: NDArray[np.float32]
    misfolded: NDArray[np.float32]


def explore(work: Path, peptide: Peptide, preset: ChignolinPreset, seed: int) -> Walk:
    """One walk: the hairpin, annealed; the same unfolding when hot; a biased walk; shifted hairpins.

    The shifted ones are annealed from where the hot run ended. Pulled hard, the turn stays loose, and they
    join the pool; pulled gently, they find the hydrogen bond D3N-G7O of the misfold.
    """
    start = anneal(work, "anneal", peptide, Start(peptide.positions), HAIRPIN_CONTACTS, STRONG, preset, seed)
    folded = _free_run(work, "folded", peptide, start, TEMPERATURE, preset.folded, preset, seed)
    hot = _free_run(work, "hot", peptide, start, preset.hot_temperature, preset.hot, preset, seed)
    biased = _biased_walk(work, peptide, start, preset, seed)
    begin = anneal(work, "shifted", peptide, Start(hot.end[0]), SHIFTED_CONTACTS, STRONG, preset, seed)
    shifted = _free_run(work, "shifted", peptide, begin, TEMPERATURE, preset.shifted, preset, seed)
    pool = np.concatenate([folded.positions, hot.positions, *biased, shifted.positions])
    return Walk(pool, _misfold(work, peptide, hot, preset, seed))


def _misfold(
    work: Path, peptide: Peptide, hot: Chunk, preset: ChignolinPreset, seed: int
) -> NDArray[np.float32]:
    """Frames of a misfolded hairpin that stays so without restraints; the best of a few attempts."""
    best, best_share = hot.positions[:0], -1.0
    for attempt in range(preset.attempts):
        label = f"misfolded-{attempt}"
        start = Start(hot.positions[-1 - attempt * len(hot.positions) // 10])
        begin = anneal(work, label, peptide, start, SHIFTED_CONTACTS, GENTLE, preset, seed)
        run = _free_run(work, label, peptide, begin, TEMPERATURE, preset.shifted, preset, seed)
        frames = run.positions[are_trans(peptide, run.positions)]
        share = float(np.mean(classify(peptide, frames) == 1)) if len(frames) else -1.0
        if share > best_share:
            best, best_share = frames, share
        if best_share > 0.7:
            break
    return best


def _free_run(
    work: Path,
    label: str,
    peptide: Peptide,
    start: Start,
    temperature: float,
    length: float,
    preset: ChignolinPreset,
    seed: int,
) -> Chunk:
    """An unbiased run of ``length`` ps, a frame every two."""
    n_frames = max(1, round(length / 2.0))
    return run_chunk(
        work / f"{label}.npz", free_engine(peptide, preset, temperature), start,
        seed=derive_seed(seed, label), n_frames=n_frames, interval=length / n_frames,
    )  # fmt: skip


def _biased_walk(
    work: Path, peptide: Peptide, start: Start, preset: ChignolinPreset, seed: int
) -> list[NDArray[np.float32]]:
    """Metadynamics on D3N-G7O and D3N-T8O, a frame every picosecond."""
    pool = []
    bias = Bias(
        tuple(Variable((peptide.atom(3, "N"), peptide.atom(other, "O")), 0.2, 2.6, 0.1) for other in (7, 8))
    )
    for number in range(round(preset.biased / preset.chunk)):
        chunk = run_biased_chunk(
            work / f"biased-{number:03d}.npz", free_engine(peptide, preset), bias, work / "hills",
            start, seed=derive_seed(seed, "biased", number),
            n_frames=round(preset.chunk), interval=1.0,
        )  # fmt: skip
        start = chunk.last
        pool.append(chunk.positions)
    return pool


SEED_SHARES = (0.3, 0.25, 0.15, 0.3)
"""How the seeds are spread over ``STATES``."""


def choose_seeds(peptide: Peptide, walk: Walk, count: int, n_misfolded: int) -> NDArray[np.float32]:
    """``count`` structures far apart in CA-distance space, spread over the states, trans and L only;
    then ``n_misfolded`` of the annealed misfolded hairpin."""
    pool = walk.pool[are_trans(peptide, walk.pool) & are_left_handed(peptide, walk.pool)]
    state, features = classify(peptide, pool), ca_distances(peptide, pool)
    present = np.bincount(state, minlength=len(STATES)) > 0
    wanted = largest_remainder(np.where(present, SEED_SHARES, 0.0), count)
    chosen = []
    for index, number in enumerate(wanted):
        members = np.flatnonzero(state == index)
        if number:
            chosen.append(members[farthest_points(features[members], int(number))])
    spread = np.linspace(0, len(walk.misfolded) - 1, n_misfolded).round().astype(int)
    return np.concatenate([pool[np.concatenate(chosen)], walk.misfolded[spread]])


def run_seeds(
    work: Path,
    peptide: Peptide,
    seeds: NDArray[np.float32],
    preset: ChignolinPreset,
    seed: int,
    progress: Callable[[str], None],
) -> list[Chunk]:
    """Unbiased dynamics from every seed, in an order of which every stretch is representative.

    A run in which a peptide bond turns cis is left out.
    """
    engine, runs = free_engine(peptide, preset), []
    for number, structure in enumerate(seeds):
        name = f"seed-{number:03d}"
        chunk = run_chunk(
            work / f"{name}.npz", engine, Start(structure), seed=derive_seed(seed, name),
            n_frames=preset.seed_frames, interval=preset.seed_interval, discard=preset.seed_discard,
        )  # fmt: skip
        progress(f"{work.name}: seed {number + 1} of {len(seeds)}")
        runs.append(chunk)
    ordered = [runs[number] for number in spread_order(len(runs))]
    return [run for run in ordered if are_trans(peptide, run.positions).all()]


def run_kinetics(
    work: Path,
    peptide: Peptide,
    seeds: NDArray[np.float32],
    preset: ChignolinPreset,
    seed: int,
    progress: Callable[[str], None],
) -> list[NDArray[np.float32]]:
    """Long unbiased runs, contiguous, ``(n_frames, n_atoms, 3)`` each, from seeds spread over the list."""
    engine = free_engine(peptide, preset)
    picked = np.linspace(0, len(seeds) - 1, preset.kinetics_runs).round().astype(int)
    runs = []
    for run, index in enumerate(picked):
        start, parts = Start(seeds[index]), []
        for part in range(preset.kinetics_chunks):
            name = f"run-{run:02d}-{part:02d}"
            chunk = run_chunk(
                work / f"{name}.npz", engine, start, seed=derive_seed(seed, name),
                n_frames=preset.kinetics_frames, interval=preset.kinetics_interval,
                discard=0.0 if part else preset.seed_discard,
            )  # fmt: skip
            start = chunk.last
            parts.append(chunk.positions)
            progress(f"kinetics: run {run + 1} of {len(picked)}, part {part + 1}")
        runs.append(np.concatenate(parts))
    return runs
