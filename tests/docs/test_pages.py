"""What the documentation shows is there: the tour runs, commands and options exist, pages are made."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from bmzoo.backends import registry
from bmzoo.cli.main import app
from bmzoo.frames.trajectory import read_frames

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?:^    .*\n)+", re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """Words of every line that calls bmzoo, comments left out."""
    text = page.read_text()
    blocks = [*BLOCKS.findall(text), *INDENTED.findall(text)]
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found = [re.split(r"&&\s*", line)[-1] for line in lines]
    return [shlex.split(line, comments=True)[1:] for line in found if line.startswith("bmzoo ")]


def test_the_tour_runs(tmp_path: Path) -> None:
    blocks = BLOCKS.findall((ROOT / "docs" / "tour.md").read_text())
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    for words in commands(page):
        command = get_command(app)
        while words and words[0] in getattr(command, "commands", {}):
            command, words = command.commands[words[0]], words[1:]
        known = {option for parameter in command.params for option in parameter.opts}
        known |= {"--help", "-h", "--version"}
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known, f"{page.name}: {sorted(used - known)}"


def test_configurations_named_in_pages_exist() -> None:
    for page in PAGES:
        for name in set(re.findall(r"configs/[\w/.-]+\.yaml", page.read_text())):
            assert (ROOT / name).is_file(), f"{page.name} names {name}"


def test_a_page_for_every_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    pages = importlib.import_module("backend_pages").write_pages(tmp_path / "backends")
    assert {page.stem for page in pages} == set(registry.BUILT_IN)
    text = (tmp_path / "backends" / "equivariant.md").read_text()
    assert "| `prior` | chain | isotropic, chain |" in text
    assert "> 0, ≤ 2" in text
    assert "### equivariant/sps-568K" in text
    assert "see [](../equivariant.md)" in text
    assert "card.md" not in text
    index = (tmp_path / "backends" / "index.md").read_text()
    assert "| [equivariant](equivariant.md) | Carries all atoms at once" in index
