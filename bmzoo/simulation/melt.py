"""Reference melts of syndiotactic polystyrene; see :func:`recipe`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules import polystyrene
from bmzoo.simulation.melt_checks import trans_fraction
from bmzoo.simulation.melt_engine import MeltRun
from bmzoo.simulation.melt_presets import PRESETS
from bmzoo.simulation.melt_reference import RunRecipe


def recipe(preset: str) -> RunRecipe:
    """One independent melt for each split.

    Chains with ideal internal coordinates on a lattice, compression at 700 K, equilibration at constant
    pressure at 700 K and then at the target temperature, production.

    Args:
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
    """
    settings = PRESETS[preset]
    return RunRecipe(
        system="sps",
        preset=preset,
        topology=polystyrene.build_topology(settings.temperature),
        settings=settings,
        make_run=MeltRun,
        describe=describe_trans,
    )


def describe_trans(chains: NDArray[np.float64], _boxes: NDArray[np.float64]) -> dict[str, Any]:
    """Share of trans torsions of the backbone, of all frames and of both halves."""
    backbone = np.array(polystyrene.backbone())
    parts = [chains, *np.array_split(chains, 2)]
    whole, *halves = (round(trans_fraction(part, backbone), 4) for part in parts)
    return {"trans_fraction": whole, "trans_fraction_of_halves": halves}
