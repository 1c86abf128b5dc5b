"""A stranger's backend: installed from a folder, found by its entry point, benchmarked like ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bmzoo

FOLDER = Path(__file__).parents[1] / "data" / "thirdparty_backend"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the package is installed, beside this bmzoo."""
    scratch = tmp_path_factory.mktemp("installed")
    source, target = scratch / "source", scratch / "site"
    shutil.copytree(FOLDER, source)
    install = ["pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", target, source]
    subprocess.run([sys.executable, "-m", *map(str, install)], check=True, capture_output=True)
    path = os.pathsep.join([str(target), str(Path(bmzoo.__file__).parents[1])])
    return {**os.environ, "PYTHONPATH": path}


def test_it_is_listed_checked_and_benchmarked(environment: dict[str, str], tmp_path: Path) -> None:
    def run(*words: object) -> str:
        command = [sys.executable, "-m", "bmzoo", *map(str, words)]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        return found.stdout

    names = {entry["backend"] for entry in json.loads(run("backends", "--json"))}
    assert {"collapse", "geometric", "fragments"} <= names
    run("check-backend", "collapse")
    output = tmp_path / "out"
    run(
        "benchmark", "--systems", "adp", "--backends", "collapse", "--refine", "none", "--frames", 8,
        "--output", output,
    )  # fmt: skip
    (row,) = json.loads((output / "results.json").read_text())["rows"]
    assert row["backend"] == "collapse"
    # every atom on its bead: anybody can tell, but the beads are where they should be
    assert row["scores"]["consistency/cg_rmsd"]["value"] < 1e-6
    assert row["scores"]["validity/graph_recovered"]["value"] == 0
