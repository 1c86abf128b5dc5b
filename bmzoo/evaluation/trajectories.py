"""What the scores of kinetics share: frames that follow one another, and per-frame numbers kept in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.metric import Array, Blocks, Rule, head, total

Floats = NDArray[np.float64]
MIN_RUN = 10
"""Frames that a run must have in the mean; fewer say little about motion."""
UNITS = 8
"""Long runs are cut until there are so many pieces, for halves and bootstraps."""
MAX_UNITS = 40
NUMBERS_PER_BLOCK = 400_000
TIMING: Mapping[str, Rule] = {"interval": np.maximum, "frames": total, "starts": total}


def timing(batch: Batch) -> dict[str, Floats]:
    """Interval, number of frames, and number of frames that do not follow the one before, by block."""
    starts = np.bincount(batch.frame_units[~batch.follows], minlength=batch.n_units)
    frames = np.bincount(batch.frame_units, minlength=batch.n_units)
    interval = np.full(batch.n_units, batch.interval)
    return {"interval": interval, "frames": frames.astype(float), "starts": starts.astype(float)}


def interval_of(blocks: Blocks) -> float:
    """ps between frames; 0 where none follow one another."""
    return float(blocks.total("interval"))


def obstacle(reference: Blocks, generated: Blocks) -> str | None:
    """Why there are no kinetics to compare, in words."""
    for name, side in (("reference", reference), ("generated", generated)):
        mean = float(side.total("frames")) / float(side.total("starts"))
        if not interval_of(side) or mean < MIN_RUN:
            return (
                f"the {name} frames do not follow one another in time (runs of {mean:.0f} in the mean, "
                f"{MIN_RUN} are needed): kinetics are left out; give consecutive frames, "
                "or benchmark with --consecutive"
            )
    one, other = interval_of(reference), interval_of(generated)
    if abs(one - other) > 0.02 * one:
        return f"reference frames are {one:g} ps apart, generated ones {other:g} ps: kinetics are left out"
    return None


def contiguous(one: Array, other: Array) -> Array:
    """Merges rows in order of time: contiguous runs, as many rows as ``NUMBERS_PER_BLOCK`` allows."""
    return head(max(2 * MIN_RUN, NUMBERS_PER_BLOCK // one.shape[-1]))(one, other)


def timed_rows(batch: Batch, values: NDArray[Any]) -> list[NDArray[Any]]:
    """Rows (number, follows, values) by block.

    Args:
        values: ``(n_samples, n_frames, n_molecules, n)``; samples and molecules are trajectories.
    """
    flat = np.moveaxis(values, 0, 1).reshape(batch.n_frames, -1)
    rows = np.concatenate([batch.numbers[:, None], batch.follows[:, None], flat], axis=1)
    return batch.split_rows(rows, batch.frame_units)


def runs_of(blocks: Blocks, width: int) -> list[Floats]:
    """The trajectories of one side, put together again from its blocks.

    Returns:
        runs of consecutive frames, each ``(n_frames, n_trajectories, width)``.
    """
    rows = np.concatenate(blocks.rows("rows"))
    broken = (np.diff(rows[:, 0]) != 1) | (rows[1:, 1] == 0)
    runs = np.split(rows[:, 2:], np.flatnonzero(broken) + 1)
    return [run.reshape(len(run), -1, width) for run in runs]


def pieces(runs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """At least ``UNITS`` pieces: the runs themselves, or equal parts of them where they are few."""
    parts = -(-UNITS // len(runs))
    found = [piece for run in runs for piece in np.array_split(run, min(parts, max(1, len(run) // MIN_RUN)))]
    return [piece for piece in found if len(piece)]


def by_unit(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Sums of neighbouring pieces' statistics, at most ``MAX_UNITS`` of them: ``(n_units, ...)``."""
    stacked = np.stack(values)
    starts = np.linspace(0, len(stacked), min(len(stacked), MAX_UNITS), endpoint=False).astype(int)
    sums: NDArray[Any] = np.add.reduceat(stacked, starts, axis=0)
    return sums
