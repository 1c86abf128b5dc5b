"""Scores are defined in one place: the documentation and every score that comes out agree with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmzoo.evaluation.definitions import COST, DEFINITIONS, RULE, definition_of, markdown_table
from bmzoo.evaluation.evaluate import Evaluation
from bmzoo.systems import load_system

SCORES = (Path(__file__).parents[2] / "docs" / "scores.md").read_text()


@pytest.mark.parametrize("text", [RULE, COST, markdown_table()], ids=["rule", "cost", "table"])
def test_the_documentation_repeats_the_definitions(text: str) -> None:
    assert text in SCORES


def test_keys_are_unique() -> None:
    assert len({d.key for d in DEFINITIONS}) == len(DEFINITIONS)


def test_every_score_of_a_real_evaluation_is_defined() -> None:
    system = load_system("adp")
    assert system.reference is not None
    atoms = list(system.reference.frames("test", 0, 24, 1))
    evaluation = Evaluation(system.topology, landscape=system.landscape)
    found = evaluation.run(atoms, atoms)
    assert len(found.scores) > 100
    assert [name for name in found.scores if definition_of(name) is None] == []
