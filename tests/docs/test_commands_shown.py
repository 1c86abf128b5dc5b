"""Commands and snippets that the documentation shows: all are accepted, and most run, on a small setting."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import shown
import typer
import yaml
from typer.main import get_command
from typer.testing import CliRunner
from workspaces import FEW, WORKSPACES, itp, shorten

from bmzoo.cli.main import app
from bmzoo.coarse import presets
from bmzoo.coarse.simulate import SimulationSettings
from bmzoo.fitting.config import read_run_config
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping
from bmzoo.systems import load_system

LOOKED_UP = ("--help", "-h", "--version")


def accept_bmzoo(words: list[str], *, whole: bool) -> None:
    """The command line takes the words, and a training its configuration with every change."""
    command, name = get_command(app), "bmzoo"
    while words and words[0] in getattr(command, "commands", {}):
        command, name, words = command.commands[words[0]], words[0], words[1:]
    if (words and words[0] in LOOKED_UP) or (not words and not whole):
        return
    try:
        found = command.make_context(name, list(words)).params
    except typer.BadParameter as error:
        if whole or type(error).__name__ != "MissingParameter":
            raise
        return
    if name == "train" and (shown.ROOT / found["config"]).is_file():
        read_run_config(shown.ROOT / found["config"], found["settings"] or ())


class Accepted(Exception):
    pass


def accept_script(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A script's own parser takes the words."""
    path = shown.ROOT / words[0]
    assert path.is_file(), f"there is no {words[0]}"
    if len(words) == 1:
        return
    pytest.importorskip("matplotlib")
    parse = argparse.ArgumentParser.parse_args

    def accepted(self: argparse.ArgumentParser, *arguments: Any) -> NoReturn:
        parse(self, *arguments)
        raise Accepted

    monkeypatch.syspath_prepend(str(path.parent))
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", accepted)
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(Accepted):
        importlib.import_module(path.stem).main()
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)


@pytest.mark.parametrize("page", shown.PAGES, ids=lambda page: str(page.relative_to(shown.ROOT)))
def test_every_command_is_accepted(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [words for block in shown.blocks(page) for words in shown.commands(block, tmp_path)]
    for words, complete in [(w, True) for w in whole] + [(w, False) for w in shown.mentions(page)]:
        program, *rest = words
        if program == "bmzoo":
            accept_bmzoo(rest, whole=complete)
        elif program == "python" and rest[0] != "-m":
            accept_script(rest, monkeypatch)


NETWORKS = {
    "voxel_gan": "features=4 hidden=16 cells=4 supervised=2 critic_steps=1 sequences=2 sweeps=0 repairs=0",
    "equivariant": "layers=1 scalars=8 vectors=4 pseudovectors=2 hidden=8 steps=1 atoms=100",
}
WHOLE = [["benchmark", "--systems", "sps,adp,cln"]]
"""Run by .ci/run, on four frames."""
ELSEWHERE_PAGES = {
    "docs/tour.md": "test_pages.py",
    "docs/contributing.md": "tests/benchmark/test_thirdparty.py",
    "docs/install.md": ".ci/run",
}
ELSEWHERE = {
    ("data", "build"): "tests/simulation and tests/systems build every system at the preset tiny",
    ("data", "invert"): "tests/cli/test_commands.py inverts octane",
}


def small(words: list[str], folder: Path) -> list[str] | None:
    """The command with what makes it short at its end, where the last word counts; None: run elsewhere."""
    match words:
        case ["data", "build", "blobs", *_]:
            return words
        case ["train", config, *_]:
            settings = NETWORKS[yaml.safe_load((folder / config).read_text())["backend"]].split()
            changes = [f"settings.{name}" for name in settings]
            changes += ["training.steps=2", "training.validation_share=0"]
            changes += [f"data={FEW}"] if (folder / FEW).is_dir() else []
            return [*words, *(word for change in changes for word in ("--set", change))]
        case ["backmap", beads, *_]:
            if "sps:496K-96mers" in words:
                shorten(folder / beads, 2 * 192)
            flow = {"equivariant", "morphing+equivariant"} & set(words)
            return [*words, "--stop", "1", *(["--set", "steps=1"] if flow else [])]
        case ["benchmark", *_]:
            return [*words, "--frames", "4", "--backends", "geometric", "--refine", "none"]
        case ["simulate-cg", *_]:
            return [*words, "--replicas", "2", "--frames", "3"]
        case ["train-cg", *_]:
            return [*words, "--steps", "2"]
        case [first, second, *_] if (first, second) in ELSEWHERE:
            return None
    return words


def not_again(commands: Iterable[list[str]]) -> Iterator[list[str]]:
    """Words of bmzoo's commands, each once, and each configuration once."""
    seen = set()
    for program, *words in commands:
        key = tuple(words[:2] if words[:1] == ["train"] else words)
        if program == "bmzoo" and key not in seen:
            seen.add(key)
            yield words


@pytest.mark.parametrize("name", WORKSPACES)
def test_commands_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refined = SimulationSettings(2, 60, interval=0.025, seed=1)
    monkeypatch.setitem(presets.PRESETS, "adp", replace(presets.PRESETS["adp"], refinement=refined))
    (tmp_path / "configs").symlink_to(shown.ROOT / "configs")
    WORKSPACES[name](tmp_path)
    found = [w for block in shown.blocks(shown.ROOT / name) for w in shown.commands(block, tmp_path)]
    monkeypatch.chdir(tmp_path)
    for words in not_again(found):
        shortened = None if words in WHOLE else small(words, tmp_path)
        if shortened is None:
            continue
        for option, value in pairwise(words):
            if option in ("--output", "-o"):  # a page may make the same file twice, in another way
                for made in (Path(value), Path(value).with_suffix(".json")):
                    made.unlink(missing_ok=True)
        done = CliRunner().invoke(app, shortened)
        assert done.exit_code == 0, f"{' '.join(shortened)}\n{done.output}\n{done.exception!r}"
    if name == "docs/morphing.md":
        exec(*shown.blocks(shown.ROOT / name, "python"), {})
        assert Path("kg-weights", "model.safetensors").is_file()


def test_the_snippet_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WORKSPACES["docs/training.md"](tmp_path)
    monkeypatch.chdir(tmp_path)
    (snippet,) = shown.blocks(shown.ROOT / "README.md", "python")
    names: dict[str, Any] = {}
    exec(snippet, names)
    assert len(names["universe"].trajectory) == 9


def test_mappings_of_the_page_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The styrene dimer, a residue with shared atoms, and the alpha carbons of chignolin."""
    page, cln = shown.ROOT / "docs" / "mapping-format.md", load_system("cln").topology
    monkeypatch.chdir(tmp_path)
    for name, language in (("dimer.yaml", "yaml"), ("gol.map", "ini")):
        Path(name).write_text(*shown.blocks(page, language))
    dimer = Mapping.from_map("dimer.yaml", MolecularGraph.from_smiles("CC(c1ccccc1)CCc1ccccc1"))
    assert dimer.bead_types == ("A", "B", "A", "B")
    names = ("C1", "O1", "C2", "O2", "C3", "O3")
    bonds = np.array([[0, 1], [0, 2], [2, 3], [2, 4], [4, 5]])
    elements, ones = tuple(name[0] for name in names), np.ones(6)
    glycerol = MolecularGraph("GOL", elements, names, elements, ones, bonds, ones, ("GOL",) * 6)
    shared = Mapping.from_map("gol.map", glycerol).weights.toarray()[:, 2]
    assert shared[0] == pytest.approx(3 * shared[1])
    Path("protein.itp").write_text(itp(cln.graph, terms=False))
    exec(*shown.blocks(page, "python"), {})
    found = Mapping.from_map("ca.yaml", cln.graph)
    assert abs(found.matrix - cln.mapping.matrix).max() == 0
    np.testing.assert_array_equal(found.owners, cln.mapping.owners)


def test_the_example_of_a_training_is_valid(tmp_path: Path) -> None:
    (text,) = shown.blocks(shown.ROOT / "docs" / "training.md", "yaml")
    (tmp_path / "a.yaml").write_text(text)
    assert read_run_config(tmp_path / "a.yaml")[1].training.minutes == 42


def test_every_page_with_commands_is_run_or_measured() -> None:
    """Pages of the second kind show scripts of benchmarks/, which tests/benchmarks run."""
    for page in shown.PAGES:
        name = str(page.relative_to(shown.ROOT))
        if name in WORKSPACES or name in ELSEWHERE_PAGES:
            continue
        text = "".join(shown.blocks(page))
        assert not re.search(r"^bmzoo (?!train)", text, re.MULTILINE), f"no test runs the commands of {name}"
