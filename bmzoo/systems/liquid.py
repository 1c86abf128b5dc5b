"""Liquids of one small molecule at 350 K, OPLS-AA: what octane and cumene have in common.

Coarse-grained models and numbering: Stieffenhofer, Bereau, Wand, APL Materials 9, 031107 (2021); see
:mod:`bmzoo.molecules.liquids`.
"""

from __future__ import annotations

from pathlib import Path

from bmzoo.errors import InputError
from bmzoo.molecules import liquids
from bmzoo.systems.reference import Reference
from bmzoo.systems.system import System

STATES = ("350K",)
TEMPERATURE = 350.0
DATA = Path(__file__).parent / "data"


def load_liquid(name: str, title: str, state: str | None = None) -> System:
    """A liquid of :mod:`bmzoo.molecules.liquids`.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = state or STATES[0]
    if chosen not in STATES:
        raise InputError(f"{name} has no state '{chosen}'; it has {', '.join(STATES)}")
    folder = DATA / name / chosen
    return System(
        name=name,
        state=chosen,
        title=f"{title}, liquid, {TEMPERATURE:.0f} K",
        topology=liquids.build_topology(name, TEMPERATURE),
        periodic=True,
        benchmark_frames=6,
        reference=Reference(folder) if (folder / "provenance.json").is_file() else None,
    )
