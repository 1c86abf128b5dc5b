"""Tetracosane, CH3-(CH2)22-CH3, at 400 K: atoms (OPLS-AA), and its Martini model, six beads of four carbons.

The state ``martini`` has beads only. ``bmzoo backmap`` puts atoms back to its frames with the topology of
the state ``400K``, to which a bead is the centre of mass of four carbons with their hydrogens.
"""

from __future__ import annotations

from pathlib import Path

from bmzoo.molecules.martini_alkane import build_topology
from bmzoo.systems.liquid import load_liquid
from bmzoo.systems.system import System, chosen_state, embedded

TITLE = "Tetracosane"
STATES = ("400K", "martini")
TEMPERATURE = 400.0
DATA = Path(__file__).parent / "data" / "tcs"


def load(state: str | None = None) -> System:
    """The liquid at 400 K, or its Martini model.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = chosen_state("tcs", state, STATES)
    if chosen != "martini":
        return load_liquid("tcs", TITLE, chosen, states=STATES[:1])
    return System(
        name="tcs",
        state=chosen,
        title=f"{TITLE}, Martini 2, {TEMPERATURE:.0f} K",
        topology=build_topology("TCS", 6, TEMPERATURE),
        periodic=True,
        reference=embedded(DATA / chosen),
    )
