"""Liquids of one small molecule, OPLS-AA: what octane, cumene and tetracosane have in common.

Coarse-grained models and numbering: Stieffenhofer, Bereau, Wand, APL Materials 9, 031107 (2021); see
:mod:`bmzoo.molecules.liquids`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bmzoo.molecules import liquids
from bmzoo.systems.system import System, chosen_state, embedded

STATES = ("350K",)
"""Of octane and cumene."""
DATA = Path(__file__).parent / "data"


def load_liquid(name: str, title: str, state: str | None = None, *, states: Sequence[str] = STATES) -> System:
    """A liquid of :mod:`bmzoo.molecules.liquids`; its states are temperatures.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = chosen_state(name, state, states)
    return System(
        name=name,
        state=chosen,
        title=f"{title}, liquid, {chosen[:-1]} K",
        topology=liquids.build_topology(name, float(chosen[:-1])),
        periodic=True,
        benchmark_frames=6,
        reference=embedded(DATA / name / chosen),
    )
