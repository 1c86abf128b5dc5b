"""One side of the evaluation: a stream of frames cut into batches and blocks and fed to the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.evaluation.batch import ATOMS_PER_BATCH, Batch, stack_boxes, stack_frames
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.metric import MAX_BLOCKS, Blocks, Metric
from bmzoo.frames.frame import Frame

Progress = Callable[[int], None]


@dataclass
class Group:
    """The samples of one CG frame with what they are compared with."""

    frames: list[Frame]
    reference: NDArray[np.float32] | None = None
    coarse: NDArray[np.float64] | None = None


class Clock:
    """Tells which frames follow one another in time.

    Attributes:
        interval: ps, the first step forward in time; 0 before there is one.
    """

    def __init__(self) -> None:
        self.interval = 0.0
        self._last = np.nan

    def __call__(self, times: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each of the next frames is one interval later than the frame before it."""
        steps = np.diff(times, prepend=self._last)
        self._last = float(times[-1])
        if not self.interval:
            self.interval = float(next((step for step in steps if step > 0), 0.0))
        # Trajectory files keep times in single precision.
        tolerance = 0.01 * self.interval + 2 * float(np.spacing(np.float32(np.abs(times).max())))
        follows: NDArray[np.bool_] = (self.interval > 0) & (np.abs(steps - self.interval) < tolerance)
        return follows


class Side:
    """Cuts a stream into batches and blocks.

    Blocks are runs of frames; while there are more than ``MAX_BLOCKS`` of them, neighbours are
    merged. With few frames (``by_molecule``) they are groups of molecules instead.
    """

    def __init__(
        self,
        context: Context,
        metrics: list[Metric],
        *,
        by_molecule: bool,
        is_reference: bool,
        progress: Progress | None,
        simulated: bool = False,
    ) -> None:
        self.context, self.metrics = context, metrics
        self.by_molecule, self.is_reference = by_molecule, is_reference
        self.progress = progress or (lambda done: None)
        self.blocks = [Blocks(metric.rules(), simulated=simulated) for metric in metrics]
        self.n_frames = 0
        self.n_molecules = 0
        self._block_size = 1
        self._clock = Clock()
        self._last: NDArray[np.float64] | None = None

    def consume(self, groups: Iterator[Group]) -> None:
        """Reads to the end."""
        for first in groups:
            n_atoms = max(1, len(first.frames[0]))
            most = max(1, min(ATOMS_PER_BATCH // n_atoms, MAX_BLOCKS * self._block_size))
            self._add([first, *islice(groups, most - 1)])
            self.progress(self.n_frames)

    def _add(self, groups: list[Group]) -> None:
        batch, first_block = self._batch(groups)
        for metric, blocks in zip(self.metrics, self.blocks, strict=True):
            state = metric.observe(batch)
            blocks.add(state, first_block, batch.n_units)
        self.n_frames += batch.n_frames
        self.n_molecules = batch.n_molecules
        if self.by_molecule:
            return
        while any(len(blocks) > MAX_BLOCKS for blocks in self.blocks):
            for blocks in self.blocks:
                blocks.merge_pairs()
            self._block_size *= 2

    def _batch(self, groups: list[Group]) -> tuple[Batch, int]:
        n_samples = len(groups[0].frames)
        samples = np.stack(
            [
                stack_frames([g.frames[k] for g in groups], self.context.n_atoms, "atoms")
                for k in range(n_samples)
            ]
        )
        samples = self.context.like_atoms.same_hands(samples)
        reference = _stacked([g.reference for g in groups])
        if reference is not None:
            reference = self.context.like_atoms.same_hands(reference)
        first = [group.frames[0] for group in groups]
        numbers = self.n_frames + np.arange(len(groups))
        follows = self._clock(np.array([frame.time for frame in first]))
        n_molecules = samples.shape[2]
        if self.n_molecules not in (0, n_molecules):
            raise InputError(
                f"{first[0].name or f'frame {first[0].index}'} has {n_molecules} molecules, others before it "
                f"{self.n_molecules}; evaluate frames of one size at a time"
            )
        if self.by_molecule:
            n_units, first_block = min(MAX_BLOCKS, n_molecules), 0
            units = np.tile(np.arange(n_molecules) % n_units, (len(groups), 1))
        else:
            block = numbers // self._block_size
            first_block, n_units = int(block[0]), int(block[-1] - block[0]) + 1
            units = np.repeat((block - block[0])[:, None], n_molecules, axis=1)
        before, self._last = self._last if follows[0] else None, samples[:, -1]
        batch = Batch(
            self.context,
            samples,
            stack_boxes(first),
            units,
            n_units,
            numbers,
            np.array([frame.index for frame in first]),
            reference,
            _stacked([g.coarse for g in groups]),
            self._clock.interval,
            follows,
            before,
            self.by_molecule,
            self.is_reference,
        )
        return batch, first_block


def _stacked(arrays: list[Any]) -> NDArray[np.float64] | None:
    if any(array is None or array.shape != arrays[0].shape for array in arrays):
        return None
    return np.stack(arrays).astype(np.float64)
