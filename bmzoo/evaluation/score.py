"""A score: a value, its floor, and how sure we are of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Score:
    """One figure of the benchmark.

    Attributes:
        value: the score of the generated frames.
        floor: the same score between two disjoint halves of the reference at the same sample
            size, or the reference's own value where the score describes one ensemble.
            ``None`` where neither exists.
        ratio: value over floor; ``None`` where the floor is missing or zero.
        stderr: standard error from the block bootstrap; ``None`` where there are too few blocks.
        unit: unit of the value, empty where it has none.
        n: what was averaged over: frames, molecules, terms or environments.
        note: anything the reader has to know.
    """

    value: float
    floor: float | None
    ratio: float | None
    stderr: float | None
    unit: str
    n: int
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def make_score(
    value: Any,
    floor: Any = None,
    stderr: Any = None,
    *,
    unit: str = "",
    n: int = 0,
    note: str = "",
) -> Score:
    """A score with its ratio worked out, all numbers plain Python floats."""
    ratio = None if floor is None or floor == 0 else float(value) / float(floor)
    return Score(
        float(value),
        None if floor is None else float(floor),
        ratio,
        None if stderr is None else float(stderr),
        unit,
        int(n),
        note,
    )
