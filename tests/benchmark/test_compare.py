"""Comparing two runs: direction, significance, what only one of them has."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.benchmark.compare import compare_results
from bmzoo.benchmark.results import Results, Row
from bmzoo.evaluation.score import make_score


def _run(scores: dict[str, Any], **changes: Any) -> Results:
    row = Row(
        system="adp", state="300K", test_set="in_distribution", backend="fragments", weights="",
        refine="none", seed=0, n_frames=4, n_samples=2, n_atoms=22, seconds=8.0, atoms_per_second=22.0,
        peak_memory_mb=1.0, scores={name: score.as_dict() for name, score in scores.items()},
    )  # fmt: skip
    return Results(settings={"seed": 0, "output": "a"}, rows=[row], machine={"cores": 2}, **changes)


def test_a_run_has_not_changed_against_itself() -> None:
    run = _run({"a/b": make_score(0.3, 0.1, 0.01), "a/c": make_score(1.0)})
    found = compare_results(run, deepcopy(run))
    assert [c.verdict for c in found.changes] == ["same", "same"]
    assert found.significant == []
    assert found.conditions == {}
    assert found.cost == [(("adp", "300K", "in_distribution", "fragments", "none"), 1.0, 1.0)]


@pytest.mark.parametrize(
    ("after", "verdict", "significant"),
    [(0.11, "better", True), (0.6, "worse", True), (0.301, "worse", False), (0.0, "better", True)],
)
def test_better_is_nearer_to_the_floor(after: float, verdict: str, significant: bool) -> None:
    before = _run({"a/b": make_score(0.3, 0.1, 0.01)})
    (change,) = compare_results(before, _run({"a/b": make_score(after, 0.1, 0.01)})).changes
    assert (change.verdict, change.significant) == (verdict, significant)
    assert change.stderr == pytest.approx(0.01 * 2**0.5)


def test_without_a_standard_error_nobody_knows() -> None:
    before, after = _run({"a/b": make_score(0.3, 0.1)}), _run({"a/b": make_score(0.9, 0.1, 0.01)})
    (change,) = compare_results(before, after).changes
    assert change.significant is None
    assert change.p_value is None


def test_rows_and_conditions_that_differ_are_named() -> None:
    before, after = _run({}), _run({}, bmzoo="9.9")
    after.rows[0].backend = "geometric"
    found = compare_results(before, after)
    assert (len(found.only_before), len(found.only_after), found.changes) == (1, 1, [])
    assert set(found.conditions) == {"bmzoo"}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_chance_is_rarely_called_a_change(seed: int) -> None:
    """Two hundred scores drawn twice from the same normal distributions."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(0.5, 0.01, (2, 200))
    runs = [_run({f"a/{k}": make_score(v, 0.1, 0.01) for k, v in enumerate(side)}) for side in drawn]
    assert len(compare_results(*runs).significant) <= 3
