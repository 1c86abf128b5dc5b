"""Reference liquids of octane, cumene and tetracosane; see :func:`recipe`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules import liquids
from bmzoo.simulation.conformers import embed
from bmzoo.simulation.liquid_presets import presets_of
from bmzoo.simulation.melt_checks import trans_fraction
from bmzoo.simulation.melt_engine import MeltRun
from bmzoo.simulation.melt_reference import RunRecipe


def recipe(system: str, preset: str) -> RunRecipe:
    """A liquid at 1 bar.

    rdkit's conformers on a lattice, compression, equilibration at constant pressure, hot and then at the
    liquid's temperature, production. Train and test are built separately.

    Args:
        system: ``octane``, ``cumene`` or ``tcs``.
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
    """
    settings = presets_of(system)[preset]
    topology = liquids.build_topology(system, settings.temperature)
    return RunRecipe(
        system=system,
        preset=preset,
        topology=topology,
        settings=settings,
        make_run=partial(MeltRun, draw=partial(embed, topology.graph)),
        describe=partial(_gauche, liquids.CHAINS[system]) if system in liquids.CHAINS else lambda *_: {},
    )


def _gauche(
    chain: tuple[int, ...], chains: NDArray[np.float64], _boxes: NDArray[np.float64]
) -> dict[str, Any]:
    """Share of gauche torsions, of all frames and of both halves."""
    backbone = np.array(chain)
    parts = [chains, *np.array_split(chains, 2)]
    whole, *halves = (round(1.0 - trans_fraction(part, backbone), 4) for part in parts)
    return {"gauche_fraction": whole, "gauche_fraction_of_halves": halves}
