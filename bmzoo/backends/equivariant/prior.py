"""Where the flow begins: Gaussians whose beads are exactly the given ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, diags_array

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.tables import Tables
from bmzoo.backends.projection import ConstrainedSolve, from_columns, pair_differences, to_columns

Floats = NDArray[np.float64]


class Prior:
    """The Gaussian ``exp(-(r - a)^T A (r - a) / 2)``, each component alike, on the surface ``M r = R``.

    ``a`` are the atoms' anchors: their owner bead, or the weighted mean of the beads that share
    them. ``isotropic``: A = 1 / width^2. ``chain``: bonded atoms are tied by springs as well,
    A = 1 / width^2 + B^T B / bond_width^2 with B the differences along bonds (a harmonic prior as of
    Jing et al., arXiv:2304.02198, with the anchors in place of a fixed centre), so that bonded atoms begin
    near each other.
    """

    def __init__(self, tables: Tables, config: EquivariantConfig) -> None:
        n, bonds = tables.n_atoms, tables.topology.graph.bonds
        self._anchors = tables.anchors
        self._rest = 1.0 / config.width**2
        self._tied = config.prior == "chain" and len(bonds) > 0
        differences = pair_differences(bonds, n) * (self._tied / config.bond_width)
        self._differences = csc_array(differences)
        self.precision = csc_array(differences.T @ differences + diags_array(np.full(n, self._rest)))
        self._solve = ConstrainedSolve(self.precision, tables.topology)
        self.n_random = n + len(bonds) * self._tied

    def __call__(self, beads: Floats, noise: Floats) -> Floats:
        """Draws: ``(n_molecules, n_atoms, 3)`` nm.

        Perturb, then optimise (Papandreou and Yuille, NIPS 2010): the minimum of
        ``r^T A r / 2 - b^T r`` with b of covariance A is a draw from the Gaussian, and it stays one
        on the surface of constraint.

        Args:
            beads: ``(n_molecules, n_beads, 3)`` nm.
            noise: ``(n_molecules, n_random, 3)`` normal numbers; zeros give the mean.
        """
        n = len(self._anchors)
        linear = self._rest * to_columns(self._anchors @ beads) + self._rest**0.5 * to_columns(noise[:, :n])
        if self._tied:
            linear += self._differences.T @ to_columns(noise[:, n:])
        return from_columns(self._solve(linear, to_columns(beads)), len(beads))

    def mean(self, beads: Floats) -> Floats:
        """``(n_molecules, n_atoms, 3)`` nm."""
        return self(beads, np.zeros((len(beads), self.n_random, 3)))
