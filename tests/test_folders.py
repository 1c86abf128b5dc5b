"""Folders of work: one process at a time, gone on with after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from bmzoo.errors import InputError
from bmzoo.folders import claimed, work_folder

HOLD = """
import sys, time
from pathlib import Path
from bmzoo.folders import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_another_process_is_kept_out_until_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=rf"another process works in {folder}"), claimed(folder):
            pass
        other.kill()
        other.wait()
    with claimed(folder):
        (folder / "result").touch()
    assert [path.name for path in folder.iterdir()] == ["result"]


def test_nobody_else_meanwhile(tmp_path: Path) -> None:
    with claimed(tmp_path):
        for _ in range(2):
            with pytest.raises(InputError, match="another process"), claimed(tmp_path):
                pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write to"), claimed(tmp_path / "file" / "run"):
        pass


def test_nothing_is_left_of_work_that_kept_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), work_folder(tmp_path / "deep" / "out", {}):
        raise KeyError
    assert list((tmp_path / "deep").iterdir()) == []


def interrupted(output: Path, seed: int) -> Path:
    """Leaves a file in the work folder of an output."""
    with suppress(KeyboardInterrupt), work_folder(output, {"seed": seed}) as work:
        (work / "runs").mkdir(exist_ok=True)
        (work / "runs" / "chunk").write_text("kept")
        raise KeyboardInterrupt
    return work


@pytest.mark.parametrize(("seed", "resume", "kept"), [(1, True, True), (2, True, False), (1, False, False)])
def test_work_goes_on(tmp_path: Path, seed: int, resume: bool, kept: bool) -> None:
    output = tmp_path / "out"
    left = interrupted(output, 1)
    with work_folder(output, {"seed": seed}, resume=resume) as work:
        assert work == left == tmp_path / ".out.work"
        assert json.loads((work / "recipe.json").read_text()) == {"seed": seed}
        assert (work / "runs" / "chunk").is_file() == kept
        with pytest.raises(InputError, match="another process"), work_folder(output, {"seed": 3}):
            pass
        assert (work / "runs").is_dir() == kept
        output.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(InputError, match="exists already"), work_folder(output, {"seed": seed}):
        pass
