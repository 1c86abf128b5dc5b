"""Force-field parameters of one molecule: numbers only, no coordinates, no torch, no OpenMM."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def _ints(width: int) -> Ints:
    return np.zeros((0, width), dtype=np.int64)


def _floats() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class ForceField:
    """Energy parameters of one molecule template; units nm, kJ/mol, radian, elementary charge.

    Potential energy of a system of copies of the molecule:

    - bonds ``k/2 (r - r0)^2``; angles ``k/2 (theta - theta0)^2``;
    - dihedrals ``k (1 + cos(n phi - phase))``, one row a term, proper and improper alike;
    - harmonic impropers ``k/2 wrap(phi - phi0)^2`` (GROMACS type 2);
    - Lennard-Jones ``4 eps ((s/r)^12 - (s/r)^6)`` and Coulomb for all pairs but ``exclusions``;
      ``pairs`` are excluded too and get their own parameters instead (1-4 pairs);
    - with ``cutoff``: plain truncation of Lennard-Jones (no shift), Coulomb by reaction field
      (``reaction_field`` is the dielectric constant beyond the cutoff); pairs without cutoff and
      without reaction field (as OpenMM's exceptions);
    - ``gb_radii`` and ``gb_scales`` given: GBSA-OBC2 as in OpenMM's GBSAOBCForce.

    A dihedral follows IUPAC: trans is 180 degrees.
    """

    types: tuple[str, ...]
    masses: Floats
    charges: Floats
    sigma: Floats
    epsilon: Floats

    bonds: Ints = field(default_factory=lambda: _ints(2))
    bond_r0: Floats = field(default_factory=_floats)
    bond_k: Floats = field(default_factory=_floats)
    constraints: Ints = field(default_factory=lambda: _ints(2))
    """Pairs that the reference simulation holds at ``constraint_r0``; they may also be bonds."""
    constraint_r0: Floats = field(default_factory=_floats)
    angles: Ints = field(default_factory=lambda: _ints(3))
    angle_theta0: Floats = field(default_factory=_floats)
    angle_k: Floats = field(default_factory=_floats)
    dihedrals: Ints = field(default_factory=lambda: _ints(4))
    dihedral_n: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    dihedral_phase: Floats = field(default_factory=_floats)
    dihedral_k: Floats = field(default_factory=_floats)
    dihedral_improper: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    impropers: Ints = field(default_factory=lambda: _ints(4))
    improper_phi0: Floats = field(default_factory=_floats)
    improper_k: Floats = field(default_factory=_floats)

    exclusions: Ints = field(default_factory=lambda: _ints(2))
    """Pairs (i < j) without any non-bonded interaction; disjoint from ``pairs``."""
    pairs: Ints = field(default_factory=lambda: _ints(2))
    pair_charge_product: Floats = field(default_factory=_floats)
    pair_sigma: Floats = field(default_factory=_floats)
    pair_epsilon: Floats = field(default_factory=_floats)

    combination: Literal["lorentz-berthelot", "geometric"] = "lorentz-berthelot"
    cutoff: float | None = None
    reaction_field: float = 1.0
    dispersion_correction: bool = False
    """Only for the pressure of reference simulations; left out of reported energies."""
    gb_radii: Floats | None = None
    gb_scales: Floats | None = None
    solute_dielectric: float = 1.0
    solvent_dielectric: float = 78.5
    surface_area_energy: float = 2.25936
    source: str = ""

    @property
    def n_atoms(self) -> int:
        return len(self.types)

    def mixed(self, sigma: Floats, epsilon: Floats) -> tuple[Floats, Floats]:
        """Lennard-Jones parameters of pairs, by the combination rule: ``(n, n)`` nm, ``(n, n)`` kJ/mol.

        Args:
            sigma: ``(n,)`` nm.
            epsilon: ``(n,)`` kJ/mol.
        """
        outer = np.sqrt(np.outer(sigma, sigma))
        geometric = self.combination == "geometric"
        return outer if geometric else np.add.outer(sigma, sigma) / 2, np.sqrt(np.outer(epsilon, epsilon))
