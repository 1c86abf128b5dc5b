"""Structural landscapes: SOAP of monomers, chains and molecules, their sketch-map, clusters, populations.

    python benchmarks/landscapes.py [--systems sps:568K,octane,cumene] [--backends NAME[+REFINEMENT],...]

The map and the clusters are fitted to the reference alone, twice, with two seeds; generated frames are
projected. For polystyrene the published frames are used where they are at hand. Writes into --output:

    SYSTEM-LEVEL.svg            populations on the map, clusters numbered
    SYSTEM-LEVEL-clusters.svg   what becomes of the environments of each cluster
    SYSTEM-stress.svg           the stress of every map, step by step
    SYSTEM.json                 all of it in numbers

docs/landscapes.md says what was found.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import _figures as figures
import numpy as np
from _common import (
    SHARED,
    joined,
    new_parser,
    provenance,
    provenance_line,
    refusals,
    set_threads,
    table,
    write_json,
)
from _scoring import TestSet, embedded_set, load_test_set
from _sources import REFERENCE, Made, make_frames, names, published
from numpy.typing import NDArray

from bmzoo.evaluation import environments as env
from bmzoo.evaluation.histograms import jsd
from bmzoo.evaluation.resampling import compare, finite
from bmzoo.evaluation.sketchmap import SketchMap, fit_sketch_map
from bmzoo.systems import load_system

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BACKENDS = "geometric,fragments,voxel_gan,equivariant"
GRID = 25
OUTSIDE = 0.005
"""Share of the reference beyond either side of the grid before it is widened by ``MARGIN`` of its width: few
lonely points would push all others into a corner. What is outside counts, in the rim."""
MARGIN = 0.2


@dataclass(frozen=True)
class Level:
    """One point on the map: so many beads, or (``None``) the molecule; with its surroundings or alone."""

    name: str
    beads: int | None
    surroundings: bool


LEVELS = {
    "sps": (Level("monomers", 2, True), Level("chains", None, False)),
    "": (Level("molecules", None, False),),
}


@dataclass(frozen=True, eq=False)
class Fitted:
    """A map of the reference with clusters on it."""

    map: SketchMap
    places: Floats
    model: Any
    residual: float

    @property
    def labels(self) -> Ints:
        return np.asarray(self.model.labels_, dtype=np.int64)


def fit(vectors: Floats, options: argparse.Namespace, seed: int, count: int | None) -> Fitted:
    """Map and clusters of the reference's environments."""
    found = fit_sketch_map(vectors, n_landmarks=options.landmarks, seed=seed)
    places, residual = found.project(vectors)
    return Fitted(found, places, env.fit_clusters(places, count, seed), float(residual.mean()))


def fit_twice(vectors: Floats, options: argparse.Namespace) -> tuple[list[Fitted], dict[str, Any]]:
    """Two maps from two seeds with as many clusters, and how far they agree."""
    from sklearn.metrics import adjusted_rand_score

    first = fit(vectors, options, options.seed, options.clusters)
    count = first.model.n_clusters
    fitted = [first, fit(vectors, options, options.seed + 1, count)]
    original = env.fit_clusters(vectors, count, options.seed).labels_
    return fitted, {
        "environments": len(vectors),
        "landmarks": [len(f.map.landmarks) for f in fitted],
        "sigma": [f.map.high.sigma for f in fitted],
        "exponents": {
            "high": [first.map.high.a, first.map.high.b],
            "low": [first.map.low.a, first.map.low.b],
        },
        "stress": [f.map.stress for f in fitted],
        "falls_monotonically": [bool((np.diff(f.map.history) <= 0).all()) for f in fitted],
        "history": [f.map.history.tolist() for f in fitted],
        "clusters": count,
        "rand_between_seeds": float(adjusted_rand_score(fitted[0].labels, fitted[1].labels)),
        "rand_with_soap_space": [float(adjusted_rand_score(f.labels, original)) for f in fitted],
    }


class Landscape:
    """One map, and what is compared on it."""

    def __init__(self, fitted: Fitted, frames: Ints, seed: int) -> None:
        self.fitted, self.frames, self.seed = fitted, frames, seed
        low, high = np.quantile(fitted.places, [OUTSIDE, 1 - OUTSIDE], axis=0)
        margin = MARGIN * (high - low)
        self.low, self.high = low - margin, high + margin
        self.n_clusters = fitted.model.n_clusters
        self.reference = self._counts(fitted.places, frames, fitted.labels)

    @property
    def edges(self) -> list[Floats]:
        return [np.linspace(a, b, GRID + 1) for a, b in zip(self.low, self.high, strict=True)]

    def row(self, found: env.Environments) -> tuple[dict[str, Any], Floats]:
        """Scores of generated environments in the reference's order; counts on the grid."""
        scores, labels, cells = self.scores(found)
        matrix = env.confusion(self.fitted.labels, labels, self.n_clusters)
        kept, kappa = env.agreement(matrix)
        return {**scores, "confusion": matrix.tolist(), "kept": kept, "kappa": kappa}, self.inner(cells)

    def scores(self, found: env.Environments) -> tuple[dict[str, Any], Ints, Floats]:
        """Divergences of environments in any order and number; their clusters; counts on the grid."""
        places, residual = self.fitted.map.project(found.vectors)
        labels = self.fitted.model.predict(places).astype(np.int64)
        cells, populations = self._counts(places, found.frames, labels)
        return (
            {
                "map_jsd": self._compared(self.reference[0], cells),
                "cluster_jsd": self._compared(self.reference[1], populations),
                "populations": (populations.sum(axis=0) / populations.sum()).tolist(),
                "reference_populations": (self.reference[1].sum(axis=0) / self.reference[1].sum()).tolist(),
                "residual": float(residual.mean()),
            },
            labels,
            cells,
        )

    @staticmethod
    def inner(cells: Floats) -> Floats:
        """``(GRID, GRID)`` without the rim."""
        return cells.sum(axis=0).reshape(GRID + 2, GRID + 2)[1:-1, 1:-1]

    def _counts(self, places: Floats, frames: Ints, labels: Ints) -> tuple[Floats, Floats]:
        cells = env.grid_cells(places, self.low, self.high, GRID)
        return (
            env.counts_by_frame(cells, frames, (GRID + 2) ** 2),
            env.counts_by_frame(labels, frames, self.n_clusters),
        )

    def _compared(self, reference: Floats, generated: Floats) -> dict[str, float | None]:
        found = compare(reference, generated, jsd, self.seed)
        return {key: finite(float(getattr(found, key))) for key in ("value", "floor", "stderr")}


def load(name: str, options: argparse.Namespace) -> TestSet:
    """Published frames of polystyrene, otherwise embedded ones."""
    system = load_system(name)
    if system.name == "sps":
        return load_test_set(system.state, data=options.data, frames=options.frames, seed=options.seed)
    return embedded_set(system, options.frames, seed=options.seed)


def make_all(tests: TestSet, options: argparse.Namespace) -> dict[str, Made]:
    made = published(tests)
    for name in names(options.backends):
        made[name] = make_frames(name, tests, seed=options.seed, threads=options.threads)
        print(
            f"{tests.system.name}: {name}, {made[name].cpu_seconds:.3g} CPU s a frame",
            file=sys.stderr,
            flush=True,
        )
    return made


def explore(
    tests: TestSet, made: dict[str, Made], level: Level, options: argparse.Namespace
) -> dict[str, Any]:
    """One level of one system: fits, compares, draws."""
    topology, system = tests.system.topology, tests.system
    groups = env.bead_groups(topology, level.beads, ends=False)
    describe = partial(env.describe, topology=topology, groups=groups, surroundings=level.surroundings)
    began = time.process_time()
    reference = describe(tests.atoms)
    fitted, found = fit_twice(reference.vectors, options)
    found["residual"] = fitted[0].residual
    landscape = Landscape(fitted[0], reference.frames, options.seed)
    surfaces = {REFERENCE: Landscape.inner(landscape.reference[0])}
    rows = {}
    for name, source in made.items():
        rows[name], surfaces[name] = landscape.row(describe(source.frames))
    name = f"{system.name}-{system.state}-{level.name}"
    title = f"{system.title}, {level.name}"
    centres = fitted[0].model.cluster_centers_
    figures.surfaces(
        options.output / f"{name}.svg", surfaces, landscape.edges, title, labels=("", ""), marks=centres
    )
    matrices = {key: np.array(row["confusion"]) for key, row in rows.items()}
    figures.matrices(
        options.output / f"{name}-clusters.svg", matrices, title, labels=("becomes", "reference")
    )
    print(f"{title}: {time.process_time() - began:.3g} CPU s", file=sys.stderr, flush=True)
    return {"system": system.name, "state": system.state, "level": level.name, "source": tests.source,
            "surroundings": level.surroundings, **found, "rows": rows}  # fmt: skip


def tables(found: Sequence[dict[str, Any]]) -> str:
    """A table of the maps and one of the methods."""
    maps = [
        [
            _label(f), str(f["environments"]), f"{f['sigma'][0]:.3f}", *_two(f["stress"], ".5f"),
            "yes" if all(f["falls_monotonically"]) else "no", str(f["clusters"]),
            f"{f['rand_between_seeds']:.3f}", f"{f['rand_with_soap_space'][0]:.3f}",
        ]
        for f in found
    ]  # fmt: skip
    header = ("", "environments", "sigma", "stress", "stress, other seed", "falls", "clusters")
    lines = []
    for f in found:
        for name, row in f["rows"].items():
            scores = [f"{row[k]['value']:.4f}" for k in ("map_jsd", "cluster_jsd")]
            lines.append([_label(f), name, *scores, f"{100 * row['kept']:.1f}", f"{row['kappa']:.2f}",
                          f"{row['residual']:.4f}"])  # fmt: skip
        row = next(iter(f["rows"].values()))
        floors = [
            "-" if row[k]["floor"] is None else f"{row[k]['floor']:.4f}" for k in ("map_jsd", "cluster_jsd")
        ]
        lines.append([_label(f), "reference (floor)", *floors, "-", "-", f"{f['residual']:.4f}"])
    second = ("", "", "map JSD", "cluster JSD", "kept %", "kappa", "residual")
    rand = ("Rand index, two seeds", "Rand index, SOAP space")
    return f"{table((*header, *rand), maps)}\n\n{table(second, lines)}"


def landscape_text(found: dict[str, Any]) -> str:
    """Both tables of one system's results and how they were made, for the documentation."""
    source = found["landscapes"][0]["source"]
    return f"{tables(found['landscapes'])}\n\n{source}. {provenance_line(found)}"


def _label(found: dict[str, Any]) -> str:
    return f"{found['system']} {found['state']}, {found['level']}"


def _two(values: Sequence[float], form: str) -> list[str]:
    return [format(value, form) for value in values]


def draw_stress(path: Path, found: Sequence[dict[str, Any]]) -> None:
    panels = []
    for f in found:
        lines = {
            f"{'first' if k == 0 else 'other'} seed": [(1 + np.arange(len(h)), np.array(h), None)]
            for k, h in enumerate(f["history"])
        }
        panels.append(figures.Panel(_label(f), "steps", lines, "log-log"))
    figures.panels(path, panels, "Stress of the sketch-maps")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__, seed=0, threads=1, data=SHARED, output=Path("docs/landscapes"))
    parser.add_argument("--systems", default="sps:568K,octane,cumene")
    parser.add_argument("--backends", default=BACKENDS, help="(default %(default)s)")
    parser.add_argument("--frames", type=int, default=8, help="of each system, 0: all (default %(default)s)")
    parser.add_argument("--landmarks", type=int, default=200)
    parser.add_argument("--clusters", type=int, help="by default chosen by the silhouette")
    options = parser.parse_args(arguments)
    with refusals():
        run(options)


def run(options: argparse.Namespace) -> None:
    """Of each system figures and numbers are written, and tables printed, when it is done."""
    set_threads(options.threads)
    for name in options.systems.split(","):
        tests = load(name, options)
        made = make_all(tests, options)
        used = {key: m.weights for key, m in made.items() if m.weights}
        levels = LEVELS.get(tests.system.name, LEVELS[""])
        some = [explore(tests, made, level, options) for level in levels]
        origin = provenance(seed=options.seed, threads=options.threads, weights=joined(used))
        file = f"{tests.system.name}-{tests.system.state}"
        cost = {key: m.cpu_seconds for key, m in made.items()}
        found = {"experiment": "landscapes", **origin, "cpu_seconds": cost, "landscapes": some}
        write_json(options.output / f"{file}.json", found)
        draw_stress(options.output / f"{file}-stress.svg", some)
        print(f"{landscape_text(found)}\n")


if __name__ == "__main__":
    main()
