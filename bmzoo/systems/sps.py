"""Syndiotactic polystyrene, 10 monomers a chain: the benchmark of the voxel GAN papers."""

from __future__ import annotations

from pathlib import Path

from bmzoo.molecules import polystyrene
from bmzoo.systems.system import System, chosen_state, embedded

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
    chosen = chosen_state("sps", state, STATES)
    return System(
        name="sps",
        state=chosen,
        title=f"{TITLE}, {PHASES[chosen]}, {TEMPERATURES[chosen]:.0f} K",
        topology=polystyrene.build_topology(TEMPERATURES[chosen]),
        periodic=True,
        benchmark_frames=6,
        reference=embedded(DATA / chosen),
    )
