"""What a metric is: three hooks (observe, merge, conclude) and a declared merge rule.

A stream of frames is cut into blocks. ``observe`` turns a batch of frames into one small state per
block, a dictionary of arrays; the declared rules say how the states of two blocks become one, so
that a metric runs on one frame, on a stream, or in parallel; ``conclude`` compares the blocks of the
reference with those of the generated frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.score import Score

if TYPE_CHECKING:
    from bmzoo.evaluation.batch import Batch
    from bmzoo.evaluation.context import Context

Array = NDArray[Any]
Rule = Callable[[Array, Array], Array]
State = Mapping[str, Sequence[Array] | Array]
"""Arrays by name; the first axis (or the list) runs over the blocks of the batch."""

MAX_BLOCKS = 32


def total(one: Array, other: Array) -> Array:
    """Adds."""
    return one + other


def worst(one: Array, other: Array) -> Array:
    """Rows of (value, frame index): keeps the row with the larger value."""
    return np.where((other[..., :1] > one[..., :1]), other, one)


def priorities(numbers: NDArray[np.int64], n_rows: int, seed: int) -> NDArray[np.float64]:
    """``(n_frames, n_rows)`` numbers in [0, 1) that depend on frame, row and seed only (splitmix64)."""
    with np.errstate(over="ignore"):
        z = np.asarray(numbers, dtype=np.uint64)[:, None] * np.uint64(0x9E3779B97F4A7C15)
        z = z + np.arange(1, n_rows + 1, dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / 2.0**53


def sample(size: int) -> Rule:
    """Rows whose first column is a random priority: keeps the ``size`` lowest, whatever the order."""

    def keep(one: Array, other: Array) -> Array:
        rows = np.concatenate([one, other])
        if len(rows) <= size:
            return rows
        return rows[np.sort(np.argpartition(rows[:, 0], size)[:size])]

    return keep


def head(size: int) -> Rule:
    """Rows in order of time: keeps contiguous runs, ``size`` rows in all."""

    def keep(one: Array, other: Array) -> Array:
        if len(one) + len(other) <= size:
            return np.concatenate([one, other])
        half = size // 2
        return np.concatenate([one[: max(half, size - len(other))], other[: max(half, size - len(one))]])

    return keep


@dataclass
class Outcome:
    """What a metric says: scores by observable, histograms, the worst frames."""

    scores: dict[str, Score] = field(default_factory=dict)
    histograms: dict[str, dict[str, Array]] = field(default_factory=dict)
    worst: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Metric(ABC):
    """One family, or a part of one. Adding a metric is adding a class to ``evaluate.METRICS``."""

    family: ClassVar[str]
    pairing: ClassVar[Literal["none", "coarse", "reference"]] = "none"
    """Whether a generated frame must come with its CG frame, or with the reference frame it belongs to."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @classmethod
    def applies(cls, context: Context) -> bool:
        """Whether there is anything to measure in such a system."""
        return True

    @abstractmethod
    def rules(self) -> Mapping[str, Rule]:
        """How the states of two blocks merge: a rule for every array of the state."""

    @abstractmethod
    def observe(self, batch: Batch) -> State:
        """One state per block of the batch."""

    @abstractmethod
    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        """Scores of the generated frames against the reference."""


class Blocks:
    """States of the blocks of one side, for one metric.

    While frames come in, neighbouring blocks are merged pairwise whenever there are more than
    ``MAX_BLOCKS``, so that memory does not grow with the stream.

    Args:
        simulated: frames were made from a coarse-grained simulation: their beads are not those of the
            reference, and their times are those of its dynamics.
    """

    def __init__(self, rules: Mapping[str, Rule], *, simulated: bool = False) -> None:
        self.rules = rules
        self.simulated = simulated
        self.states: list[dict[str, Array]] = []
        self.cache: dict[str, Any] = {}
        """What a metric worked out of the reference alone, kept for the next generated trajectory."""

    def __len__(self) -> int:
        return len(self.states)

    @property
    def filled(self) -> bool:
        """Whether every block holds what the first one holds, and that is anything at all."""
        return (
            bool(self.states)
            and bool(self.states[0])
            and all(s.keys() == self.states[0].keys() for s in self.states)
        )

    def add(self, state: State, first: int, n_blocks: int) -> None:
        """Merges the states of a batch into blocks ``first``, ``first + 1``, ..."""
        for offset in range(n_blocks):
            one = {key: state[key][offset] for key in self.rules if key in state}
            place = first + offset
            if place < len(self.states):
                self.states[place] = self._merge(self.states[place], one)
            else:
                self.states.append(one)

    def merge_pairs(self) -> None:
        """Halves the number of blocks."""
        pairs = [self.states[i : i + 2] for i in range(0, len(self.states), 2)]
        self.states = [self._merge(*pair) if len(pair) == 2 else pair[0] for pair in pairs]

    def _merge(self, one: dict[str, Array], other: dict[str, Array]) -> dict[str, Array]:
        return {key: self.rules[key](one[key], other[key]) for key in one if key in other}

    def stack(self, key: str) -> Array:
        """``(n_blocks, ...)`` of a key that all blocks hold in the same shape."""
        return np.stack([state[key] for state in self.states])

    def rows(self, key: str) -> list[Array]:
        """The rows of every block."""
        return [state[key] for state in self.states]

    def total(self, key: str) -> Array:
        """All blocks merged."""
        merged = self.states[0][key]
        for state in self.states[1:]:
            merged = self.rules[key](merged, state[key])
        return merged
