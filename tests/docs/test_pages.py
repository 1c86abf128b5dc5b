"""The tour runs, pages of backends are made, and what pages name is there."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import shown

from bmzoo.backends import registry
from bmzoo.frames.trajectory import read_frames

ROOT = shown.ROOT


def test_the_tour_runs(tmp_path: Path) -> None:
    blocks = shown.blocks(ROOT / "docs" / "tour.md")
    assert len(blocks) > 8
    # all backends with refinement on 4 frames: .ci/run
    long = "--frames 40 --refine none,thermalise"
    assert long in "".join(blocks)
    script = "".join(blocks).replace(long, "--frames 4 --backends geometric,fragments --refine none")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    made = {"cg.xtc", "atoms.1.xtc", "atoms.3.xtc", "first.pdb", "compared", "hexane.pdb"}
    assert made <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "compared" / "report.html").is_file()
    (hexanes,) = read_frames(tmp_path / "hexane.pdb")
    assert len(hexanes) == 40


def test_configurations_named_in_pages_exist() -> None:
    for page in shown.PAGES:
        for name in set(re.findall(r"configs/[\w/.-]+\.yaml", page.read_text())):
            assert (ROOT / name).is_file(), f"{page.name} names {name}"


def test_a_page_for_every_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    pages = importlib.import_module("backend_pages").write_pages(tmp_path / "backends")
    assert {page.stem for page in pages} == set(registry.BUILT_IN)
    text = (tmp_path / "backends" / "equivariant.md").read_text()
    assert "| `prior` | chain | Gaussian about every atom's beads: " in text
    assert "; `isotropic`, `chain` |" in text
    assert "; > 0, ≤ 2 |" in text
    assert "### equivariant/sps-568K" in text
    assert "[trajectories](../temporal.md)" in text
    assert "card.md" not in text
    index = (tmp_path / "backends" / "index.md").read_text()
    assert "| [equivariant](equivariant.md) | Carries all atoms at once" in index


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_setting_says_what_it_is(name: str) -> None:
    fields = registry.get_backend(name).Config.model_fields
    assert [key for key, field in fields.items() if not field.description] == []
