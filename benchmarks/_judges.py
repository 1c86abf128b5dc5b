"""What was put back to beads against an ensemble that it does not pair with: atoms, or finer beads."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import _figures as figures
from _chains import Yardstick
from _models import Sides
from _scoring import BACKBONE, Column, Row, cells
from _sources import Made, names

from bmzoo.evaluation.evaluate import Evaluation
from bmzoo.frames.frame import Frame
from bmzoo.molecules.polystyrene_beads import MIRROR
from bmzoo.simulation.iterative_inversion import InversionSettings

Cells = dict[str, Any]
FAMILIES = ("distributions", "packing", "energetics", "consistency", "validity")
COLUMNS = (
    Column("C-C g(r)", "packing/g_cc_mean_abs"),
    *BACKBONE,
    Column("angle JSD", "distributions/angle_jsd"),
    Column("dihedral JSD", "distributions/dihedral_jsd"),
    Column("bond RMSE nm", "distributions/bond_rmse"),
    Column("end-to-end JSD", "distributions/end_to_end_jsd"),
    Column("overlaps /1000", "validity/overlaps_per_1000", digits=2),
    Column("clashes /1000", "validity/clashes_per_1000", digits=2),
    Column("E non-bonded", "energetics/non_bonded_energy_per_atom", "ratio", 2),
    Column("CG RMSD nm", "consistency/cg_rmsd"),
)
SHAPES = ("distributions/angle[C-C-C]", "distributions/proper[C-C-C-C]", "packing/g_inter[C-C]")
FINE_PAIRS = InversionSettings(cutoff=1.1, excluded=4)
"""g(r) of the beads that blobs are made of."""


class Atoms:
    """Atomistic frames against an ensemble that they do not pair with, by the evaluation."""

    def __init__(self, sides: Sides, options: argparse.Namespace) -> None:
        self.sides = sides
        self.evaluation = Evaluation(sides.topology, families=FAMILIES, seed=options.seed)
        self.prepared = self.evaluation.prepare(sides.held_out)
        self.notes: list[str] = []
        self.rows: list[Row] = []

    def __call__(self, name: str, made: Made, beads: Sequence[Frame]) -> tuple[Cells, Cells]:
        """Cells of the table, and all scores."""
        found = self.evaluation.score(self.prepared, made.frames, coarse=beads, simulated=True)
        row = Row(name, self.sides.target.state, found.scores, found.histograms, len(made.frames))
        row.cpu_seconds = made.cpu_seconds
        self.notes += found.notes
        self.rows.append(row)
        return _cells(row), row.as_dict()

    @property
    def floors(self) -> Cells:
        return _cells(self.rows[0], floor=True)

    def draw(self, options: argparse.Namespace) -> None:
        """Distributions of the unrefined frames of the first backend."""
        if options.output:
            # a row for each refinement; the first backend's come first
            step = len(names(options.refine))
            count = len(self.rows) // len(names(options.backends))
            sides = {row.name: row.histograms for row in self.rows[:count:step]}
            path = options.output / f"{options.models}-atoms.svg"
            figures.distributions(path, sides, SHAPES, self.sides.target.title)


class Beads:
    """Frames of a finer model whose particles are beads themselves."""

    notes: tuple[str, ...] = ()

    def __init__(self, sides: Sides) -> None:
        mirror = MIRROR if set(sides.topology.graph.types) <= set(MIRROR) else None
        self.frames = sides.held_out
        self.yardstick = Yardstick(sides.held_out, sides.topology, FINE_PAIRS, mirror=mirror)

    def __call__(self, name: str, made: Made, beads: Sequence[Frame]) -> tuple[Cells, Cells]:
        """Cells of the table, and the same once more."""
        row = self.yardstick(made.frames)
        return row, row

    @cached_property
    def floors(self) -> Cells:
        return self.yardstick.floor(self.frames)

    def draw(self, options: argparse.Namespace) -> None:
        """Nothing: the beads' figure shows what there is to see."""


def _cells(row: Row, *, floor: bool = False) -> Cells:
    return dict(zip((c.label for c in COLUMNS), cells(row, COLUMNS, floor=floor), strict=True))
