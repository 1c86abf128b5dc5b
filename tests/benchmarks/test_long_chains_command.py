"""Scores of long chains as a command, on chains made up for it."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import write_frames
from bmzoo.molecules import polystyrene
from bmzoo.molecules.polystyrene_beads import bead_chain
from bmzoo.simulation.polystyrene_chain import chain_from_torsions

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


def test_scores_and_frames(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    topology, rng = polystyrene.build_topology(496.0, 96), np.random.default_rng(0)
    atoms = chain_from_torsions(topology.graph, np.pi + 0.15 * rng.standard_normal(189), rng)
    beads = topology.mapping.apply(atoms)
    where, out = tmp_path / "beads", tmp_path / "out"
    where.mkdir()
    write_frames(where / "1.gro", [Frame(beads, box=30.0 * np.eye(3))], bead_chain())
    monkeypatch.syspath_prepend(str(SCRIPTS))
    arguments = ["--published", where, "--every", 12, "--backends", "equivariant", "--output", out]
    monkeypatch.setattr(sys, "argv", ["long_chains.py", *map(str, arguments), "--refine", "none"])
    importlib.import_module("long_chains").main()
    reference, floor, row = json.loads((out / "long_chains.json").read_text())["rows"]
    assert reference["angle JSD"] == reference["C-C g(r)"] == 0.0
    assert 0 < floor["dihedral JSD"] < 0.02
    assert row["right hand %"] == 100.0
    assert row["CG RMSD nm"] < 1e-3
    assert row["angle[C-C-C]"] > floor["angle[C-C-C]"]
    assert (out / "equivariant-none.xtc").is_file()
