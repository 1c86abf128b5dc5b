"""A Kremer-Grest melt of 24 chains of 32 beads: the top-down model that morphing turns into polystyrene.

Reduced units: one sigma is one nanometre here; see :mod:`bmzoo.simulation.kremer_grest`.
"""

from __future__ import annotations

from pathlib import Path

from bmzoo.simulation.kremer_grest_melt import build_topology
from bmzoo.systems.system import System, chosen_state, embedded

TITLE = "Kremer-Grest polymer"
STATES = ("melt",)
DATA = Path(__file__).parent / "data" / "kg"


def load(state: str | None = None) -> System:
    """The melt at density 0.85, bending 0.8815.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = chosen_state("kg", state, STATES)
    return System(
        name="kg",
        state=chosen,
        title=f"{TITLE}, melt, reduced units",
        topology=build_topology(),
        periodic=True,
        reference=embedded(DATA / chosen),
    )
