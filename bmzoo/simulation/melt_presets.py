"""How long, how large, how hot: what every preset says, and those of the polystyrene melt, as data."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class RunPreset:
    """What decides about the dynamics, but for the seed. ps, K, bar, g/mol.

    ``splits`` are independent runs: name and number of frames, ``interval`` ps apart.
    """

    n_chains: int
    splits: tuple[tuple[str, int], ...]
    interval: float
    hot: float
    """ps at ``hot_temperature`` and constant pressure, before the target temperature."""
    equilibration: float
    """ps at the target temperature before the first frame."""
    temperature: float = 568.0
    hot_temperature: float = 700.0
    pressure: float = 1.0
    density: float = 920.0
    """kg/m3, of the published frames; a melt's compression stops there, pressure takes over."""
    tolerance: float = 0.02
    """Allowed relative deviation of mean density and temperature."""
    timestep: float = 0.004
    hydrogen_mass: float | None = 3.0
    friction: float = 1.0
    barostat_interval: int = 25


@dataclass(frozen=True)
class MeltPreset(RunPreset):
    """Everything that decides what a melt recipe makes, but for the seed.

    ``trans_fraction`` is what start torsions are drawn with; rejecting overlaps raises it by 0.1.
    """

    trans_fraction: float = 0.62
    compressions: int = 100
    """At least so many; more where chains do not give way."""
    steps_per_compression: int = 10


PRESETS = MappingProxyType(
    {
        "tiny": MeltPreset(
            n_chains=6,
            splits=(("train", 2), ("test", 2)),
            interval=0.2,
            hot=0.4,
            equilibration=0.4,
            tolerance=0.15,
            friction=10.0,
            compressions=50,
            steps_per_compression=5,
        ),
        "small": MeltPreset(
            n_chains=36, splits=(("train", 32), ("test", 24)), interval=6.0, hot=60.0, equilibration=60.0
        ),
        "paper": MeltPreset(
            n_chains=36,
            splits=(("train", 400), ("test", 100)),
            interval=20.0,
            hot=500.0,
            equilibration=2000.0,
            timestep=0.002,
            hydrogen_mass=None,
        ),
    }
)
