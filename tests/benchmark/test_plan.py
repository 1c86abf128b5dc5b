"""Which frames a benchmark takes."""

from __future__ import annotations

import pytest

from bmzoo.benchmark.plan import Settings, make_plan
from bmzoo.errors import InputError


def frames(**changes: object) -> tuple[range, ...]:
    plan = make_plan(Settings(backends=["geometric"], **changes))  # type: ignore[arg-type]
    return plan.jobs[0].frames


def test_frames_are_spread_evenly() -> None:
    assert frames(systems=["adp"], frames=300) == (range(0, 9900, 33),)


def test_consecutive_frames_are_beginnings_of_runs() -> None:
    assert frames(systems=["adp"], frames=300, consecutive=True) == (range(150), range(5000, 5150))
    assert frames(systems=["adp"], frames=50, consecutive=True) == (range(50),)
    assert frames(systems=["adp"], consecutive=True)[-1] == range(9800, 10000)
    assert sum(len(part) for part in frames(systems=["adp"], consecutive=True)) == 10000
    slow = frames(systems=["cln"], split="kinetics", consecutive=True)
    assert [len(part) for part in slow] == [150] * 8


def test_settings_belong_to_one_backend() -> None:
    with pytest.raises(InputError, match="name just that one"):
        Settings(changes=["neighbours=1"])


def test_a_split_that_no_system_has() -> None:
    with pytest.raises(InputError, match="split 'tset' of adp"):
        make_plan(Settings(systems=("adp",), split="tset"))


def test_frames_of_a_simulation() -> None:
    both = ("in_distribution", "generalisation")
    plan = make_plan(Settings(systems=["adp"], backends=["geometric"], test_sets=both, frames=300))
    assert [job.test_set for job in plan.jobs] == list(both)
    assert plan.jobs[0].frames == plan.jobs[1].frames
    assert plan.jobs[0].simulated == ()
    assert plan.jobs[1].simulated == (range(0, 87900, 293),)
    settings = Settings(systems=["adp"], backends=["geometric"], test_sets=both[1:], consecutive=True)
    (job,) = make_plan(settings).jobs
    assert sum(map(len, job.frames)) == 10_000
    assert [part.start % 4000 for part in job.simulated] == [0, 0, 0]
    assert {len(part) for part in job.simulated} == {3334}


def test_a_simulation_that_there_is_none_of() -> None:
    both = ("in_distribution", "generalisation")
    plan = make_plan(Settings(systems=["cln"], backends=["geometric"], test_sets=both))
    assert [job.test_set for job in plan.jobs] == ["in_distribution"]
    assert plan.skipped[0]["test_set"] == "generalisation"
    with pytest.raises(InputError, match="simulate-cg"):
        make_plan(Settings(systems=["cln"], test_sets=both[1:]))
    with pytest.raises(InputError, match="generalisation"):
        Settings(test_sets=["generalization"])
