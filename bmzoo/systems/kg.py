"""A Kremer-Grest melt of 24 chains of 32 beads: the top-down model that morphing turns into polystyrene.

Reduced units: one sigma is one nanometre here; see :mod:`bmzoo.simulation.kremer_grest`.
"""

from __future__ import annotations

from pathlib import Path

from bmzoo.errors import InputError
from bmzoo.simulation.kremer_grest_melt import build_topology
from bmzoo.systems.reference import Reference
from bmzoo.systems.system import System

TITLE = "Kremer-Grest polymer"
STATES = ("melt",)
DATA = Path(__file__).parent / "data" / "kg"


def load(state: str | None = None) -> System:
    """The melt at density 0.85, bending 0.8815.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = state or STATES[0]
    if chosen not in STATES:
        raise InputError(f"kg has no state '{chosen}'; it has {', '.join(STATES)}")
    folder = DATA / chosen
    return System(
        name="kg",
        state=chosen,
        title=f"{TITLE}, melt, reduced units",
        topology=build_topology(),
        periodic=True,
        reference=Reference(folder) if (folder / "provenance.json").is_file() else None,
    )
