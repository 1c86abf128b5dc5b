"""Syndiotactic polystyrene, 10 monomers a chain: the benchmark of the voxel GAN papers."""

from __future__ import annotations

from pathlib import Path

from bmzoo.errors import InputError
from bmzoo.molecules import polystyrene
from bmzoo.systems.reference import Reference
from bmzoo.systems.system import System

TITLE = "Syndiotactic polystyrene"
STATES = ("568K", "453K", "313K")
TEMPERATURES = {"568K": 568.0, "453K": 453.0, "313K": 313.0}
PHASES = {"568K": "melt", "453K": "alpha crystal", "313K": "beta crystal"}
DATA = Path(__file__).parent / "data" / "sps"


def load(state: str | None = None) -> System:
    """Syndiotactic polystyrene in one of ``STATES`` (the melt by default).

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = state or STATES[0]
    if chosen not in STATES:
        raise InputError(f"sps has no state '{chosen}'; it has {', '.join(STATES)}")
    folder = DATA / chosen
    return System(
        name="sps",
        state=chosen,
        title=f"{TITLE}, {PHASES[chosen]}, {TEMPERATURES[chosen]:.0f} K",
        topology=polystyrene.build_topology(TEMPERATURES[chosen]),
        periodic=True,
        benchmark_frames=6,
        reference=Reference(folder) if (folder / "provenance.json").is_file() else None,
    )
