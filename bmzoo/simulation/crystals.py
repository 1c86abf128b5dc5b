"""Reference crystals of syndiotactic polystyrene; see :func:`build`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError, unknown
from bmzoo.molecules import polystyrene
from bmzoo.simulation.crystal_presets import PRESETS, CrystalPreset
from bmzoo.simulation.crystal_run import CrystalRun
from bmzoo.simulation.melt import describe_trans
from bmzoo.simulation.melt_reference import Progress, RunRecipe

Floats = NDArray[np.float64]


def build(
    state: str,
    preset: str,
    output: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    resume: bool = True,
) -> Path:
    """Makes a reference folder of the alpha (``453K``) or the beta crystal (``313K``).

    All-trans chains in the unit cells of :mod:`bmzoo.simulation.crystal_cells`, equilibration at constant
    pressure with every edge and angle of the box free, production.

    Args:
        state: ``453K`` or ``313K``.
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
        output: folder to create; see :mod:`bmzoo.systems.reference`.
        seed: of velocities, thermostat and barostat.
        progress: called with the frames done and what is being done.
        resume: go on with what an interrupted build with the same settings left.

    Raises:
        InputError: unknown state or preset, ``output`` exists, or a crystal that fails its physical checks.
    """
    if state not in PRESETS:
        raise unknown("crystal", state, tuple(PRESETS))
    if preset not in PRESETS[state]:
        raise unknown("preset", preset, tuple(PRESETS[state]))
    return recipe(state, preset).build(output, seed=seed, progress=progress, resume=resume)


def recipe(state: str, preset: str) -> RunRecipe:
    """What :func:`build` builds."""
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
