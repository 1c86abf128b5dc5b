"""What a results folder holds, read for the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from bmzoo.benchmark.results import Results, Row, place
from bmzoo.benchmark.scene import SCENE_FILE, Scene
from bmzoo.errors import InputError

Floats = NDArray[np.float64]
Histogram = dict[str, Floats]
COLORS = 8
"""Of backends; more repeat them."""


def file_name(text: str) -> str:
    """What any file system and any link takes."""
    return "".join(c if c.isalnum() or c in "-_+." else "_" for c in text).strip("_.")


@dataclass
class Entry:
    """One row and the arrays beside its trajectory."""

    row: Row
    folder: Path
    color: int
    """Number of the backend's colour, from 1, the same on the whole page."""

    @property
    def raw(self) -> bool:
        return self.row.refine == "none"

    @property
    def label(self) -> str:
        return f"{self.row.backend}, {'raw' if self.raw else self.row.refine}"

    @property
    def name(self) -> str:
        """As short as can be."""
        return self.row.backend if self.raw else f"{self.row.backend}+{self.row.refine}"

    @property
    def seconds_per_frame(self) -> float:
        return self.row.seconds / max(1, self.row.n_frames * self.row.n_samples)

    @cached_property
    def histograms(self) -> dict[str, Histogram]:
        """By ``family/observable[class]``; empty where the file is gone."""
        path = (self.folder / self.row.trajectory).with_suffix(".histograms.npz")
        found: dict[str, Histogram] = {}
        try:
            with np.load(path) as data:
                for name in data.files:
                    observable, part = name.rsplit(":", 1)
                    found.setdefault(observable, {})[part] = data[name]
        except (OSError, ValueError, BadZipFile):
            return {}
        return found

    def score(self, name: str) -> float | None:
        found = self.row.scores.get(name)
        return None if found is None else found["value"]

    def floor(self, name: str) -> float | None:
        found = self.row.scores.get(name)
        return None if found is None else found["floor"]

    def first_frames(self) -> list[NDArray[np.floating]]:
        """``(n, 3)`` nm, every sample of the first frame; empty where the trajectory is gone."""
        from bmzoo.pipeline import read_samples

        try:
            frames = read_samples(self.folder / self.row.trajectory, self.row.n_samples)
            return [frame.positions for frame, _ in zip(frames, range(self.row.n_samples), strict=False)]
        except (InputError, OSError):
            return []


@dataclass
class Part:
    """One test set of a system in one state: its rows and its first frame."""

    system: str
    state: str
    test_set: str = "in_distribution"
    entries: list[Entry] = field(default_factory=list)
    scene: Scene | None = None

    @property
    def label(self) -> str:
        return place(self.system, self.state, self.test_set)

    @property
    def key(self) -> str:
        """For links and file names."""
        return file_name(self.label.replace(":", "-").replace(" ", "-"))

    @property
    def title(self) -> str:
        return self.scene.title if self.scene else self.label


@dataclass
class Source:
    """Everything the report is made from."""

    folder: Path
    results: Results
    parts: list[Part]
    backends: list[str]

    @property
    def refinements(self) -> list[str]:
        return list(dict.fromkeys(e.row.refine for p in self.parts for e in p.entries))


def read_folder(folder: Path) -> Source:
    """Reads ``results.json`` and finds what lies beside it.

    Raises:
        InputError: no results of a benchmark.
    """
    results = Results.read(folder / "results.json")
    backends = list(dict.fromkeys(row.backend for row in results.rows))
    parts: dict[tuple[str, str, str], Part] = {}
    for row in results.rows:
        key = row.system, row.state, row.test_set
        part = parts.setdefault(key, Part(*key))
        part.entries.append(Entry(row, folder, backends.index(row.backend) % COLORS + 1))
    for part in parts.values():
        path = folder / part.key / SCENE_FILE
        part.scene = Scene.read(path) if path.is_file() else None
    return Source(folder, results, list(parts.values()), backends)
