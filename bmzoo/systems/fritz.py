"""Coarse-grained syndiotactic polystyrene, 24 chains of 96 monomers, two beads a monomer, at 496 K.

The model is of the kind of Fritz, Harmandaris, Kremer, van der Vegt, Macromolecules 42, 7579 (2009), whose
tables are not published: ``model.json`` is made by ``bmzoo data invert`` from the embedded melt of ``sps``.
Its particles are A and B beads; the beads that it is mapped onto are blobs of three monomers, the
resolution of the Kremer-Grest model ``kg``.
"""

from __future__ import annotations

from pathlib import Path

from bmzoo.molecules.polystyrene_beads import build_topology
from bmzoo.systems.system import System, chosen_state, embedded

TITLE = "Coarse-grained polystyrene"
STATES = ("496K",)
DATA = Path(__file__).parent / "data" / "fritz"
MODEL = DATA / "model.json"


def load(state: str | None = None) -> System:
    """The melt at 496 K.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = chosen_state("fritz", state, STATES)
    return System(
        name="fritz",
        state=chosen,
        title=f"{TITLE}, two beads a monomer, {chosen[:-1]} K",
        topology=build_topology(),
        periodic=True,
        reference=embedded(DATA / chosen),
    )
