"""Chains of beads against a target: internal coordinates, g(r), sizes, artefacts, local environments."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.morphing.ranges import NonBonded, Ranges
from bmzoo.backends.scaled import stretched
from bmzoo.evaluation import environments
from bmzoo.frames.frame import Frame
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.inversion import inner_terms, measure, smoothed
from bmzoo.simulation.iterative_inversion import InversionSettings, PairCounter, divergence

Floats = NDArray[np.float64]
Samples = dict[str, dict[Any, Floats]]
KINDS = ("bonds", "angles", "dihedrals")
BOND_OF_ATOMS = 0.14
"""nm."""
BINS, CALM, TAIL, PAD = 60, 1.5, 0.005, 8
"""Of bond lengths whose peaks are looked for: bins, those of the Gaussian over them, the share of the target
that is left out at either end, and empty bins around."""
SURE = 2.5
"""Standard errors by which a peak must rise above what surrounds it."""


class Yardstick:
    """A target, and how far chains are from it.

    Divergences are Jensen-Shannon, base 2, of 60 bins over both samples, the mean over classes.

    Args:
        frames: of the target, molecules whole, nm.
        topology: of one chain; every particle is a bead.
        pairs: how g(r) is taken.
        mirror: types of beads that are mirror images.
        skip_ends: terms nearer to an end than so many bonds are left out.
        others: frames of the target that only tell which peaks its bond lengths have.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        topology: Topology,
        pairs: InversionSettings,
        *,
        mirror: Mapping[str, str] | None = None,
        skip_ends: int = 0,
        others: Sequence[Frame] = (),
    ) -> None:
        self.topology, self.graph = topology, topology.graph
        self.mirror, self.skip_ends = mirror or {}, skip_ends
        self.samples = self.measured(frames)
        self.count = PairCounter(self.graph, self.mirror, pairs)
        self.g = self.count(frames)
        self._find = NonBonded(topology)
        seen = [_molecules(f, self.graph) for f in frames]
        self.ranges = Ranges.of(seen, [_box(f) for f in frames], topology, 0.0)
        bonds = list(self.measured([*frames, *others])["bonds"].values())
        self.basins = Basins(bonds[0]) if len(bonds) == 1 else None

    def __call__(self, frames: Sequence[Frame]) -> dict[str, Any]:
        """One row of a table: ``too near`` are non-bonded pairs nearer than the target's nearest per 1000
        particles, ``overstretched`` bonds longer than its longest per 1000 bonds."""
        samples = self.measured(frames)
        found: dict[str, Any] = divergences(samples, self.samples)
        found["g(r)"] = float(np.abs(self.count(frames) - self.g).mean())
        found |= sizes(frames, self.graph)
        bonds = np.concatenate(list(samples["bonds"].values()))
        found["overstretched"] = 1000 * float((bonds > self.ranges.bonds.high).mean())
        found["too near"] = self._too_near(frames)
        return found | (self.basins(bonds) if self.basins else {})

    def floor(self, frames: Sequence[Frame]) -> dict[str, Any]:
        """Divergences of two halves of the target's own frames."""
        if len(frames) < 2:
            return {}
        one, other = frames[: len(frames) // 2], frames[len(frames) // 2 :]
        found = divergences(self.measured(one), self.measured(other))
        return found | {"g(r)": float(np.abs(self.count(one) - self.count(other)).mean())}

    def measured(self, frames: Sequence[Frame], graph: MolecularGraph | None = None) -> Samples:
        """Bond lengths, angles and dihedrals by class; ``graph`` where the chains are shorter or longer."""
        graph = graph or self.graph
        chains = np.concatenate([_molecules(f, graph) for f in frames])
        terms = {what: inner_terms(graph, self.mirror, what, self.skip_ends) for what in KINDS}
        return {what: measure(chains, terms[what], what) for what in KINDS}

    def curves(self, frames: Sequence[Frame]) -> dict[str, tuple[Floats, Floats]]:
        """Densities of all bonds (nm), angles and dihedrals (degrees) over the target's range; g(r)."""
        found = {}
        for what, of in self.measured(frames).items():
            scale = 1.0 if what == "bonds" else np.degrees(1.0)
            wanted, values = (scale * np.concatenate(list(v.values())) for v in (self.samples[what], of))
            density, edges = np.histogram(values, BINS, (wanted.min(), wanted.max()), density=True)
            # of all values, so that what is outside is missed
            share = np.mean((values >= edges[0]) & (values <= edges[-1]))
            found[what] = (edges[:-1] + edges[1:]) / 2, np.nan_to_num(density) * share
        return found | {"g(r)": (self.count.middles, self.count(frames).mean(axis=0))}

    def _too_near(self, frames: Sequence[Frame]) -> float | None:
        # not the target's nearest pair itself
        nearest = self.ranges.non_bonded.low - 1e-6
        if nearest <= 0:
            return None
        pairs = [self._find(_molecules(f, self.graph), _box(f), nearest) for f in frames]
        return 1000 * sum(len(p.first) for p in pairs) / sum(map(len, frames))


class Basins:
    """Peaks of a distribution of bond lengths, and the lowest place between the target's two most prominent.

    Where the target has two, a second peak is there if a peak is on either side of that place; ``short bonds
    %`` is what lies on its near side.
    """

    def __init__(self, values: Floats) -> None:
        low, high = np.quantile(values, [TAIL, 1 - TAIL])
        margin = CALM / BINS * (high - low)
        self.edges = np.linspace(low - margin, high + margin, BINS + 1)
        places, prominence, smooth = self._peaks(values)
        self.border: float | None = None
        if len(places) >= 2:
            first, second = np.sort(places[np.argsort(prominence)[-2:]])
            self.border = float(self._middles[first + int(smooth[first : second + 1].argmin())])

    def __call__(self, values: Floats) -> dict[str, Any]:
        """Of chains that are compared with the target."""
        peaks = self._middles[self._peaks(values)[0]]
        found: dict[str, Any] = {"bond peaks nm": peaks.tolist()}
        if self.border is not None:
            found["second peak"] = bool((peaks < self.border).any() and (peaks > self.border).any())
            found["short bonds %"] = 100 * float((values < self.border).mean())
        return found

    @property
    def _middles(self) -> Floats:
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2)

    def _peaks(self, values: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Bins of the peaks that stand out of the noise, their prominences, and smoothed counts."""
        from scipy.signal import find_peaks

        counts = np.histogram(values, self.edges)[0]
        # zeros around, so that a peak may be at an edge
        smooth = smoothed(np.pad(counts, PAD).astype(np.float64), CALM)
        places, found = find_peaks(smooth, prominence=0)
        # of the peak and of the saddle below it
        noise = np.sqrt((2 * smooth[places] - found["prominences"]) / (2 * np.sqrt(np.pi) * CALM))
        kept = (found["prominences"] > SURE * noise) & (places >= PAD) & (places < BINS + PAD)
        return places[kept] - PAD, found["prominences"][kept], smooth[PAD:-PAD]


@dataclass(frozen=True, eq=False)
class Surface:
    """Local environments of beads against the target's, with other chains around them or without."""

    topology: Topology
    around: bool
    scale: float
    landscape: Any

    @classmethod
    def of(
        cls, target: Sequence[Frame], topology: Topology, options: argparse.Namespace, around: bool
    ) -> Surface:
        """Sketch-map and clusters of the target, with ``options.landmarks`` and ``options.clusters``."""
        from landscapes import Landscape, fit

        # SOAP's lengths are those of atoms
        bonds = np.concatenate([_molecules(f, topology.graph) for f in target])
        lengths = np.linalg.norm(np.diff(bonds[:, topology.graph.bonds], axis=2), axis=-1)
        scale = BOND_OF_ATOMS / float(lengths.mean())
        found = _environments(target, topology, around, scale)
        fitted = fit(found.vectors, options, options.seed, options.clusters)
        return cls(topology, around, scale, Landscape(fitted, found.frames, options.seed))

    def __call__(self, frames: Sequence[Frame]) -> dict[str, float | None]:
        found = _environments(frames, self.topology, self.around, self.scale)
        scores, _, _ = self.landscape.scores(found)
        name = "map" if self.around else "chain map"
        return {
            f"{name} JSD": scores["map_jsd"]["value"],
            f"{name} floor": scores["map_jsd"]["floor"],
            f"{name}, clusters": scores["cluster_jsd"]["value"],
        }


def _environments(
    frames: Sequence[Frame], topology: Topology, around: bool, scale: float
) -> environments.Environments:
    small = [stretched(f, scale) for f in frames]
    groups = environments.bead_groups(topology, 1)
    return environments.describe(small, topology, groups, surroundings=around)


def divergences(found: Samples, wanted: Samples) -> dict[str, float]:
    """Means over classes."""
    return {
        f"{what} JSD": float(np.mean([divergence(values, wanted[what][key]) for key, values in of.items()]))
        for what, of in found.items()
        if of
    }


def sizes(frames: Sequence[Frame], graph: MolecularGraph) -> dict[str, float]:
    """nm: root mean square end-to-end distance and radius of gyration of like beads numbered along the
    chain, contour and Kuhn length."""
    x = np.concatenate([_molecules(f, graph) for f in frames])
    ends = ((x[:, -1] - x[:, 0]) ** 2).sum(-1).mean()
    inside = ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(-1).mean()
    contour = np.linalg.norm(np.diff(x, axis=1), axis=-1).sum(axis=1).mean()
    return {
        "end-to-end nm": float(np.sqrt(ends)),
        "Rg nm": float(np.sqrt(inside)),
        "contour nm": float(contour),
        "Kuhn nm": float(ends / contour),
    }


def text(value: Any) -> str:
    """A cell of a table."""
    if isinstance(value, list):
        return ", ".join(text(v) for v in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _molecules(frame: Frame, graph: MolecularGraph) -> Floats:
    return np.asarray(frame.positions, dtype=np.float64).reshape(-1, graph.n_atoms, 3)


def _box(frame: Frame) -> Floats | None:
    return None if frame.box is None else np.asarray(frame.box, dtype=np.float64)
