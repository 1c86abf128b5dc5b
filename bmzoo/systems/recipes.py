"""Which recipe makes which system's reference frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bmzoo.errors import InputError, unknown
from bmzoo.systems import NAMES, load_system

if TYPE_CHECKING:
    from bmzoo.simulation.melt_reference import RunRecipe

PRESETS = ("tiny", "small", "paper")


def build(
    system: str,
    preset: str,
    output: Path,
    *,
    seed: int = 0,
    resume: bool = True,
    progress: Callable[[int, str], None] | None = None,
) -> Path:
    """Runs the recipe of a system.

    Args:
        system: name of a system of the zoo, with a state where wanted (``sps:313K``).
        preset: ``tiny`` (seconds, for tests), ``small`` (what is embedded) or ``paper``.
        output: reference folder to create; see :mod:`bmzoo.systems.reference`.
        seed: of builds, velocities and Langevin forces.
        resume: go on with an interrupted build.
        progress: called with the steps done and what is being done.

    Raises:
        InputError: unknown names, an output that exists or cannot be written.
    """
    name = system.partition(":")[0]
    if name not in NAMES:
        raise unknown("system", name, NAMES)
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    if output.exists():
        raise InputError(f"{output} exists already; choose another --output, or remove it")
    chosen = load_system(system)
    if chosen.kin is not None:
        raise InputError(f"there is no recipe for {system}: it takes weights and library of '{name}'")
    state = chosen.state
    if name == "blobs":
        from bmzoo.systems import blobs

        return blobs.build(output, state=state)
    if name in ("adp", "cln"):
        from bmzoo.simulation import peptides

        return peptides.build(name, preset, output, seed=seed, progress=progress, resume=resume)
    return _recipe(name, state, preset).build(output, seed=seed, progress=progress, resume=resume)


def _recipe(name: str, state: str, preset: str) -> RunRecipe:
    if state == "martini":
        from bmzoo.simulation import martini_liquid

        return martini_liquid.recipe(preset)
    if name in ("octane", "cumene", "tcs"):
        from bmzoo.simulation import liquids

        return liquids.recipe(name, preset)
    if name == "kg":
        from bmzoo.simulation import kremer_grest_melt

        return kremer_grest_melt.recipe(preset)
    if name == "fritz":
        from bmzoo.molecules.tabulated import TabulatedModel
        from bmzoo.simulation import tabulated_melt
        from bmzoo.systems.fritz import MODEL

        return tabulated_melt.recipe(preset, TabulatedModel.load(MODEL))
    if state != "568K":
        from bmzoo.simulation import crystals

        return crystals.recipe(state, preset)
    from bmzoo.simulation import melt

    return melt.recipe(preset)
