"""Recipe of the alanine dipeptide data (ACE-ALA-NME, 300 K, a frame every picosecond, forces).

The left-handed basin holds one or two per cent of the population and is visited every few tens of
nanoseconds, too rarely to count on. So: metadynamics on phi fills the barriers, the bias is frozen
and sampled (exact weights), and short unbiased segments start from frames drawn by those weights,
stratified by basin. Train and test come from walks that share nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.simulation.chunks import Chunk, Engine, Start, derive_seed, run_chunk
from bmzoo.simulation.metadynamics import Bias, Variable, run_biased_chunk, total_bias
from bmzoo.simulation.peptide_build import Peptide, build_peptide, create_system
from bmzoo.simulation.peptide_geometry import dihedrals, phi_psi_atoms
from bmzoo.simulation.resampling import largest_remainder, spread_order, systematic_resampling

if TYPE_CHECKING:
    from openmm import System

SEQUENCE = "A"
TEMPERATURE = 300.0
BASINS = ("beta", "alpha_R", "alpha_L")


@dataclass(frozen=True)
class DipeptidePreset:
    """Lengths in ps; (train, test) pairs."""

    filling: float = 12000.0
    sampling: float = 24000.0
    sampling_interval: float = 4.0
    chunk: float = 2000.0
    n_segments: tuple[int, int] = (150, 50)
    segment_frames: int = 200
    segment_interval: float = 1.0
    segment_discard: float = 2.0


def make_peptide(seed: int) -> Peptide:
    """The dipeptide in the beta basin; the dynamics relaxes it."""
    return build_peptide(SEQUENCE, {1: (-80.0, 150.0)}, seed=seed)


def basins(phi: NDArray[np.floating], psi: NDArray[np.floating]) -> NDArray[np.int64]:
    """Index into ``BASINS``: alpha_L (phi between 0 and 130 degrees, the axial C7 ring included),
    alpha_R (psi between -120 and 50 degrees), else beta (C5, polyproline II and C7 equatorial)."""
    phi, psi = np.degrees(phi), np.degrees(psi)
    left = (phi > 0) & (phi < 130)
    right = (psi > -120) & (psi < 50)
    return np.where(left, 2, np.where(right, 1, 0))


def explore(
    work: Path, peptide: Peptide, preset: DipeptidePreset, seed: int
) -> tuple[Chunk, NDArray[np.float64]]:
    """Frames under the frozen bias and their weights ``(n_frames,)``, which sum to one."""
    phi = phi_psi_atoms(peptide, 1)[0]
    bias = Bias((Variable(tuple(phi.tolist()), -np.pi, np.pi, 0.2),), height=1.0, interval=1.0, factor=8.0)
    plain = Engine(partial(create_system, peptide.topology), TEMPERATURE, "Reference")
    start = Start(peptide.positions)
    for number in range(round(preset.filling / preset.chunk)):
        name = f"filling-{number:03d}"
        chunk = run_biased_chunk(
            work / f"{name}.npz", plain, bias, work / "hills", start,
            seed=derive_seed(seed, name), n_frames=1, interval=preset.chunk,
        )  # fmt: skip
        start = chunk.last
    series = fourier_series(total_bias(work / "hills"))
    frozen = Engine(partial(_biased_system, peptide, phi, series), TEMPERATURE, "Reference")
    chunks = []
    for number in range(round(preset.sampling / preset.chunk)):
        name = f"sampling-{number:03d}"
        chunk = run_chunk(
            work / f"{name}.npz", frozen, start, seed=derive_seed(seed, name),
            n_frames=round(preset.chunk / preset.sampling_interval), interval=preset.sampling_interval,
        )  # fmt: skip
        start = chunk.last
        chunks.append(chunk)
    pool = Chunk(
        *(np.concatenate([getattr(c, f) for c in chunks]) for f in ("positions", "energies", "end", "forces"))
    )
    angles = dihedrals(pool.positions, phi[None])[:, 0]
    return pool, bias_weights(angles, series)


def fourier_series(table: NDArray[np.float64], order: int = 8) -> NDArray[np.float64]:
    """``(order + 1, 2)`` cosine and sine coefficients of a bias tabulated from -pi to pi, ends included."""
    transform = np.fft.rfft(table[:-1])[: order + 1] / (len(table) - 1)
    transform *= np.where(np.arange(order + 1) > 0, 2.0, 1.0) * (-1.0) ** np.arange(order + 1)
    return np.stack([transform.real, -transform.imag], axis=1)


def evaluate_series(series: NDArray[np.float64], phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """The bias at ``phi`` (radian), kJ/mol."""
    angles = phi[..., None] * np.arange(len(series))
    value: NDArray[np.float64] = np.cos(angles) @ series[:, 0] + np.sin(angles) @ series[:, 1]
    return value


def bias_weights(phi: NDArray[np.float64], series: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(+V/kT), normalised: undoes a frozen bias V."""
    exponent = evaluate_series(series, phi) / (GAS_CONSTANT * TEMPERATURE)
    weights = np.exp(exponent - exponent.max())
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def _biased_system(peptide: Peptide, phi: NDArray[np.int64], series: NDArray[np.float64]) -> System:
    """The reference system with the frozen bias on one torsion."""
    from openmm import CustomTorsionForce

    system = create_system(peptide.topology)
    terms = [f"({c!r})*cos({k}*theta)+({s!r})*sin({k}*theta)" for k, (c, s) in enumerate(series.tolist())]
    torsion = CustomTorsionForce("+".join(terms))
    torsion.addTorsion(*(int(a) for a in phi))
    system.addForce(torsion)
    return system


def choose_starts(
    peptide: Peptide, pool: Chunk, weights: NDArray[np.float64], count: int, seed: int
) -> NDArray[np.int64]:
    """``count`` frames of the pool: basins by largest remainder, at least one each; systematic within."""
    phi, psi = dihedrals(pool.positions, phi_psi_atoms(peptide, 1)).T
    basin = basins(phi, psi)
    shares = np.bincount(basin, weights, minlength=len(BASINS)).astype(np.float64)
    wanted = largest_remainder(shares, count)
    random = np.random.default_rng(seed)
    chosen = []
    for index, number in enumerate(wanted):
        members = np.flatnonzero(basin == index)
        if number and len(members):
            members = members[np.lexsort((psi[members], np.round(phi[members], 1)))]
            chosen.append(members[systematic_resampling(weights[members], number, random)])
    return np.concatenate(chosen)


def run_split(
    work: Path,
    peptide: Peptide,
    preset: DipeptidePreset,
    split: int,
    seed: int,
    progress: Callable[[str], None],
) -> tuple[list[Chunk], dict[str, float]]:
    """Explores one walk and runs its unbiased segments.

    Args:
        split: 0 is train, with forces; 1 is test.

    Returns:
        The segments, in an order of which every stretch is representative, and the reweighted
        population of every basin.
    """
    pool, weights = explore(work, peptide, preset, derive_seed(seed, "walk", split))
    chosen = choose_starts(
        peptide, pool, weights, preset.n_segments[split], derive_seed(seed, "starts", split)
    )
    plain = Engine(partial(create_system, peptide.topology), TEMPERATURE, "Reference")
    runs = []
    for number, frame in enumerate(chosen):
        name = f"segment-{number:03d}"
        runs.append(
            run_chunk(
                work / f"{name}.npz", plain, Start(pool.positions[frame]),
                seed=derive_seed(seed, "segment", split, number), n_frames=preset.segment_frames,
                interval=preset.segment_interval, discard=preset.segment_discard, forces=split == 0,
            )
        )  # fmt: skip
        progress(f"{work.name}: segment {number + 1} of {len(chosen)}")
    runs = [runs[number] for number in spread_order(len(runs))]
    return runs, populations(peptide, pool.positions, weights)


def populations(
    peptide: Peptide, positions: NDArray[np.floating], weights: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """Share of every basin, by name."""
    phi, psi = dihedrals(positions, phi_psi_atoms(peptide, 1)).T
    counts = np.bincount(basins(phi, psi), weights, minlength=len(BASINS))
    return dict(zip(BASINS, (counts / counts.sum()).round(5).tolist(), strict=True))
