"""The recipes of the peptides, run at the tiny preset."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from bmzoo.errors import InputError
from bmzoo.simulation import chignolin, dipeptide, peptides
from bmzoo.simulation.chunks import derive_seed
from bmzoo.simulation.peptide_build import build_peptide
from bmzoo.simulation.peptide_geometry import are_left_handed, are_trans, dihedrals, phi_psi_atoms
from bmzoo.simulation.resampling import (
    farthest_points,
    largest_remainder,
    spread_order,
    systematic_resampling,
)


def read_xtc(path: Path) -> np.ndarray:
    with XTCFile(str(path)) as file:
        return np.array([frame.x for frame in file])


class Killed(Exception):
    pass


def test_interrupted_build_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def stop(done: int, what: str) -> None:
        if done == 3:
            raise Killed(what)

    with pytest.raises(Killed):
        peptides.build("adp", "tiny", tmp_path / "killed", seed=5, progress=stop)
    assert not (tmp_path / "killed").exists()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / ".killed.work").rglob("*.npz")}
    assert len(kept) >= 5
    resumed = peptides.build("adp", "tiny", tmp_path / "killed", seed=5)
    whole = peptides.build("adp", "tiny", tmp_path / "whole", seed=5)
    for name in ("train", "test"):
        np.testing.assert_array_equal(read_xtc(resumed / f"{name}.xtc"), read_xtc(whole / f"{name}.xtc"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed", "whole"]

    provenance = json.loads((whole / "provenance.json").read_text())
    assert provenance["splits"]["train"]["runs"] == [5] * 4
    assert provenance["splits"]["test"]["runs"] == [5] * 3
    forces = np.load(whole / provenance["splits"]["train"]["forces"])["forces"]
    assert forces.shape == (20, 22, 3)
    assert forces.dtype == np.float16
    assert np.isfinite(forces).all()


def test_chignolin_build(tmp_path: Path) -> None:
    folder = peptides.build("cln", "tiny", tmp_path / "cln", seed=7)
    provenance = json.loads((folder / "provenance.json").read_text())
    assert "not thermodynamic" in provenance["note"]
    assert provenance["n_atoms"] == 175
    peptide = build_peptide(peptides.SEQUENCES["cln"])
    for name, split in provenance["splits"].items():
        frames = read_xtc(folder / split["file"])
        assert len(frames) == sum(split["runs"]) > 0, name
        assert are_trans(peptide, frames).all()
        assert are_left_handed(peptide, frames).all()
        assert sum(split["checks"]["frames_by_state"].values()) == len(frames)


@pytest.mark.parametrize("seed", [101, 105])
def test_unsound_conformers_are_drawn_again(seed: int) -> None:
    """The minimiser turns a residue of the first conformer D; rdkit cannot embed the other."""
    peptide = chignolin.make_peptide(seed)
    assert are_trans(peptide, peptide.positions[None]).all()
    assert are_left_handed(peptide, peptide.positions[None]).all()


def test_bad_requests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="adp"):
        peptides.build("apd", "tiny", tmp_path / "x")
    with pytest.raises(InputError, match="small"):
        peptides.build("adp", "smal", tmp_path / "x")
    with pytest.raises(InputError, match="exists"):
        peptides.build("adp", "tiny", tmp_path)
    with pytest.raises(InputError, match="one-letter"):
        build_peptide("1")


def test_built_dihedrals() -> None:
    peptide = build_peptide("A", {1: (-70.0, 140.0)})
    angles = np.degrees(dihedrals(peptide.positions[None], phi_psi_atoms(peptide, 1)))
    np.testing.assert_allclose(angles, [[-70.0, 140.0]], atol=1e-6)
    assert are_trans(peptide, peptide.positions[None]).all()
    assert are_left_handed(peptide, peptide.positions[None]).all()
    assert not are_left_handed(peptide, -peptide.positions[None]).any()


def test_fourier_series_of_a_bias() -> None:
    grid = np.linspace(-np.pi, np.pi, 101)
    table = 3.0 + 2.0 * np.cos(grid) - 1.5 * np.sin(2 * grid) + 0.5 * np.cos(5 * grid)
    series = dipeptide.fourier_series(table)
    np.testing.assert_allclose(dipeptide.evaluate_series(series, grid), table, atol=1e-9)


def test_weights_undo_the_bias() -> None:
    """Uniform samples under V = kT cos(phi) stand for a density proportional to exp(cos(phi))."""
    phi = np.linspace(-np.pi, np.pi, 4001)
    kt = dipeptide.GAS_CONSTANT * dipeptide.TEMPERATURE
    weights = dipeptide.bias_weights(phi, np.array([[0.0, 0.0], [kt, 0.0]]))
    expected = np.exp(np.cos(phi)) / np.exp(np.cos(phi)).sum()
    np.testing.assert_allclose(weights, expected, rtol=1e-9)


def test_resampling() -> None:
    random = np.random.default_rng(1)
    weights = random.random(50)
    counts = np.bincount(systematic_resampling(weights, 1000, random), minlength=50)
    assert np.all(np.abs(counts - 1000 * weights / weights.sum()) < 1.0 + 1e-9)
    assert largest_remainder(np.array([0.8, 0.19, 0.01]), 20).tolist() == [15, 4, 1]
    assert largest_remainder(np.array([0.5, 0.0, 0.5]), 3).sum() == 3
    assert spread_order(6).tolist() == [0, 4, 2, 1, 5, 3]
    assert sorted(spread_order(150).tolist()) == list(range(150))
    line = np.arange(11.0)[:, None]
    assert sorted(farthest_points(line, 3).tolist()) == [0, 5, 10]


def test_seeds_do_not_depend_on_the_machine() -> None:
    assert derive_seed(11, "walk", 0) == derive_seed(11, "walk", 0)
    assert len({derive_seed(11, "segment", k) for k in range(1000)}) == 1000
