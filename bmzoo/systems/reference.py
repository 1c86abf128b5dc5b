"""Reference data on disk: one folder per system and state.

``provenance.json``  how it was made, physical checks, file hashes, and ``splits``:
                     ``{"train": {"file": "train.xtc", "runs": [n_frames, ...], "interval_ps": 1.0,
                     "forces": "train_forces.npz" (optional), "note": ...}, "test": {...}, ...}``
``<split>.xtc``      atomistic frames, molecules whole, runs one after another: frames of one run
                     are contiguous in time, ``interval_ps`` apart; different runs are independent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame


@dataclass(frozen=True)
class Reference:
    """Opens a reference folder lazily; nothing is read before it is asked for."""

    folder: Path

    @cached_property
    def provenance(self) -> dict[str, Any]:
        path = self.folder / "provenance.json"
        if not path.is_file():
            raise InputError(
                f"{self.folder} holds no reference data (provenance.json is missing); "
                "make some with 'bmzoo data build' or 'bmzoo data import-deepbm'"
            )
        data: dict[str, Any] = json.loads(path.read_text())
        return data

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.provenance["splits"])

    def split(self, name: str) -> dict[str, Any]:
        """The description of one split.

        Raises:
            InputError: if there is no such split.
        """
        splits = self.provenance["splits"]
        if name not in splits:
            raise InputError(f"{self.folder} has no split '{name}'; it has {', '.join(splits)}")
        found: dict[str, Any] = splits[name]
        return found

    def n_frames(self, name: str) -> int:
        return sum(self.split(name)["runs"])

    def frames(self, name: str, start: int = 0, stop: int | None = None, step: int = 1) -> Iterator[Frame]:
        """Streams the atomistic frames of a split, in order."""
        from bmzoo.frames.trajectory import read_frames

        return read_frames(self.folder / self.split(name)["file"], start=start, stop=stop, step=step)
