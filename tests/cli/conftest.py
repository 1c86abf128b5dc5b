"""A short alanine dipeptide trajectory, its beads, and the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bmzoo.cli.main import app
from bmzoo.systems import load_system

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a command and returns what it printed and its exit code."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session")
def atoms() -> Path:
    """Embedded atomistic test frames of adp."""
    reference = load_system("adp").reference
    assert reference is not None
    return reference.folder / reference.split("test")["file"]


@pytest.fixture(scope="session")
def beads(run: Run, atoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of adp, mapped by the command."""
    path = tmp_path_factory.mktemp("beads") / "cg.xtc"
    found = run("coarse-grain", atoms, "--system", "adp", "--stop", 6, "--output", path)
    assert found.exit_code == 0, found.output
    return path
