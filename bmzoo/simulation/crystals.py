"""Reference crystals of syndiotactic polystyrene; see :func:`recipe`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules import polystyrene
from bmzoo.simulation.crystal_presets import PRESETS, CrystalPreset
from bmzoo.simulation.crystal_run import CrystalRun
from bmzoo.simulation.melt import describe_trans
from bmzoo.simulation.melt_reference import RunRecipe

Floats = NDArray[np.float64]


def recipe(state: str, preset: str) -> RunRecipe:
    """The alpha (``453K``) or the beta crystal (``313K``).

    All-trans chains in the unit cells of :mod:`bmzoo.simulation.crystal_cells`, equilibration at constant
    pressure with every edge and angle of the box free, production.

    Args:
        state: ``453K`` or ``313K``.
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
    """
    settings = PRESETS[state][preset]

    def describe(chains: Floats, boxes: Floats) -> dict[str, Any]:
        return _describe(settings, chains, boxes)

    return RunRecipe(
        system="sps",
        preset=preset,
        topology=polystyrene.build_topology(settings.temperature),
        settings=settings,
        make_run=CrystalRun,
        describe=describe,
    )


def _describe(settings: CrystalPreset, chains: Floats, boxes: Floats) -> dict[str, Any]:
    """Share of trans torsions, and the mean cell: edges in nm and angles in degrees.

    Raises:
        InputError: if the chains are not planar any more.
    """
    found = describe_trans(chains, boxes)
    if found["trans_fraction"] < settings.ordered:
        raise InputError(
            f"the {settings.phase} crystal has melted: only {100 * found['trans_fraction']:.1f} % of its "
            "backbone torsions are trans; build it with another --seed"
        )
    lengths = np.linalg.norm(boxes, axis=2)
    turned = np.roll(boxes, -1, axis=1), np.roll(boxes, -2, axis=1)
    cosines = (turned[0] * turned[1]).sum(axis=2)
    cosines /= np.linalg.norm(turned[0], axis=2) * np.linalg.norm(turned[1], axis=2)
    a, b = settings.repeats
    return found | {
        "cell_edges_nm": (lengths / [a, b, 1]).mean(axis=0).round(4).tolist(),
        "cell_angles_deg": np.degrees(np.arccos(cosines)).mean(axis=0).round(2).tolist(),
    }
