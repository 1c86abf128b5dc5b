"""The suite that every backend must pass, on ours; and the suite itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from bmzoo.backends import registry
from bmzoo.backends.backmapper import Capabilities
from bmzoo.backends.geometric.model import Geometric
from bmzoo.frames.frame import Frame
from bmzoo.testing.conformance import BackendConformance, check_backend
from bmzoo.testing.linear import Linear


class TestGeometric(BackendConformance):
    backend = "geometric"


class TestGeometricAsPublished(BackendConformance):
    backend = "geometric"
    config = {"relax": False}  # noqa: RUF012


class TestLinear(BackendConformance):
    backend = "linear"

    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setitem(registry.BUILT_IN, "linear", "bmzoo.testing.linear:Linear")
        registry.refresh()
        yield
        monkeypatch.undo()
        registry.refresh()


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


class Careless(Linear):
    """Its batches depend on what was asked for before, and half of it is not in ``module``."""

    name = "linear"
    capabilities = Capabilities(fitting="gradient", transferable=True)

    def training_batches(self, pairs: Any, *, seed: int) -> Any:
        batch = super().training_batches(pairs, seed=seed)
        steps = iter(range(1000))
        return lambda step: batch(next(steps))

    def optimizers(self) -> Any:
        self.extra = torch.nn.Parameter(torch.zeros(1))
        return {"network": torch.optim.Adam([*self.network.parameters(), self.extra])}

    def adopt(self, other: Any) -> None:
        self.network.load_state_dict(other.network.state_dict())


def test_report_finds_faults_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "linear", f"{__name__}:Careless")
    registry.refresh()
    try:
        failed = [o.check for o in check_backend("linear").outcomes if o.status == "failed"]
    finally:
        monkeypatch.undo()
        registry.refresh()
    assert failed == [
        "batches depend on seed and step alone",
        "training moves the part whose turn it is",
        "networks are shared if transferable",
    ]


def test_report_finds_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "geometric", f"{__name__}:Sloppy")
    registry.refresh()
    try:
        failed = [o.check for o in check_backend("geometric").outcomes if o.status == "failed"]
    finally:
        monkeypatch.undo()
        registry.refresh()
    assert failed == ["frame by frame sample by sample", "more samples leave the first ones alone"]
