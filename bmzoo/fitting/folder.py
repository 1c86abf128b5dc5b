"""The folder of a training: the configuration, resume point, log, and in the end the weights."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bmzoo.errors import InputError
from bmzoo.fitting.config import RunConfig
from bmzoo.folders import LOCK, claimed, empty
from bmzoo.training.config import UNBOUND

CONFIG, RESULT, WEIGHTS = "config.yaml", "result.json", "weights"


@contextmanager
def open_folder(folder: Path, config: RunConfig, *, resume: bool) -> Iterator[bool]:
    """Makes the folder, or finds the training in it; no other process trains there meanwhile.

    Args:
        config: a training is gone on with only if it has the same, save limits and resume points.
        resume: ``False`` removes an unfinished training.

    Yields:
        Whether there is a training to go on with.

    Raises:
        InputError: a finished training, another one, one that goes on in another process, or other files
            there; a folder that cannot be made.
    """
    if (folder / RESULT).exists():
        raise InputError(f"the training in {folder} is finished; choose another --output, or remove it")
    if folder.exists() and not (folder / CONFIG).exists() and not _is_empty(folder):
        raise InputError(f"{folder} exists and holds no training; choose another --output")
    plain = config.model_dump(mode="json")
    with claimed(folder):
        if not resume:
            empty(folder)
        if (folder / CONFIG).exists():
            _check_same(folder, plain)
        _write(folder / CONFIG, yaml.safe_dump(plain, sort_keys=False))
        yield (folder / "resume.pt").exists()


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """The last file: with it the training is finished."""
    _write(folder / RESULT, json.dumps(result, indent=1) + "\n")


def _is_empty(folder: Path) -> bool:
    """A training that was killed at once may have left the lock alone."""
    return folder.is_dir() and all(path.name == LOCK for path in folder.iterdir())


def _check_same(folder: Path, config: dict[str, Any]) -> None:
    try:
        earlier = yaml.safe_load((folder / CONFIG).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{folder / CONFIG} cannot be read ({error}); start anew with --fresh") from error
    old, new = _flat(earlier), _flat(config)
    free = {f"training.{name}" for name in UNBOUND}
    changed = sorted(k for k in {*old, *new} - free if old.get(k) != new.get(k))
    if changed:
        key = changed[0]
        raise InputError(
            f"the training in {folder} was begun with {key} = {old.get(key)}, not {new.get(key)}; "
            "choose another --output, or start anew with --fresh"
        )


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, Mapping):
        return {prefix.rstrip("."): values}
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.")
    return found


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.partial")
    draft.write_text(text)
    os.replace(draft, path)
