"""Liquids of one small molecule, OPLS-AA: what octane, cumene and tetracosane have in common.

Coarse-grained models and numbering: Stieffenhofer, Bereau, Wand, APL Materials 9, 031107 (2021); see
:mod:`bmzoo.molecules.liquids`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bmzoo.errors import InputError
from bmzoo.molecules import liquids
from bmzoo.systems.reference import Reference
from bmzoo.systems.system import System

STATES = ("350K",)
"""Of octane and cumene."""
DATA = Path(__file__).parent / "data"


def load_liquid(name: str, title: str, state: str | None = None, *, states: Sequence[str] = STATES) -> System:
    """A liquid of :mod:`bmzoo.molecules.liquids`; its states are temperatures.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = state or states[0]
    if chosen not in states:
        raise InputError(f"{name} has no state '{chosen}'; it has {', '.join(states)}")
    folder = DATA / name / chosen
    return System(
        name=name,
        state=chosen,
        title=f"{title}, liquid, {chosen[:-1]} K",
        topology=liquids.build_topology(name, float(chosen[:-1])),
        periodic=True,
        benchmark_frames=6,
        reference=Reference(folder) if (folder / "provenance.json").is_file() else None,
    )
