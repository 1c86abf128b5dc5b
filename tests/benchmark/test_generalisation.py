"""Rows of both test sets, side by side in results, table, report and comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmzoo.benchmark.compare import compare_results
from bmzoo.benchmark.plan import Settings
from bmzoo.benchmark.results import Results
from bmzoo.benchmark.run import run
from bmzoo.report.page import write_report

SETS = ("in_distribution", "generalisation")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight frames, one sample."""
    output = tmp_path_factory.mktemp("both") / "out"
    run(
        Settings(
            systems=("adp",),
            backends=("geometric",),
            test_sets=SETS,
            frames=8,
            samples=1,
            refine=("none", "thermalise:0.004"),
            output=output,
        )
    )
    return output


def test_rows_of_both_test_sets(folder: Path) -> None:
    results = Results.read(folder / "results.json")
    assert [(row.test_set, row.refine) for row in results.rows] == [
        (name, refine) for name in SETS for refine in ("none", "thermalise:0.004")
    ]
    paired, alone = results.rows[0], results.rows[2]
    assert paired.n_frames == alone.n_frames == 8
    assert {"ensemble/rmsd_mean", "landscape/basin_agreement"} <= set(paired.scores) - set(alone.scores)
    assert {
        "consistency/cg_rmsd",
        "detectability/c2st_auc",
        "distributions/angle_jsd",
        "energetics/equipartition_angle",
        "landscape/phi_psi_jsd",
        "validity/stereocentres_kept",
    } <= set(alone.scores)
    assert alone.scores["consistency/cg_rmsd"]["value"] < 1e-3
    assert any("coarse-grained simulation" in note for note in alone.notes)
    assert (folder / alone.trajectory).with_suffix(".histograms.npz").is_file()
    assert alone.trajectory.startswith("adp-300K-generalisation/")
    assert [cells[0] for cells in results.table()[1]] == ["adp:300K"] * 2 + ["adp:300K generalisation"] * 2


def test_the_report_shows_both(folder: Path) -> None:
    page = write_report(folder).read_text()
    assert "adp:300K generalisation" in page
    assert "--test-sets in_distribution,generalisation" in page
    assert (folder / "figures" / "adp-300K-generalisation").is_dir()


def test_test_sets_are_compared_with_their_like(folder: Path) -> None:
    results = Results.read(folder / "results.json")
    half = Results(results.settings, [row for row in results.rows if row.test_set == "generalisation"])
    found = compare_results(half, results)
    assert [key[2] for key in found.only_after] == ["in_distribution"] * 2
    assert {change.row[2] for change in found.changes} == {"generalisation"}
    assert {change.verdict for change in found.changes} == {"same"}
