"""The Kremer-Grest bead-spring model in OpenMM, in reduced units.

One bead mass, epsilon and sigma are 1 g/mol, 1 kJ/mol and 1 nm, so that one tau is 1 ps and kT = epsilon
is 120.27 K: numbers of the literature in units of the model are OpenMM's numbers.

Kremer and Grest, J. Chem. Phys. 92, 5057 (1990); bending: Faller, Kolb, Mueller-Plathe, Phys. Chem. Chem.
Phys. 1, 2071 (1999).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.constants import GAS_CONSTANT

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]

TEMPERATURE = 1.0 / GAS_CONSTANT
"""K: kT is one epsilon."""
DENSITY = 0.85
"""Beads per sigma^3."""
SPRING, REACH = 30.0, 1.5
"""FENE spring in epsilon/sigma^2, and the longest bond in sigma."""
BENDING = 0.8815
"""kappa in kT, of the model that is morphed into polystyrene (Stieffenhofer, thesis, 2022, ch. 7)."""
BOND = 0.965
"""sigma, the mean bond of a melt."""
WCA_CUTOFF = 2.0 ** (1.0 / 6.0)


def build_system(
    n_chains: int, length: int, edge: float, *, bending: float = BENDING, soft: bool = False
) -> openmm.System:
    """FENE springs, bending, and WCA repulsion between all beads, bonded ones too.

    Args:
        n_chains, length: chains, and beads of each.
        edge: of the cubic box, sigma.
        bending: kappa of kappa (1 - cos theta), theta the deviation from straight.
        soft: the repulsion's force does not grow below the distance ``cap`` (a parameter of the context),
            and springs cannot break; for the push-off.
    """
    import openmm

    system = openmm.System()
    for _ in range(n_chains * length):
        system.addParticle(1.0)
    system.setDefaultPeriodicBoxVectors(*np.diag([edge] * 3).tolist())
    first = (np.arange(n_chains)[:, None] * length + np.arange(length - 1)).ravel()
    springs = openmm.CustomBondForce(_soft_spring() if soft else _fene())
    for i in first.tolist():
        springs.addBond(i, i + 1)
    bends = openmm.CustomAngleForce(f"{bending}*(1+cos(theta))")
    for i in first.reshape(n_chains, -1)[:, :-1].ravel().tolist():
        bends.addAngle(i, i + 1, i + 2)
    repulsion = openmm.CustomNonbondedForce(_capped_wca() if soft else "4*(r^-12-r^-6)+1")
    repulsion.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    repulsion.setCutoffDistance(WCA_CUTOFF)
    if soft:
        repulsion.addGlobalParameter("cap", 1.0)
    for _ in range(n_chains * length):
        repulsion.addParticle()
    for force in (springs, bends, repulsion):
        system.addForce(force)
    return system


def draw_chains(
    n_chains: int, length: int, edge: float, rng: np.random.Generator, *, bending: float = BENDING
) -> Floats:
    """Random walks ``(n_chains * length, 3)`` with the bonds and angles of the melt, anywhere in the box.

    Angles have the weight of bending and of the repulsion of next-nearest beads, so that distances along
    the chain are about right from the start (Auhl, Everaers, Grest, Kremer, Plimpton, J. Chem. Phys. 119,
    12718, 2003).
    """
    cosines = np.linspace(-1.0, 1.0, 2001)
    across = BOND * np.sqrt(2 + 2 * cosines)
    energy = bending * (1 - cosines) + wca(across)
    weight = np.exp(-energy)
    steps = np.empty((n_chains, length - 1, 3))
    steps[:, 0] = _directions(n_chains, rng)
    for k in range(1, length - 1):
        cosine = rng.choice(cosines, n_chains, p=weight / weight.sum())
        sideways = np.cross(steps[:, k - 1], _directions(n_chains, rng))
        sideways /= np.linalg.norm(sideways, axis=1, keepdims=True)
        steps[:, k] = cosine[:, None] * steps[:, k - 1] + np.sqrt(1 - cosine**2)[:, None] * sideways
    walks = np.concatenate([np.zeros((n_chains, 1, 3)), BOND * np.cumsum(steps, axis=1)], axis=1)
    starts = rng.uniform(0, edge, (n_chains, 1, 3)) - walks.mean(axis=1, keepdims=True)
    return np.asarray(walks + starts).reshape(-1, 3)


def wca(r: NDArray[np.floating]) -> Floats:
    """Weeks-Chandler-Andersen repulsion, epsilon, at distances in sigma."""
    inside = np.maximum(np.asarray(r, dtype=np.float64), 0.1)
    return np.where(inside < WCA_CUTOFF, 4 * (inside**-12 - inside**-6) + 1, 0.0)


def _directions(n: int, rng: np.random.Generator) -> Floats:
    vectors = rng.standard_normal((n, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _fene() -> str:
    return f"-{0.5 * SPRING * REACH**2}*log(1-(r/{REACH})^2)"


def _soft_spring() -> str:
    """A spring about the melt's bond; about as stiff as FENE and repulsion together are there."""
    return f"0.5*200*(r-{BOND})^2"


def _capped_wca() -> str:
    """Below ``cap`` the force stays what it is there."""
    return (
        "select(step(r-cap), 4*(r^-12-r^-6)+1, at-slope*(r-cap));"
        "at=4*(cap^-12-cap^-6)+1; slope=24*(2*cap^-13-cap^-7)"
    )
