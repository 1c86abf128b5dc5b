"""Test sets of polystyrene, and rows of scores: what the experiments of the papers share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from _common import (
    GAN,
    LEAKED,
    MINIMISED,
    N_PUBLISHED,
    SHIFTED,
    lateness,
    provenance_line,
    published_frames,
    table,
)
from numpy.typing import NDArray

from bmzoo.backends.backmapper import Backmapper
from bmzoo.errors import InputError
from bmzoo.evaluation.cost import CostMeter
from bmzoo.evaluation.evaluate import Evaluation, ReferenceStatistics
from bmzoo.evaluation.score import Score, make_score
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.topology import Topology
from bmzoo.pipeline import generate
from bmzoo.simulation.refine import RefineSettings, make_refiner
from bmzoo.systems import load_system
from bmzoo.systems.system import System

PUBLISHED_NAMES = {GAN: "published GAN", MINIMISED: "published, energy-minimised"}
FAMILIES = ("distributions", "packing", "energetics", "consistency", "validity", "detectability", "ensemble")


@dataclass(frozen=True)
class Column:
    """A score as it stands in tables: ``value``, ``percent``, or ``ratio`` to the reference's own."""

    label: str
    key: str
    kind: str = "value"
    digits: int = 4

    def number(self, score: Score | None) -> float | None:
        if score is None:
            return None
        if self.kind == "ratio":
            return score.ratio
        return 100 * score.value if self.kind == "percent" else score.value

    def floor(self, score: Score | None) -> float | None:
        if score is None or score.floor is None:
            return None
        if self.kind == "ratio":
            return 1.0
        return 100 * score.floor if self.kind == "percent" else score.floor


GENERAL = (
    Column("angle JSD", "distributions/angle_jsd"),
    Column("dihedral JSD", "distributions/dihedral_jsd"),
    Column("bond RMSE nm", "distributions/bond_rmse"),
    Column("g(r)", "packing/g_cc_mean_abs"),
    Column("E angle", "energetics/angle_energy_per_atom", "ratio", 2),
    Column("E improper", "energetics/improper_energy_per_atom", "ratio", 2),
    Column("E non-bonded", "energetics/non_bonded_energy_per_atom", "ratio", 2),
    Column("right hand %", "validity/stereocentres_kept", "percent", 2),
    Column("CG RMSD nm", "consistency/cg_rmsd"),
    Column("C2ST AUC", "detectability/c2st_auc", digits=3),
)

LJ = (
    Column("LJ W1 kJ/mol", "energetics/lj_w1", digits=1),
    Column("LJ tail %", "energetics/lj_tail", "percent", 2),
)
BACKBONE = (
    Column("angle C-C-C", "distributions/angle_jsd[C-C-C]"),
    Column("dihedral C-C-C-C", "distributions/proper_jsd[C-C-C-C]"),
)
DIVERSITY = Column("diversity", "ensemble/diversity", digits=2)
COLUMNS = {
    "performance": GENERAL,
    "temperature": GENERAL,
    "steps": GENERAL,
    "chemistry": (*GENERAL, *BACKBONE, *LJ),
    "order": (*GENERAL, *LJ),
    "choice": (*GENERAL, *LJ, DIVERSITY),
    "variants": GENERAL,
}
"""Of the experiments' tables."""


@dataclass
class Row:
    """Scores of one set of generated frames.

    Attributes:
        seconds, cpu_seconds: for one atomistic frame; ``None`` for published frames.
        setting: what distinguishes this row, for curves.
    """

    name: str
    state: str
    scores: dict[str, Score]
    histograms: dict[str, dict[str, NDArray[Any]]]
    n_frames: int
    n_samples: int = 1
    seconds: float | None = None
    cpu_seconds: float | None = None
    setting: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, without histograms and with the scores that say something of the whole."""
        data = {k: v for k, v in vars(self).items() if k not in ("scores", "histograms")}
        kept = {k: s for k, s in self.scores.items() if "[" not in k or "_jsd[" in k}
        fields = ("value", "floor", "stderr", "unit")
        return {**data, "scores": {k: {f: getattr(s, f) for f in fields} for k, s in kept.items()}}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Row:
        """What :meth:`as_dict` keeps."""
        scores = {
            key: make_score(s["value"], s["floor"], s["stderr"], unit=s["unit"])
            for key, s in data["scores"].items()
            if s["value"] is not None
        }
        return cls(**{**data, "scores": scores, "histograms": {}})


@dataclass(frozen=True)
class Drawn:
    """Generated frames and what they cost, for one frame."""

    frames: list[Frame]
    n_samples: int
    seconds: float
    cpu_seconds: float
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class TestSet:
    """Reference frames, their beads, and what the papers' methods made of them, frame by frame."""

    system: System
    atoms: list[Frame]
    published: dict[str, list[Frame]]
    source: str
    seed: int = 0
    library: Callable[[], Iterator[Frame]] | None = None
    """All reference frames of this source, for the conditional spread."""

    @cached_property
    def coarse(self) -> list[Frame]:
        return list(coarse_grain(self.atoms, self.system.topology.mapping))

    @cached_property
    def evaluation(self) -> Evaluation:
        return Evaluation(self.system.topology, families=FAMILIES, seed=self.seed)

    @cached_property
    def prepared(self) -> ReferenceStatistics:
        return self.evaluation.prepare(self.atoms)

    def draw(self, model: Backmapper, samples: int = 1) -> Drawn:
        """Backmaps the test frames."""
        meter, began = CostMeter(), time.process_time()
        frames = list(meter.measure(generate(model, self.coarse, n_samples=samples, seed=self.seed)))
        cpu = time.process_time() - began
        return Drawn(frames, samples, meter.seconds / len(frames), cpu / len(frames))

    def thermalised(self, raw: Drawn, threads: int) -> Drawn:
        """The first sample of every frame, refined."""
        began, cpu = time.perf_counter(), time.process_time()
        atoms = raw.frames[:: raw.n_samples]
        frames, notes = refined(
            self.system.topology, atoms, self.coarse, "thermalise", threads=threads, seed=self.seed
        )
        seconds = (time.perf_counter() - began) / len(frames) + raw.seconds
        cpu = (time.process_time() - cpu) / len(frames) + raw.cpu_seconds
        return Drawn(frames, 1, seconds, cpu, notes)

    def score(self, name: str, drawn: Drawn, **setting: Any) -> Row:
        """Scores of generated frames."""
        row = self._row(name, drawn.frames, drawn.n_samples)
        row.seconds, row.cpu_seconds, row.setting = drawn.seconds, drawn.cpu_seconds, setting
        row.notes += drawn.notes
        return row

    def published_rows(self) -> list[Row]:
        """Scores of the published frames; none where they are absent."""
        return [self._row(PUBLISHED_NAMES[name], frames, 1) for name, frames in self.published.items()]

    def diversity(self, drawn: Drawn) -> Score | None:
        """Spread of the samples over the reference's, which is worked out of all frames at hand."""
        if self.library is None or drawn.n_samples < 2:
            return None
        prepared = self._spread
        found = self._spread_evaluation.score(prepared, drawn.frames, n_samples=drawn.n_samples).scores
        return found.get("ensemble/diversity") or found.get("ensemble/diversity_nm")

    @cached_property
    def _spread_evaluation(self) -> Evaluation:
        return Evaluation(self.system.topology, families=["ensemble"], seed=self.seed)

    @cached_property
    def _spread(self) -> ReferenceStatistics:
        assert self.library is not None
        return self._spread_evaluation.prepare(self.library())

    def _row(self, name: str, frames: list[Frame], n_samples: int) -> Row:
        found = self.evaluation.score(
            self.prepared, frames, reference=self.atoms, coarse=self.coarse, n_samples=n_samples
        )
        shown = Row(name, self.system.state, found.scores, found.histograms, len(self.atoms), n_samples)
        shown.notes = list(found.notes)
        return shown


def refined(
    topology: Topology, atoms: Sequence[Frame], beads: Sequence[Frame], how: str, *, threads: int, seed: int
) -> tuple[list[Frame], tuple[str, ...]]:
    """Frames refined with their beads held, and what was said of those that did not relax."""
    refiner = make_refiner(topology, replace(RefineSettings.parse(how), threads=threads), seed=seed)
    if refiner is None:
        return list(atoms), ()
    found = [refiner.refine(frame, coarse) for frame, coarse in zip(atoms, beads, strict=True)]
    return [f.frame for f in found], tuple(f.message for f in found if not f.relaxed)


def load_test_set(
    state: str, *, data: Path, frames: int, molecules: int | None = None, seed: int = 0
) -> TestSet:
    """Published frames, evenly spread, without those that the published GAN was trained on; without
    the published data, embedded test frames of the system.

    Args:
        frames: how many; 0: all.
        molecules: only the first so many of every frame, to try things out.

    Raises:
        InputError: neither published nor embedded frames of this state.
    """
    system = load_system(f"sps:{state}")
    folder = data / "sps" / state
    if (folder / "aa.xtc").is_file():
        return _published_set(system, folder, frames, molecules, seed)
    if system.reference is None:
        raise InputError(f"there are neither published frames of sps {state} in {data} nor embedded ones")
    found = embedded_set(system, frames, molecules, seed)
    return replace(found, source=f"{found.source}; the published ones were not found at {data}")


def embedded_set(system: System, frames: int, molecules: int | None = None, seed: int = 0) -> TestSet:
    """Test frames that are part of the package, evenly spread.

    Raises:
        InputError: the system has none.
    """
    reference = system.reference
    if reference is None:
        raise InputError(f"{system.name} {system.state} has no embedded frames; build some: bmzoo data build")

    def cut() -> Iterator[Frame]:
        whole = whole_molecules(reference.frames("test"), system.topology, beads=False)
        return (_first(frame, system, molecules) for frame in whole)

    wanted = set(_spread_evenly(range(reference.n_frames("test")), frames))
    atoms = [frame for n, frame in enumerate(cut()) if n in wanted]
    return TestSet(system, atoms, {}, f"{len(atoms)} embedded test frames", seed, cut)


def _published_set(system: System, folder: Path, frames: int, molecules: int | None, seed: int) -> TestSet:
    state, topology = system.state, system.topology
    first = max((lateness(s, m) for s, m in SHIFTED if s == state), default=0)
    usable = [n for n in range(first, N_PUBLISHED) if n not in LEAKED.get(state, ())]
    chosen = _spread_evenly(usable, frames)

    def read(name: str, numbers: Sequence[int]) -> Iterator[Frame]:
        return (_first(f, system, molecules) for f in published_frames(folder, name, topology, numbers))

    atoms = list(read("aa", chosen))
    published = {m: list(read(m, [n - lateness(state, m) for n in chosen])) for m in PUBLISHED_NAMES}
    source = f"{len(atoms)} published frames"
    return TestSet(system, atoms, published, source, seed, lambda: read("aa", usable))


def _spread_evenly(numbers: Sequence[int], count: int) -> list[int]:
    if not 0 < count < len(numbers):
        return list(numbers)
    return [numbers[i] for i in np.linspace(0, len(numbers) - 1, count).round().astype(int)]


def _first(frame: Frame, system: System, molecules: int | None) -> Frame:
    if molecules is None:
        return frame
    return frame.with_positions(frame.positions[: molecules * system.topology.n_atoms])


def cells(row: Row, columns: Sequence[Column], *, floor: bool = False) -> list[str]:
    """One row of a table; or the floors of its scores."""
    found = []
    for column in columns:
        score = row.scores.get(column.key)
        value = column.floor(score) if floor else column.number(score)
        huge = value is not None and abs(value) >= 1e4
        found.append("-" if value is None else f"{value:.1e}" if huge else f"{value:.{column.digits}f}")
    return found


def table_rows(rows: Sequence[Row], columns: Sequence[Column]) -> list[list[str]]:
    """All rows of one state, and below them the floor."""
    found = []
    for row in rows:
        cost = ["-" if s is None else f"{s:.3g}" for s in (row.seconds, row.cpu_seconds)]
        found.append([row.state, row.name, *cells(row, columns), *cost])
    if rows:
        found.append([rows[0].state, "reference (floor)", *cells(rows[0], columns, floor=True), "-", "-"])
    return found


def table_header(columns: Sequence[Column]) -> list[str]:
    return ["state", "", *(column.label for column in columns), "s/frame", "CPU s/frame"]


def experiment_text(found: dict[str, Any]) -> str:
    """Table, sources, notes and provenance of an experiment's JSON, in markdown."""
    rows, columns, lines = [Row.from_dict(row) for row in found["rows"]], COLUMNS[found["experiment"]], []
    for state in dict.fromkeys(row.state for row in rows):
        lines += table_rows([row for row in rows if row.state == state], columns)
    sources = "; ".join(f"{state}: {source}" for state, source in found["test_sets"].items())
    part = f"; the first {found['molecules']} molecules of each" if found["molecules"] else ""
    notes = dict.fromkeys(f"{row.state} {row.name}: {note}" for row in rows for note in row.notes)
    below = " ".join([f"{sources}{part}.", provenance_line(found), *notes])
    return f"{table(table_header(columns), lines)}\n\n{below}"
