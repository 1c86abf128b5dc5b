"""What validation scores count."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bmzoo.fitting.validation import Validation, bonds_are_constrained
from bmzoo.systems import load_system


def _result(bond: float, angle: float) -> SimpleNamespace:
    scores = {"distributions/bond_jsd": bond, "distributions/angle_jsd": angle}
    return SimpleNamespace(scores={k: SimpleNamespace(value=v, floor=0.01) for k, v in scores.items()})


@pytest.mark.parametrize(("name", "constrained"), [("sps", True), ("octane", True), ("adp", False)])
def test_bonds_without_a_width_do_not_count(name: str, constrained: bool) -> None:
    topology = load_system(name).topology
    assert bonds_are_constrained(topology) == constrained
    validation = object.__new__(Validation)
    material = SimpleNamespace(label=name, topology=topology)
    for score, both, angle in (("jsd_ratio", 4.0, 2.0), ("jsd", 0.05, 0.02)):
        validation.score = score
        found = validation._overall(_result(0.08, 0.02), material)  # type: ignore[arg-type]
        assert found == pytest.approx(angle if constrained else both)
