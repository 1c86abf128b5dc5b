"""Reference melts of syndiotactic polystyrene; see :func:`build`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import unknown
from bmzoo.molecules import polystyrene
from bmzoo.simulation.melt_checks import trans_fraction
from bmzoo.simulation.melt_engine import MeltRun
from bmzoo.simulation.melt_presets import PRESETS
from bmzoo.simulation.melt_reference import Progress, RunRecipe


def build(
    preset: str, output: Path, *, seed: int = 0, progress: Progress | None = None, resume: bool = True
) -> Path:
    """Makes a reference folder: one independent melt for each split.

    Chains with ideal internal coordinates on a lattice, compression at 700 K, equilibration at constant
    pressure at 700 K and then at the target temperature, production.

    Args:
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
        output: folder to create; see :mod:`bmzoo.systems.reference`.
        seed: of conformers, velocities, thermostat and barostat.
        progress: called with the frames done and what is being done.
        resume: go on with what an interrupted build with the same settings left.

    Raises:
        InputError: unknown preset, ``output`` exists, or a melt that fails its physical checks.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, tuple(PRESETS))
    settings = PRESETS[preset]
    topology = polystyrene.build_topology(settings.temperature)
    recipe = RunRecipe(
        system="sps",
        preset=preset,
        topology=topology,
        settings=settings,
        make_run=MeltRun,
        describe=describe_trans,
    )
    return recipe.build(output, seed=seed, progress=progress, resume=resume)


def describe_trans(chains: NDArray[np.float64], _boxes: NDArray[np.float64]) -> dict[str, Any]:
    """Share of trans torsions of the backbone, of all frames and of both halves."""
    backbone = np.array(polystyrene.backbone())
    parts = [chains, *np.array_split(chains, 2)]
    whole, *halves = (round(trans_fraction(part, backbone), 4) for part in parts)
    return {"trans_fraction": whole, "trans_fraction_of_halves": halves}
