"""How long, how large: the presets of the liquids, as data."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from bmzoo.simulation.melt_presets import MeltPreset

DENSITY = MappingProxyType({"octane": 656.0, "cumene": 813.0})
"""kg/m3 expected at 350 K and 1 bar. Cumene's is extrapolated from 862 at 293 K, not looked up."""

_SMALL = MeltPreset(
    n_chains=100,
    splits=(("train", 24), ("test", 12)),
    interval=2.0,
    hot=10.0,
    equilibration=50.0,
    temperature=350.0,
    hot_temperature=400.0,
    compressions=60,
)
"""Hot is at most where octane boils: hotter, it would at 1 bar."""

_PRESETS = MappingProxyType(
    {
        "tiny": replace(
            _SMALL,
            n_chains=48,
            splits=(("train", 2), ("test", 2)),
            interval=0.1,
            hot=0.1,
            equilibration=0.1,
            tolerance=0.15,
            friction=10.0,
            compressions=20,
            steps_per_compression=5,
        ),
        "small": _SMALL,
        "paper": replace(
            _SMALL,
            n_chains=250,
            splits=(("train", 200), ("test", 50)),
            interval=20.0,
            hot=200.0,
            equilibration=1000.0,
            timestep=0.002,
            hydrogen_mass=None,
        ),
    }
)


def presets_of(system: str) -> MappingProxyType[str, MeltPreset]:
    """``tiny``, ``small`` (what is embedded) and ``paper`` of ``octane`` or ``cumene``."""
    return MappingProxyType(
        {name: replace(preset, density=DENSITY[system]) for name, preset in _PRESETS.items()}
    )
