"""Reference liquids of octane, cumene and tetracosane; see :func:`build`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import unknown
from bmzoo.molecules import liquids
from bmzoo.simulation.conformers import embed
from bmzoo.simulation.liquid_presets import presets_of
from bmzoo.simulation.melt_checks import trans_fraction
from bmzoo.simulation.melt_engine import MeltRun
from bmzoo.simulation.melt_reference import Progress, RunRecipe


def build(
    system: str,
    preset: str,
    output: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    resume: bool = True,
) -> Path:
    """Makes a reference folder of a liquid at 1 bar.

    rdkit's conformers on a lattice, compression, equilibration at constant pressure, hot and then at the
    liquid's temperature, production. Train and test are built separately.

    Args:
        system: ``octane``, ``cumene`` or ``tcs``.
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
        output: folder to create; see :mod:`bmzoo.systems.reference`.
        seed: of conformers, velocities, thermostat and barostat.
        progress: called with the frames done and what is being done.
        resume: go on with what an interrupted build with the same settings left.

    Raises:
        InputError: unknown preset, ``output`` exists, or a liquid that fails its physical checks.
    """
    presets = presets_of(system)
    if preset not in presets:
        raise unknown("preset", preset, tuple(presets))
    settings = presets[preset]
    topology = liquids.build_topology(system, settings.temperature)
    recipe = RunRecipe(
        system=system,
        preset=preset,
        topology=topology,
        settings=settings,
        make_run=partial(MeltRun, draw=partial(embed, topology.graph)),
        describe=partial(_gauche, liquids.CHAINS[system]) if system in liquids.CHAINS else lambda *_: {},
    )
    return recipe.build(output, seed=seed, progress=progress, resume=resume)


def _gauche(
    chain: tuple[int, ...], chains: NDArray[np.float64], _boxes: NDArray[np.float64]
) -> dict[str, Any]:
    """Share of gauche torsions, of all frames and of both halves."""
    backbone = np.array(chain)
    parts = [chains, *np.array_split(chains, 2)]
    whole, *halves = (round(1.0 - trans_fraction(part, backbone), 4) for part in parts)
    return {"gauche_fraction": whole, "gauche_fraction_of_halves": halves}
