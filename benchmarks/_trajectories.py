"""Trajectories drawn from runs of beads, many side by side; and beads that never end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from _common import weights_label

import bmzoo
from bmzoo.backends.backmapper import Backmapper
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.pipeline import generate
from bmzoo.systems.system import System

GAP = 1.5
"""Usual intervals, beyond which a frame begins another run."""


@dataclass(frozen=True)
class Source:
    """A backend as it stands in tables, and its weights."""

    name: str
    backend: str
    weights: str | None

    def load(self, system: System) -> Backmapper:
        return bmzoo.load_backmapper(self.backend, system, weights=self.weights, device="cpu")

    def label(self, system: System) -> str:
        """Of the weights."""
        return weights_label(self.backend, self.weights, system)


def sources(backends: str, weights: Sequence[str]) -> list[Source]:
    """``fragments,mine=temporal_cvae`` and ``mine=FOLDER`` from the command line.

    Raises:
        InputError: a name twice, or weights of something that is not named.
    """
    named: dict[str, str] = {}
    for text in backends.split(","):
        name, _, backend = text.strip().partition("=")
        if not name or name in named or name == "reference":
            raise InputError(f"'{backends}' should name backends, each once, as NAME or LABEL=NAME")
        named[name] = backend or name
    folders = dict(text.partition("=")[::2] for text in weights)
    for name, folder in folders.items():
        if name not in named or not folder:
            raise InputError(f"--weights {name}={folder}: should be LABEL=FOLDER, of {', '.join(named)}")
    return [Source(name, backend, folders.get(name)) for name, backend in named.items()]


@dataclass(frozen=True)
class Drawn:
    """Frames in the order of the beads, and what all of them cost."""

    frames: list[Frame]
    seconds: float
    cpu_seconds: float


def draw(model: Backmapper, frames: Sequence[Frame], *, parallel: int, seed: int) -> Drawn:
    """One sample of every frame; runs side by side where the backend can."""
    began, cpu = time.perf_counter(), time.process_time()
    if hasattr(model, "backmap_together"):
        runs = consecutive(frames)
        found = [
            frame
            for k in range(0, len(runs), parallel)
            for group in model.backmap_together(runs[k : k + parallel], seed=seed)
            for frame in group
        ]
        found.sort(key=lambda frame: frame.index)
    else:
        found = list(generate(model, frames, seed=seed))
    return Drawn(found, time.perf_counter() - began, time.process_time() - cpu)


def consecutive(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Runs of frames that follow one another in time.

    Raises:
        InputError: numbers of frames that do not rise, by which what is drawn is put in order.
    """
    steps = [after.time - before.time for before, after in pairwise(frames)]
    usual = min((step for step in steps if step > 0), default=0.0)
    runs: list[list[Frame]] = []
    for number, frame in enumerate(frames):
        if not number or not 0 < steps[number - 1] <= GAP * usual:
            runs.append([])
        runs[-1].append(frame)
        if number and frame.index <= frames[number - 1].index:
            raise InputError(f"frame {frame.index} comes after frame {frames[number - 1].index}")
    return runs


def to_and_fro(run: Sequence[Frame], n_frames: int) -> Iterator[Frame]:
    """So many frames of a run, to its end and back again: in equilibrium both ways are equally likely."""
    period, interval = 2 * (len(run) - 1), run[1].time - run[0].time
    for number in range(n_frames):
        place = number % period
        frame = run[min(place, period - place)]
        yield replace(frame, time=number * interval, index=number)


def ends(
    groups: Iterable[Sequence[Frame]], first: range, last: range
) -> tuple[list[list[Frame]], list[list[Frame]]]:
    """Frames with such numbers, by trajectory, of trajectories drawn side by side; no others are kept."""
    found: tuple[list[list[Frame]], list[list[Frame]]] = [], []
    for number, group in enumerate(groups):
        for side, wanted in zip(found, (first, last), strict=True):
            if number in wanted:
                side.append(list(group))
    first_frames, last_frames = ([list(column) for column in zip(*side, strict=True)] for side in found)
    return first_frames, last_frames
