"""Syndiotactic polystyrene, 10 monomers a chain: the benchmark of the voxel GAN papers.

The state ``496K-96mers`` has the chains of ``fritz`` and no frames: ``bmzoo backmap`` puts atoms back to
beads of that model, with weights and library of the melt of short chains.
"""

from __future__ import annotations

from pathlib import Path

from bmzoo.molecules import polystyrene, polystyrene_beads
from bmzoo.systems.system import System, chosen_state, embedded

TITLE = "Syndiotactic polystyrene"
LONG = "496K-96mers"
STATES = ("568K", "453K", "313K", LONG)
TEMPERATURES = {"568K": 568.0, "453K": 453.0, "313K": 313.0}
PHASES = {"568K": "melt", "453K": "alpha crystal", "313K": "beta crystal"}
DATA = Path(__file__).parent / "data" / "sps"


def load(state: str | None = None) -> System:
    """Syndiotactic polystyrene in one of ``STATES`` (the melt by default).

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = chosen_state("sps", state, STATES)
    if chosen == LONG:
        return _long_chains()
    return System(
        name="sps",
        state=chosen,
        title=f"{TITLE}, {PHASES[chosen]}, {TEMPERATURES[chosen]:.0f} K",
        topology=polystyrene.build_topology(TEMPERATURES[chosen]),
        periodic=True,
        benchmark_frames=6,
        reference=embedded(DATA / chosen),
    )


def _long_chains() -> System:
    n_monomers, temperature = polystyrene_beads.N_MONOMERS, polystyrene_beads.TEMPERATURE
    return System(
        name="sps",
        state=LONG,
        title=f"{TITLE}, melt of {n_monomers}-mers (atoms for beads of fritz), {temperature:.0f} K",
        topology=polystyrene.build_topology(temperature, n_monomers),
        periodic=True,
        kin=polystyrene.build_topology(TEMPERATURES[STATES[0]]),
    )
