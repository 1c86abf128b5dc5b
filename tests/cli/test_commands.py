"""Every command of the README, really run on small input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from bmzoo.backends.loading import WEIGHTS
from bmzoo.frames.trajectory import read_frames
from bmzoo.systems import NAMES, load_system

Run = Callable[..., Result]


def test_systems_and_backends_are_listed(run: Run) -> None:
    found = json.loads(run("systems", "--json").stdout)
    assert {entry["system"] for entry in found} == set(NAMES)
    found = json.loads(run("backends", "--json").stdout)
    assert {"geometric", "fragments"} <= {entry["backend"] for entry in found}
    for command in ("systems", "backends"):
        assert run(command).exit_code == 0


def test_coarse_graining_gives_the_mapping(run: Run, atoms: Path, beads: Path) -> None:
    topology = load_system("adp").topology
    for mapped, reference in zip(read_frames(beads), read_frames(atoms, stop=6), strict=True):
        expected = topology.mapping.apply(reference.positions)
        np.testing.assert_allclose(mapped.positions, expected, atol=2e-5)
        assert mapped.time == pytest.approx(reference.time)


@pytest.mark.parametrize("suffix", ["xtc", "gro", "pdb", "dcd"])
def test_backmap_writes_every_format(run: Run, beads: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"atoms.{suffix}"
    found = run("backmap", beads, "--system", "adp", "--backend", "geometric", "-o", output, "--stop", 2)
    assert found.exit_code == 0, found.output
    frames = list(read_frames(output))
    assert [len(frame) for frame in frames] == [22, 22]


def test_samples_go_to_numbered_files_and_differ(run: Run, beads: Path, tmp_path: Path) -> None:
    output = tmp_path / "atoms.xtc"
    words = ("backmap", beads, "--system", "adp", "-b", "fragments", "--samples", 2, "--step", 2)
    assert run(*words, "-o", output).exit_code == 0
    first, second = (list(read_frames(tmp_path / f"atoms.{k}.xtc")) for k in (1, 2))
    assert len(first) == len(second) == 3
    pairs = zip(first, second, strict=True)
    assert any(not np.allclose(a.positions, b.positions, atol=1e-3) for a, b in pairs)
    again = tmp_path / "again.xtc"
    assert run(*words, "-o", again).exit_code == 0
    repeated = list(read_frames(tmp_path / "again.1.xtc"))
    np.testing.assert_array_equal(first[0].positions, repeated[0].positions)


def test_a_backend_is_chosen_and_named(run: Run, beads: Path, tmp_path: Path) -> None:
    words = ("backmap", beads, "--system", "adp", "--stop", 1, "-o", tmp_path / "atoms.gro")
    found = run(*words)
    assert found.exit_code == 0, found.output
    assert "backend: fragments" in found.output
    found = run(*words, "--weights", WEIGHTS / "equivariant" / "adp")
    assert found.exit_code == 0, found.output
    assert "backend: equivariant" in found.output
    found = run(*words, "--weights", "adp")
    assert found.exit_code == 2
    assert "--backend" in found.output


def test_refined_frames_keep_their_beads(run: Run, beads: Path, tmp_path: Path) -> None:
    output = tmp_path / "atoms.xtc"
    found = run("backmap", beads, "--system", "adp", "-r", "thermalise:0.02", "-o", output, "--stop", 2)
    assert found.exit_code == 0, found.output
    mapping = load_system("adp").topology.mapping
    for atoms, cg in zip(read_frames(output), read_frames(beads, stop=2), strict=True):
        assert np.sqrt(((mapping.apply(atoms.positions) - cg.positions) ** 2).sum(1).mean()) < 1e-4


def test_own_topology_and_mapping(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mol.smi").write_text("CCCC butane\n")
    (tmp_path / "mol.yaml").write_text(
        "molecule: butane\nbeads:\n  - {name: A, atoms: [C1, C2]}\n  - {name: B, atoms: [C3, C4]}\n"
    )
    (tmp_path / "cg.gro").write_text(
        "two beads\n    2\n"
        "    1BUT      A    1   1.000   1.000   1.000\n"
        "    1BUT      B    2   1.250   1.000   1.000\n"
        "   3.0   3.0   3.0\n"
    )
    output = tmp_path / "atoms.pdb"
    found = run(
        "backmap", tmp_path / "cg.gro", "--topology", tmp_path / "mol.smi",
        "--mapping", tmp_path / "mol.yaml", "-b", "geometric", "-o", output,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    (frame,) = read_frames(output)
    assert len(frame) == 14


def test_evaluate_scores_the_reference_as_perfect(run: Run, atoms: Path, tmp_path: Path) -> None:
    found = run("evaluate", atoms, "--reference", atoms, "--system", "adp", "--stop", 60, "--json")
    assert found.exit_code == 0, found.output
    scores = json.loads(found.stdout)["scores"]
    assert scores["consistency/cg_rmsd"]["value"] == pytest.approx(0.0, abs=1e-9)
    assert scores["distributions/angle_jsd"]["ratio"] == pytest.approx(1.0, abs=0.2)


def test_benchmark_writes_results_and_trajectories(run: Run, atoms: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    found = run(
        "benchmark", "--systems", "adp", "--frames", 8, "--samples", 2, "--refine", "none,thermalise:0.02",
        "--output", output, "--json",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    results = json.loads((output / "results.json").read_text())
    assert results == json.loads(found.stdout)
    assert results["schema"] == 1
    assert {(r["backend"], r["refine"]) for r in results["rows"]} >= {
        ("geometric", "none"), ("fragments", "none"), ("fragments", "thermalise:0.02"),
    }  # fmt: skip
    for row in results["rows"]:
        assert row["n_frames"] == 8
        assert row["seconds"] > 0
        for score in row["scores"].values():
            assert {"value", "floor", "ratio", "stderr", "unit", "n"} <= set(score)
        suffix = ".1.xtc" if row["n_samples"] > 1 else ".xtc"
        path = output / row["trajectory"].replace(".xtc", suffix)
        assert sum(1 for _ in read_frames(path)) == 8
    assert any(entry.get("test_set") == "generalisation" for entry in results["skipped"])
    page = (output / "report.html").read_text()
    assert run("report", output).exit_code == 0
    assert (output / "report.html").read_text() == page
    found = run("compare", output / "results.json", output / "results.json")
    assert found.exit_code == 0, found.output
    assert "scores are the same" in found.stdout
    found = json.loads(run("compare", output, output, "--json").stdout)
    assert {change["verdict"] for change in found["changes"]} == {"same"}


def test_data_build_makes_reference_frames_that_the_benchmark_takes(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "adp-tiny"
    found = run("data", "build", "adp", "--preset", "tiny", "--output", folder)
    assert found.exit_code == 0, found.output
    found = run(
        "benchmark", "--systems", "adp", "--data", folder, "--backends", "geometric", "--refine", "none",
        "--frames", 4, "-o", tmp_path / "out",
    )  # fmt: skip
    assert found.exit_code == 0, found.output


def test_beads_are_simulated_and_backmapped(run: Run, tmp_path: Path) -> None:
    beads, output = tmp_path / "cg.npz", tmp_path / "atoms.gro"
    found = run("simulate-cg", "adp", "--replicas", 2, "--frames", 3, "--output", beads)
    assert found.exit_code == 0, found.output
    found = run("backmap", beads, "--system", "adp", "--backend", "geometric", "--output", output)
    assert found.exit_code == 0, found.output
    frames = list(read_frames(output))
    assert [len(frame) for frame in frames] == [22] * 6


def test_a_coarse_model_is_inverted(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    words = ("data", "invert", "--system", "octane", "--iterations", 1, "--snapshots", 2, "--output", folder)
    found = run(*words)
    assert found.exit_code == 0, found.output
    assert (folder / "model.json").is_file()


def test_import_deepbm(run: Run, shared_data: Path, tmp_path: Path) -> None:
    found = run("data", "import-deepbm", shared_data / "sps" / "453K", "--output", tmp_path / "sps-453K")
    assert found.exit_code == 0, found.output
    provenance = json.loads((tmp_path / "sps-453K" / "provenance.json").read_text())
    assert provenance["state"] == "453K"
    assert provenance["beads"]["shift"] == -1
    assert provenance["beads"]["rms_nm"] < 0.0005


def test_check_backend_reports_and_passes(run: Run) -> None:
    found = run("check-backend", "geometric")
    assert found.exit_code == 0, found.output


SMALL = {
    "voxel_gan": "features=4 hidden=16 cells=4 supervised=8 critic_steps=1 sequences=4 sweeps=1",
    "temporal_cvae": "features=4 hidden=16 latent=4 batch=4 unroll=1 seeds=50 components=2 mixture_frames=50",
    "equivariant": "layers=1 scalars=8 vectors=4 pseudovectors=2 hidden=8 steps=2 atoms=44",
}


@pytest.mark.parametrize("backend", SMALL)
def test_weights_trained_by_the_command_backmap(run: Run, beads: Path, tmp_path: Path, backend: str) -> None:
    config = Path(__file__).parents[2] / "configs" / "adp" / f"{backend}.yaml"
    small = SMALL[backend].split()
    words = [word for name in small for word in ("--set", f"settings.{name}")]
    words += ["--set", "training.steps=12", "--set", "training.validate_every=12"]
    words += ["--set", "training.validation_frames=4"]
    found = run("train", config, "--output", tmp_path / "run", *words)
    assert found.exit_code == 0, found.output
    output = tmp_path / "atoms.gro"
    words = ["backmap", beads, "-s", "adp", "-b", backend, "--weights", tmp_path / "run", "-o", output]
    words += ["--max-memory", 64] if backend == "equivariant" else []
    found = run(*words)
    assert found.exit_code == 0, found.output
    assert all(len(frame) == 22 for frame in read_frames(output))
