"""Two benchmarks side by side: what changed, and whether it is more than chance."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from bmzoo.benchmark.results import COLUMNS, Results, Row, off_floor

RATE = 0.05
"""False discovery rate: the expected share of chance findings among the changes called significant."""

Key = tuple[str, str, str, str, str]


@dataclass
class Change:
    """One score of one row in both runs.

    Attributes:
        row: system, state, test set, backend and refinement.
        score: name.
        before, after: values.
        stderr: standard error of the difference, the runs taken as independent; ``None`` if unknown.
        significant: whether it is more than chance; ``None`` where there is no standard error.
        verdict: ``better`` or ``worse`` by the distance from the floor, ``changed`` without a floor.
    """

    row: Key
    score: str
    before: float
    after: float
    stderr: float | None
    significant: bool | None = None
    verdict: str = "changed"

    @property
    def difference(self) -> float:
        return self.after - self.before

    @property
    def p_value(self) -> float | None:
        """Two-sided, of a normal distribution."""
        if self.stderr is None:
            return None
        if self.stderr == 0:
            return 1.0 if self.difference == 0 else 0.0
        return math.erfc(abs(self.difference) / self.stderr / math.sqrt(2))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"difference": self.difference, "p_value": self.p_value}


@dataclass
class Comparison:
    """What :func:`compare_results` found.

    Attributes:
        changes: of every score that both runs have.
        cost: seconds a frame before and after; times have no standard error.
        only_before, only_after: rows that the other run lacks.
        conditions: settings, machine and versions that differ, before and after.
    """

    changes: list[Change] = field(default_factory=list)
    cost: list[tuple[Key, float, float]] = field(default_factory=list)
    only_before: list[Key] = field(default_factory=list)
    only_after: list[Key] = field(default_factory=list)
    conditions: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def significant(self) -> list[Change]:
        return [change for change in self.changes if change.significant]

    @property
    def headline(self) -> list[Change]:
        """Changes of the scores of the headline table, significant or not."""
        return [change for change in self.changes if change.score in COLUMNS.values()]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"changes": [change.as_dict() for change in self.changes]}


def compare_results(before: Results, after: Results) -> Comparison:
    """Compares scores of the same system, state, test set, backend and refinement.

    Significance: the difference over its standard error, both runs taken as independent (on the same
    test frames they are not, so that a change is called too seldom rather than too often), and the
    Benjamini-Hochberg procedure over all scores at once (J. R. Stat. Soc. B 57, 289, 1995).
    """
    first, second = ({_key(row): row for row in run.rows} for run in (before, after))
    found = Comparison(
        only_before=[key for key in first if key not in second],
        only_after=[key for key in second if key not in first],
        conditions=_conditions(before, after),
    )
    for key in first:
        if key in second:
            found.changes += _changes(key, first[key], second[key])
            found.cost.append((key, _seconds(first[key]), _seconds(second[key])))
    _decide(found.changes)
    return found


def _key(row: Row) -> Key:
    return row.system, row.state, row.test_set, row.backend, row.refine


def _seconds(row: Row) -> float:
    return row.seconds / max(1, row.n_frames * row.n_samples)


def _changes(key: Key, before: Row, after: Row) -> list[Change]:
    changes = []
    for name, one in before.scores.items():
        other = after.scores.get(name)
        if other is None or one["value"] is None or other["value"] is None:
            continue
        errors = (one["stderr"], other["stderr"])
        known = None not in errors
        stderr = math.hypot(*errors) if known else None
        change = Change(key, name, one["value"], other["value"], stderr)
        change.verdict = _verdict(one, other)
        changes.append(change)
    return changes


def _verdict(one: dict[str, Any], other: dict[str, Any]) -> str:
    if one["value"] == other["value"]:
        return "same"
    far, near = off_floor(one), off_floor(other)
    if far is None or near is None:
        return "changed"
    return "better" if near < far else "worse"


def _decide(changes: list[Change]) -> None:
    """Benjamini-Hochberg: the largest k with p(k) <= k / m * rate, and all smaller p values."""
    tested = sorted((c for c in changes if c.p_value is not None), key=lambda c: c.p_value or 0.0)
    passed = 0
    for rank, change in enumerate(tested, start=1):
        if (change.p_value or 0.0) <= rank / len(tested) * RATE:
            passed = rank
    for rank, change in enumerate(tested, start=1):
        change.significant = rank <= passed and change.difference != 0


def _conditions(before: Results, after: Results) -> dict[str, tuple[Any, Any]]:
    one, other = (_flat(run) for run in (before, after))
    return {
        name: (one.get(name), other.get(name))
        for name in [*one, *(n for n in other if n not in one)]
        if one.get(name) != other.get(name)
    }


def _flat(run: Results) -> dict[str, Any]:
    machine = dict(run.machine)
    versions = machine.pop("versions", {})
    settings = {name: value for name, value in run.settings.items() if name != "output"}
    return {"bmzoo": run.bmzoo, **settings, **machine, **versions}
