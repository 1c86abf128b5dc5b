"""Iterative Boltzmann inversion of non-bonded potentials.

Reith, Puetz, Mueller-Plathe, J. Comput. Chem. 24, 1624 (2003).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.lattice import perpendicular_widths
from bmzoo.frames.periodic import neighbour_pairs
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.tabulated import BONDED, Key, Table, TabulatedModel, kind_of
from bmzoo.simulation.bonded_matching import match_bonded
from bmzoo.simulation.chain_growth import is_chain
from bmzoo.simulation.coarse_run import langevin_context
from bmzoo.simulation.inversion import correction, inner_terms, invert_bonded, measure, smoothed
from bmzoo.simulation.tabulated_system import build_tabulated

Floats = NDArray[np.float64]
STATE = "inversion.npz"
MATCHING_FIRST, MATCHING = 8, 2
"""Corrections of bonded potentials to single chains, before the first iteration and after each."""


@dataclass(frozen=True)
class InversionSettings:
    """How an inversion is done. nm, ps."""

    cutoff: float = 1.1
    """Of the non-bonded potentials."""
    bin: float = 0.01
    excluded: int = 3
    """Beads up to so many bonds apart have no non-bonded interaction."""
    iterations: int = 14
    damping: float = 0.7
    """Share of each correction that is applied."""
    snapshots: int = 40
    """Frames of each iteration's run that g(r) is taken from."""
    apart: int = 40
    """Steps between them."""
    settle: int = 400
    """Steps before them."""
    timestep: float = 0.005
    friction: float = 5.0
    skip_ends: int = 0
    spans: int = 0
    """Beads so many bonds apart have a potential of their distance; 0: none."""
    correct_bonded: bool = True
    """Correct potentials of angles, dihedrals and spans, too: they are not independent of one another.
    Bonds are stiff and hardly depend on anything."""
    seen: float = 0.02
    """Where the target's g(r) is below this the potential goes on as a parabola."""


class PairCounter:
    """g(r) of non-bonded pairs by kinds of beads, of copies of one molecule."""

    def __init__(self, graph: MolecularGraph, mirror: Mapping[str, str], settings: InversionSettings) -> None:
        self.graph, self.settings = graph, settings
        kinds = [kind_of(t, mirror) for t in graph.types]
        self.names = sorted(set(kinds))
        self._kinds = np.array([self.names.index(k) for k in kinds])
        self._near = graph.topological_distances(settings.excluded).toarray() > 0
        self.keys: tuple[Key, ...] = tuple(combinations_with_replacement(self.names, 2))

    @property
    def n_bins(self) -> int:
        return round(self.settings.cutoff / self.settings.bin)

    @property
    def middles(self) -> Floats:
        """``(n_bins,)`` nm."""
        return np.asarray((np.arange(self.n_bins) + 0.5) * self.settings.bin, dtype=np.float64)

    def __call__(self, frames: Iterable[Frame]) -> Floats:
        """``(n_pairs_of_kinds, n_bins)`` mean g(r), normalised by the density of each frame's box.

        Raises:
            InputError: a frame without a box, or no frames.
        """
        total = [self._one(frame) for frame in frames]
        if not total:
            raise InputError("there are no frames to take a radial distribution function from")
        return np.asarray(np.mean(total, axis=0))

    def _one(self, frame: Frame) -> Floats:
        if frame.box is None:
            raise InputError(f"{frame.name or 'a frame'} has no box; an inversion needs periodic frames")
        if 2 * self.settings.cutoff > perpendicular_widths(frame.box).min():
            raise InputError(
                f"the cutoff of {self.settings.cutoff} nm reaches half of the box of "
                f"{frame.name or 'a frame'}"
            )
        n, n_kinds = self.graph.n_atoms, len(self.names)
        pairs = neighbour_pairs(frame.positions, frame.box, self.settings.cutoff)
        i, j = pairs.first, pairs.second
        kept = ~((i // n == j // n) & self._near[i % n, j % n])
        kinds = np.sort(np.stack([self._kinds[i[kept] % n], self._kinds[j[kept] % n]]), axis=0)
        bins = np.minimum((pairs.distances[kept] / self.settings.bin).astype(int), self.n_bins - 1)
        counts = np.zeros((n_kinds, n_kinds, self.n_bins))
        np.add.at(counts, (kinds[0], kinds[1], bins), 1.0)
        numbers = np.bincount(self._kinds, minlength=n_kinds) * (len(frame) // n)
        shells = 4 / 3 * np.pi * np.diff((np.arange(self.n_bins + 1) * self.settings.bin) ** 3)
        density = 1.0 / np.linalg.det(np.asarray(frame.box))
        rows = []
        for a, b in combinations_with_replacement(range(n_kinds), 2):
            all_pairs = numbers[a] * (numbers[a] - 1) / 2 if a == b else numbers[a] * numbers[b]
            rows.append(counts[a, b] / (all_pairs * density * shells))
        return np.array(rows)


@dataclass
class Inversion:
    """Potentials of a coarse-grained model from mapped frames; run again after a kill, it goes on.

    Args:
        graph: the beads of one molecule.
        frames: mapped frames, molecules whole, all of one number of molecules.
        temperature: K of the frames.
        folder: where the state after every iteration is kept.
        mirror: types of beads that are mirror images of one another, both ways.
    """

    graph: MolecularGraph
    frames: Sequence[Frame]
    temperature: float
    folder: Path
    settings: InversionSettings
    mirror: Mapping[str, str]
    seed: int = 0
    threads: int = 1
    source: str = ""

    def check(self) -> None:
        """Looks at the frames before anything is simulated.

        Raises:
            InputError: a frame without a box, or with one too small for the cutoff; too few frames.
        """
        _ = self.target, self.bonded

    def run(self, listener: Callable[[dict[str, Any]], None] | None = None) -> TabulatedModel:
        """All iterations; the model of the one whose g(r) came nearest to the target's."""
        self.folder.mkdir(parents=True, exist_ok=True)
        model, positions, log = self._begin()
        for iteration in range(len(log), self.settings.iterations):
            frames, heat = self._simulate(model, positions, iteration)
            positions, found = self._chains(frames[-1]).reshape(-1, 3), self.counter(frames)
            samples = self._samples(np.concatenate([self._chains(f) for f in frames]))
            record = {
                "iteration": iteration,
                "temperature": round(heat, 2),
                **self._deviation(found),
                "bonded_jsd": self._divergences(samples),
            }
            model.save(self._file(iteration))
            log.append(record)
            model = self._matched(self._corrected(model, found, samples), MATCHING, iteration + 1)
            self._save(model, positions, log)
            if listener is not None:
                listener(record)
        best = int(np.argmin([record["mean_difference"] for record in log]))
        return TabulatedModel.load(self._file(best))

    @property
    def log(self) -> list[dict[str, Any]]:
        """One record an iteration."""
        return self._begin()[2]

    @cached_property
    def counter(self) -> PairCounter:
        return PairCounter(self.graph, self.mirror, self.settings)

    @cached_property
    def target(self) -> Floats:
        """g(r) of the frames."""
        return self.counter(self.frames)

    @cached_property
    def chains(self) -> Floats:
        """``(n_molecules, n_beads, 3)`` nm, of all frames."""
        return np.concatenate([self._chains(f) for f in self.frames])

    @cached_property
    def samples(self) -> dict[str, dict[Key, Floats]]:
        """Bonded distances and angles of the frames by class."""
        return self._samples(self.chains)

    def _chains(self, frame: Frame) -> Floats:
        return np.asarray(frame.positions, dtype=np.float64).reshape(-1, self.graph.n_atoms, 3)

    def _samples(self, chains: Floats) -> dict[str, dict[Key, Floats]]:
        s = self.settings
        found = {}
        for what in BONDED if s.spans else BONDED[:3]:
            terms = inner_terms(self.graph, self.mirror, what, s.skip_ends, s.spans)
            if terms.keys:
                found[what] = measure(chains, terms, what)
        return found

    def _file(self, iteration: int) -> Path:
        return self.folder / f"model_{iteration:03d}.json"

    @cached_property
    def bonded(self) -> dict[str, dict[Key, Table]]:
        return invert_bonded(
            self.chains,
            self.graph,
            self.temperature,
            mirror=self.mirror,
            skip_ends=self.settings.skip_ends,
            spans=self.settings.spans,
        )

    @property
    def edge(self) -> float:
        """nm, of a cube of the frames' mean volume."""
        return float(np.cbrt(np.mean([np.linalg.det(np.asarray(f.box)) for f in self.frames])))

    def _begin(self) -> tuple[TabulatedModel, Floats, list[dict[str, Any]]]:
        """The model to try next, positions, log."""
        state = self.folder / STATE
        if state.is_file():
            with np.load(state) as data:
                log = json.loads(str(data["log"]))
                return TabulatedModel.load(self._file(len(log))), data["positions"], log
        kt = GAS_CONSTANT * self.temperature
        start = [self._completed(-kt * _log(g), g) for g in self.target]
        model = TabulatedModel(
            **self.bonded,
            pairs=self._tables(start),
            excluded=self.settings.excluded,
            temperature=self.temperature,
            mirror=dict(self.mirror),
            source=self.source,
        )
        model = self._matched(model, MATCHING_FIRST, 0)
        first = self.frames[0]
        chains = self._chains(first)
        centres = chains.mean(axis=1, keepdims=True)
        # cell by cell, so that a triclinic box becomes the cube
        moved = centres @ np.linalg.inv(np.asarray(first.box)) * self.edge
        return model, np.asarray(chains - centres + moved).reshape(-1, 3), []

    def _save(self, model: TabulatedModel, positions: Floats, log: list[dict[str, Any]]) -> None:
        model.save(self._file(len(log)))
        part = self.folder / "part.npz"
        np.savez(part, positions=positions, log=json.dumps(log))
        part.replace(self.folder / STATE)

    def _tables(self, energies: Sequence[Floats]) -> dict[Key, Table]:
        """Energies at the middles of bins as tables from 0 to the cutoff, where they are zero.

        The middles are points of the tables, so that nothing is lost from iteration to iteration.
        """
        middles, stop = self.counter.middles, self.settings.cutoff
        grid = np.linspace(0.0, stop, 2 * self.counter.n_bins + 1)
        tables = {}
        for key, row in zip(self.counter.keys, energies, strict=True):
            values = np.interp(grid, [0.0, *middles, stop], [2 * row[0] - row[1], *row, 0.0])
            tables[key] = Table(0.0, stop, values)
        return tables

    def _simulate(
        self, model: TabulatedModel, positions: Floats, iteration: int
    ) -> tuple[list[Frame], float]:
        """Snapshots and their mean temperature."""
        import openmm

        s = self.settings
        n_molecules = len(positions) // self.graph.n_atoms
        system = build_tabulated(model, self.graph, n_molecules, self.edge)
        seed = int(np.random.SeedSequence([self.seed, iteration]).generate_state(1)[0] % 2**31)
        context = langevin_context(system, self.temperature, s.friction, s.timestep, seed, self.threads)
        context.setPositions(positions)
        if iteration == 0:
            openmm.LocalEnergyMinimizer.minimize(context, 100.0, 100)
        context.setVelocitiesToTemperature(self.temperature, seed)
        context.getIntegrator().step(s.settle)
        frames, heats = [], []
        box = np.eye(3) * self.edge
        for _ in range(s.snapshots):
            context.getIntegrator().step(s.apart)
            state = context.getState(positions=True, energy=True)
            frames.append(Frame(state.getPositions(asNumpy=True)._value, box))
            heats.append(2 * state.getKineticEnergy()._value / (3 * len(positions) * GAS_CONSTANT))
        if not np.isfinite(heats).all():
            raise InputError(f"iteration {iteration} of the inversion exploded; take a shorter time step")
        return frames, float(np.mean(heats))

    def _divergences(self, samples: dict[str, dict[Key, Floats]]) -> dict[str, float]:
        """Mean over classes of the divergence (base 2) of 60 bins."""
        return {
            what: round(float(np.mean([divergence(v, self.samples[what][k]) for k, v in of.items()])), 5)
            for what, of in samples.items()
        }

    def _deviation(self, found: Floats) -> dict[str, Any]:
        away = np.abs(found - self.target)
        return {
            "mean_difference": round(float(away.mean()), 5),
            "largest_difference": round(float(away.max()), 4),
            "by_pair": {
                "-".join(k): round(float(a.mean()), 5) for k, a in zip(self.counter.keys, away, strict=True)
            },
        }

    def _corrected(
        self, model: TabulatedModel, found: Floats, samples: dict[str, dict[Key, Floats]]
    ) -> TabulatedModel:
        """``U + damping kT ln(P / P_target)``, of pairs and, if so set, of bonded terms.

        Those of chains are left to :func:`match_bonded`.
        """
        kt, s = GAS_CONSTANT * self.temperature, self.settings
        rows = []
        for key, mine, theirs in zip(self.counter.keys, found, self.target, strict=True):
            table = model.pairs[key]
            energies = np.interp(self.counter.middles, table.grid, table.energies)
            change = smoothed(kt * (_log(mine) - _log(theirs)))
            rows.append(self._completed(energies + np.clip(s.damping * change, -kt, kt), theirs))
        bonded: dict[str, Any] = {
            what: {
                key: replace(
                    table,
                    energies=table.energies
                    + np.clip(
                        s.damping * kt * correction(samples[what][key], self.samples[what][key], table, what),
                        -kt / 2,
                        kt / 2,
                    ),
                )
                for key, table in getattr(model, what).items()
            }
            for what in samples
            if s.correct_bonded and what != "bonds" and not is_chain(self.graph)
        }
        return replace(model, pairs=self._tables(rows), **bonded)

    def _matched(self, model: TabulatedModel, rounds: int, iteration: int) -> TabulatedModel:
        """With the bonded potentials under which single chains are as the frames' are."""
        s = self.settings
        if not (s.correct_bonded and is_chain(self.graph) and model.angles):
            return model
        rng = np.random.default_rng([self.seed, 2, iteration])
        return match_bonded(
            model, self.graph, self.samples, self.temperature, rng, rounds=rounds, skip_ends=s.skip_ends
        )

    def _completed(self, energies: Floats, target: Floats) -> Floats:
        """Zero at the cutoff, and a repulsive core where the target has no pairs."""
        edge = int(np.argmax(target > self.settings.seen))
        r = self.counter.middles
        shifted = energies - energies[-1]
        n = slice(edge, edge + 4)
        slope = min(0.0, float(np.polyfit(r[n], shifted[n], 1)[0]))
        inward = r[edge] - r[:edge]
        kt = GAS_CONSTANT * self.temperature
        shifted[:edge] = shifted[edge] - slope * inward + 0.5 * CORE * kt * inward**2
        return np.asarray(shifted, dtype=np.float64)


CORE = 1000.0
"""Curvature of the core that no pair of the target has reached, kT/nm^2."""


def divergence(ours: Floats, theirs: Floats, bins: int = 60) -> float:
    """Jensen-Shannon divergence in base 2 of two samples, 0 to 1."""
    from scipy.spatial.distance import jensenshannon

    low, high = min(ours.min(), theirs.min()), max(ours.max(), theirs.max())
    one, other = (np.histogram(v, bins, (low, high))[0] for v in (ours, theirs))
    return float(jensenshannon(one, other, base=2) ** 2)


def _log(g: Floats) -> Floats:
    return np.log(np.maximum(g, 1e-3))
