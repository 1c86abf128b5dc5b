"""The suite that every backend must pass, on ours; and the suite itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bmzoo.backends import registry
from bmzoo.backends.geometric.model import Geometric
from bmzoo.frames.frame import Frame
from bmzoo.testing.conformance import BackendConformance, check_backend


class TestGeometric(BackendConformance):
    backend = "geometric"


class TestGeometricAsPublished(BackendConformance):
    backend = "geometric"
    config = {"relax": False}  # noqa: RUF012


class TestFragmentsByMolecule(BackendConformance):
    backend = "fragments"


class TestFragmentsByBead(BackendConformance):
    backend = "fragments"
    config = {"scope": "bead"}  # noqa: RUF012


def test_report_without_pytest() -> None:
    report = check_backend("fragments")
    assert report.passed, "\n".join(report.lines())
    assert report.as_dict()["checks"][0] == {"check": "is listed", "status": "passed", "message": ""}
    assert report.lines()[-1] == "fragments: all checks passed"


class Sloppy(Geometric):
    """Numbers its samples wrongly."""

    def backmap(self, frames: Any, *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        for frame in super().backmap(frames, n_samples=n_samples, seed=seed):
            yield frame.with_positions(frame.positions, sample=0)


def test_report_finds_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "geometric", f"{__name__}:Sloppy")
    registry.refresh()
    try:
        failed = [o.check for o in check_backend("geometric").outcomes if o.status == "failed"]
    finally:
        monkeypatch.undo()
        registry.refresh()
    assert failed == ["frame by frame sample by sample", "more samples leave the first ones alone"]
