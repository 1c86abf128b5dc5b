"""Reference liquids of Martini tetracosane; see :func:`recipe`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.periodic import neighbour_pairs
from bmzoo.molecules import liquids, martini_alkane
from bmzoo.simulation import martini
from bmzoo.simulation.liquid_presets import DENSITY
from bmzoo.simulation.melt_checks import check_state
from bmzoo.simulation.melt_engine import MeltRun
from bmzoo.simulation.melt_presets import MeltPreset
from bmzoo.simulation.melt_reference import RunRecipe

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]
N_BEADS = 6
TEMPERATURE = 400.0
MASS_RATIO = N_BEADS * martini_alkane.MASS / float(liquids.tetracosane()[0].masses.sum())
"""Beads are heavier than what they stand for: densities of the model are larger by this."""
CLOSEST, LONGEST = 0.34, 0.8
"""nm: no pair of beads that are not bonded is nearer in a sound liquid, and no bond longer."""

_SMALL = MeltPreset(
    n_chains=168,
    splits=(("test", 24),),
    interval=100.0,
    hot=100.0,
    equilibration=1500.0,
    temperature=TEMPERATURE,
    hot_temperature=500.0,
    density=DENSITY["tcs"] * MASS_RATIO,
    tolerance=0.1,
    timestep=0.02,
    hydrogen_mass=None,
    compressions=60,
    steps_per_compression=200,
)
PRESETS = MappingProxyType(
    {
        "tiny": replace(
            _SMALL,
            n_chains=32,
            splits=(("test", 2),),
            interval=2.0,
            hot=2.0,
            equilibration=6.0,
            tolerance=0.3,
            compressions=20,
            steps_per_compression=100,
        ),
        "small": _SMALL,
        "paper": replace(_SMALL, splits=(("test", 400),), interval=250.0, equilibration=10_000.0),
    }
)
"""The density may be off by 10 %: Martini is made for free energies of transfer, and is denser here."""


@dataclass
class MartiniRun(MeltRun):
    """The same run as of atoms, of beads."""

    def system(self, box: Floats) -> openmm.System:
        return martini.build_system(self.preset.n_chains, N_BEADS, box)


@dataclass(frozen=True)
class MartiniRecipe(RunRecipe):
    """A reference folder of beads."""

    def describe_dynamics(self, runs: dict[str, Any]) -> dict[str, Any]:
        found = super().describe_dynamics(runs)
        found["integrator"]["constraints"] = "none"
        return found | {
            "force_field": "Martini 2.0, C1 beads: Marrink et al., J. Phys. Chem. B 111, 7812 (2007); "
            "Lennard-Jones force shifted between 0.9 and 1.2 nm"
        }

    def check(self, run: Any, positions: Floats, boxes: Floats) -> dict[str, Any]:
        """Temperature, density (of tetracosane: with its mass, not that of the beads), overlaps, bonds.

        Raises:
            InputError: if one of them is not sound.
        """
        p = self.settings
        state = check_state(run.read_log(), p.temperature, p.density, p.tolerance)
        density = state["density"]
        for key in ("mean", "sd", "target"):
            density[key] = round(density[key] / MASS_RATIO, 2)
        density["mean_of_halves"] = [round(value / MASS_RATIO, 2) for value in density["mean_of_halves"]]
        nearest = min(_nearest(x, box) for x, box in zip(positions, boxes, strict=True))
        longest = float(_bonds(positions.reshape(-1, N_BEADS, 3)).max())
        if nearest < CLOSEST or longest > LONGEST:
            raise InputError(
                f"the liquid is not sound: nearest beads {nearest:.2f} nm apart, longest bond "
                f"{longest:.2f} nm; build it with another --seed"
            )
        return state | {
            "nearest_pair": round(nearest, 4),
            "longest_bond": round(longest, 4),
            "explosions": run.explosions,
        }


def recipe(preset: str) -> MartiniRecipe:
    """Martini tetracosane at 400 K and 1 bar.

    Args:
        preset: ``tiny``, ``small`` (what is embedded) or ``paper``.
    """
    return MartiniRecipe(
        system="tcs",
        preset=preset,
        topology=martini_alkane.build_topology("TCS", N_BEADS, TEMPERATURE),
        settings=PRESETS[preset],
        make_run=partial(MartiniRun, draw=partial(martini.draw_chain, N_BEADS, TEMPERATURE)),
        describe=describe,
        state="martini",
    )


def describe(chains: Floats, _boxes: Floats) -> dict[str, Any]:
    """Bonds and size, nm.

    Args:
        chains: ``(n_frames, n_chains, 6, 3)``.
    """
    bonds = _bonds(chains)
    ends = np.sqrt(((chains[..., -1, :] - chains[..., 0, :]) ** 2).sum(-1).mean())
    return {
        "bond": {"mean": round(float(bonds.mean()), 4), "sd": round(float(bonds.std()), 4)},
        "end_to_end": round(float(ends), 4),
    }


def _nearest(positions: Floats, box: Floats) -> float:
    """nm, of pairs that are not bonded."""
    pairs = neighbour_pairs(positions, box, martini_alkane.SIGMA)
    first, second = pairs.first, pairs.second
    bonded = (first // N_BEADS == second // N_BEADS) & (np.abs(first - second) == 1)
    return float(pairs.distances[~bonded].min())


def _bonds(chains: Floats) -> Floats:
    return np.asarray(np.linalg.norm(np.diff(chains, axis=-2), axis=-1))
