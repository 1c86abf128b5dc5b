"""How long, how large, how hot: the presets of the polystyrene crystals, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from bmzoo.simulation.melt_presets import RunPreset


@dataclass(frozen=True)
class CrystalPreset(RunPreset):
    """Everything that decides what a crystal recipe makes, but for the seed.

    ``repeats`` are unit cells along a and b. The run begins at its own temperature; ``hot`` is the part of
    the equilibration after which an explosion no longer leads back to the ideal crystal.
    """

    phase: Literal["alpha", "beta"] = "beta"
    repeats: tuple[int, int] = (1, 1)
    ordered: float = 0.95
    """The least share of trans torsions; less is no crystal of planar chains."""


_BETA = CrystalPreset(
    n_chains=36,
    splits=(("test", 10),),
    interval=4.0,
    hot=4.0,
    equilibration=20.0,
    temperature=313.0,
    hot_temperature=313.0,
    density=1044.0,
    barostat_interval=5,
    tolerance=0.03,
    repeats=(9, 1),
)
_ALPHA = replace(
    _BETA, phase="alpha", temperature=453.0, hot_temperature=453.0, density=998.0, repeats=(4, 1)
)


def _tiny(small: CrystalPreset, repeats: tuple[int, int], n_chains: int) -> CrystalPreset:
    return replace(
        small,
        n_chains=n_chains,
        repeats=repeats,
        splits=(("test", 2),),
        interval=0.2,
        hot=0.2,
        equilibration=0.2,
        tolerance=0.15,
        friction=10.0,
    )


def _paper(small: CrystalPreset) -> CrystalPreset:
    return replace(
        small,
        splits=(("test", 100),),
        interval=20.0,
        hot=100.0,
        equilibration=2000.0,
        timestep=0.002,
        hydrogen_mass=None,
    )


def _presets(small: CrystalPreset, tiny: CrystalPreset) -> MappingProxyType[str, CrystalPreset]:
    return MappingProxyType({"tiny": tiny, "small": small, "paper": _paper(small)})


PRESETS = MappingProxyType(
    {
        "313K": _presets(_BETA, _tiny(_BETA, (3, 1), 12)),
        "453K": _presets(_ALPHA, _tiny(_ALPHA, (1, 1), 9)),
    }
)
"""By state and name."""
