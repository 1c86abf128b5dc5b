"""Alkanes of the Martini 2 model in OpenMM; parameters in :mod:`bmzoo.molecules.martini_alkane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules import martini_alkane as martini
from bmzoo.molecules.constants import GAS_CONSTANT

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]


def build_system(n_chains: int, n_beads: int, box: NDArray[np.floating]) -> openmm.System:
    """Chains of C1 beads: bonds, G96 angles, shifted Lennard-Jones between all but bonded beads.

    Args:
        n_chains, n_beads: chains, and beads of each.
        box: ``(3, 3)`` nm, rows are lattice vectors.

    Raises:
        InputError: a box narrower than twice the cutoff.
    """
    import openmm

    if np.diag(box).min() < 2 * martini.CUTOFF:
        raise InputError(
            f"a box of {np.diag(box).min():.2f} nm is narrower than twice the cutoff of {martini.CUTOFF} nm"
        )
    system = openmm.System()
    for _ in range(n_chains * n_beads):
        system.addParticle(martini.MASS)
    system.setDefaultPeriodicBoxVectors(*np.asarray(box, dtype=np.float64).tolist())
    bonds = openmm.HarmonicBondForce()
    angles = openmm.CustomAngleForce(f"{martini.ANGLE_K / 2}*(cos(theta)+1)^2")
    pairs = openmm.CustomNonbondedForce(_expression())
    pairs.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    pairs.setCutoffDistance(martini.CUTOFF)
    for first in range(0, n_chains * n_beads, n_beads):
        for i in range(first, first + n_beads - 1):
            bonds.addBond(i, i + 1, martini.BOND_LENGTH, martini.BOND_K)
            pairs.addExclusion(i, i + 1)
        for i in range(first, first + n_beads - 2):
            angles.addAngle(i, i + 1, i + 2)
    for _ in range(n_chains * n_beads):
        pairs.addParticle()
    for force in (bonds, angles, pairs):
        system.addForce(force)
    return system


def shift_constants(power: int) -> tuple[float, float, float]:
    """A, B and C of GROMACS's shift of ``r^-power``: force and its slope vanish at the cutoff.

    ``r^-n - A/3 (r - r1)^3 - B/4 (r - r1)^4 - C`` beyond r1 = SHIFT, ``r^-n - C`` before (van der Spoel et
    al., GROMACS manual, modified non-bonded interactions).
    """
    n, r1, rc = power, martini.SHIFT, martini.CUTOFF
    width = rc - r1
    a = -n * ((n + 4) * rc - (n + 1) * r1) / (rc ** (n + 2) * width**2)
    b = n * ((n + 3) * rc - (n + 1) * r1) / (rc ** (n + 2) * width**3)
    return a, b, rc**-n - a / 3 * width**3 - b / 4 * width**4


def draw_chain(n_beads: int, temperature: float, rng: np.random.Generator) -> Floats:
    """A chain ``(n_beads, 3)`` nm, centred, with bonds of the model's length and angles of its potential."""
    cosines = np.linspace(-1.0, 1.0, 2001)
    weights = np.exp(-martini.ANGLE_K / 2 * (1 - cosines) ** 2 / (GAS_CONSTANT * temperature))
    steps = [_direction(rng)]
    for cosine in rng.choice(cosines, n_beads - 2, p=weights / weights.sum()):
        sideways = np.cross(steps[-1], _direction(rng))
        sideways /= np.linalg.norm(sideways)
        steps.append(cosine * steps[-1] + np.sqrt(1 - cosine**2) * sideways)
    chain = martini.BOND_LENGTH * np.cumsum([np.zeros(3), *steps], axis=0)
    return np.asarray(chain - chain.mean(axis=0))


def _direction(rng: np.random.Generator) -> Floats:
    vector = rng.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector))


def _expression() -> str:
    strength = 4 * martini.EPSILON
    (a, b, c), (d, e, f) = ((np.array(shift_constants(n)) * martini.SIGMA**n) for n in (12, 6))
    s6 = martini.SIGMA**6
    return (
        f"{strength}*({s6 * s6}*r^-12-{s6}*r^-6-{c - f}-step(x)*x^3*({(a - d) / 3}+{(b - e) / 4}*x));"
        f"x=r-{martini.SHIFT}"
    )
