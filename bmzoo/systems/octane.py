"""Octane, CH3-(CH2)6-CH3: half of what polystyrene is learned from in the transfer experiment.

Liquid at 350 K, OPLS-AA. Coarse-grained model and numbering: Stieffenhofer, Bereau, Wand, APL Materials
9, 031107 (2021); see :mod:`bmzoo.molecules.liquids`.
"""

from __future__ import annotations

from pathlib import Path

from bmzoo.errors import InputError
from bmzoo.molecules import liquids
from bmzoo.systems.reference import Reference
from bmzoo.systems.system import System

TITLE = "Octane"
STATES = ("350K",)
TEMPERATURE = 350.0
DATA = Path(__file__).parent / "data" / "octane"


def load(state: str | None = None) -> System:
    """Liquid octane at 350 K.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = state or STATES[0]
    if chosen not in STATES:
        raise InputError(f"octane has no state '{chosen}'; it has {', '.join(STATES)}")
    folder = DATA / chosen
    return System(
        name="octane",
        state=chosen,
        title=f"{TITLE}, liquid, {TEMPERATURE:.0f} K",
        topology=liquids.build_topology("octane", TEMPERATURE),
        periodic=True,
        benchmark_frames=6,
        reference=Reference(folder) if (folder / "provenance.json").is_file() else None,
    )
