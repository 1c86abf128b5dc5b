"""How long, how large: the presets of the liquids, as data."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from bmzoo.simulation.melt_presets import MeltPreset

DENSITY = MappingProxyType({"octane": 656.0, "cumene": 813.0, "tcs": 729.0})
"""kg/m3 expected at 1 bar. Cumene's is extrapolated from 862 at 293 K, not looked up; that of tetracosane
from molar volumes of dodecane, hexadecane and eicosane at 400 K, linear in the number of carbons (DIPPR's
equation 105, Perry's Chemical Engineers' Handbook): 724 to 733 by the pair taken."""

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

_LONG = {"temperature": 400.0, "hot_temperature": 500.0, "tolerance": 0.03}
_CHANGED: MappingProxyType[str, dict[str, dict[str, Any]]] = MappingProxyType(
    {
        "tcs": {
            "tiny": {**_LONG, "n_chains": 16, "tolerance": 0.15},
            "small": {
                **_LONG,
                "n_chains": 48,
                "splits": (("train", 24), ("test", 12)),
                "interval": 5.0,
                "hot": 20.0,
                "equilibration": 100.0,
            },
            "paper": {**_LONG, "n_chains": 168, "interval": 50.0, "equilibration": 2000.0},
        }
    }
)
"""Where tetracosane differs. OPLS-AA is made for short alkanes: it stiffens long ones and freezes them too
early (Siu, Pluhackova, Boeckmann, J. Chem. Theory Comput. 8, 1459, 2012). At 400 K, 76 K above the melting
point, they are liquid; their density is allowed 3 %."""


def presets_of(system: str) -> MappingProxyType[str, MeltPreset]:
    """``tiny``, ``small`` (what is embedded) and ``paper`` of ``octane``, ``cumene`` or ``tcs``."""
    changed = _CHANGED.get(system, {})
    return MappingProxyType(
        {
            name: replace(preset, density=DENSITY[system], **changed.get(name, {}))
            for name, preset in _PRESETS.items()
        }
    )
