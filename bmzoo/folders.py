"""Folders in which interrupted work goes on: one process at a time works in one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bmzoo.errors import InputError

LOCK, RECIPE = ".lock", "recipe.json"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Makes a folder where there is none, and keeps other processes out of it.

    The operating system lets go of the lock when the process ends, however it ends.

    Raises:
        InputError: another process works there, or it cannot be written to.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, blocking=False)
        lock.acquire()
    except Timeout:
        raise InputError(
            f"another process works in {folder}; wait until it is done, stop it, or choose another --output"
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another --output"
        ) from error
    try:
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)  # while it is held: who waits for this file gets no lock
        lock.release()


def empty(folder: Path) -> None:
    """Removes everything in a folder that is claimed, but the lock."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


@contextmanager
def work_folder(output: Path, recipe: dict[str, Any], *, resume: bool = True) -> Iterator[Path]:
    """``.<output>.work`` beside the output, in which an output is made.

    It is removed when that is done, or was given up before anything was kept.

    Args:
        output: what will be there in the end.
        recipe: what is kept of another recipe is removed.
        resume: ``False`` removes it anyway.

    Raises:
        InputError: ``output`` exists, another process makes it, or its folder cannot be written to.
    """
    if output.exists():
        raise InputError(f"{output} exists already; choose another --output, or remove it")
    work = output.with_name(f".{output.name}.work")
    record, text = work / RECIPE, json.dumps(recipe, indent=1)
    with claimed(work):
        if not (resume and record.is_file() and record.read_text() == text):
            empty(work)
        record.write_text(text)
        done = False
        try:
            yield work
            done = True
        finally:
            if done or {path.name for path in work.iterdir()} == {LOCK, RECIPE}:
                shutil.rmtree(work)
