"""Brings pair distances to their targets while every bead stays exactly where it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array

from bmzoo.backends.projection import ConstrainedSolve, from_columns, pair_differences, to_columns
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

INERTIA = 0.02
"""Weight that holds an atom where it is, against the pairs' weights of about one."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distances that a molecule should have.

    Attributes:
        atoms: ``(n, 2)``.
        low, high: ``(n,)`` nm; a distance between them is left alone.
        weights: ``(n,)`` importance.
    """

    atoms: Ints
    low: Floats
    high: Floats
    weights: Floats

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(
            np.concatenate([self.atoms, other.atoms]),
            np.concatenate([self.low, other.low]),
            np.concatenate([self.high, other.high]),
            np.concatenate([self.weights, other.weights]),
        )


class PairRelaxation:
    """Projective dynamics (Bouaziz et al., ACM Trans. Graph. 33, 154, 2014) on pair distances.

    Every iteration turns each pair to its target length (local step), then finds the atoms that
    agree best with all pairs and lie exactly on the beads (global step: one linear solve with a
    constant matrix). Convergence does not slow down along a chain, as it does for SHAKE.
    """

    def __init__(self, topology: Topology, atoms: Ints, weights: Floats) -> None:
        self._differences = csr_array(pair_differences(atoms, topology.n_atoms))
        weighted = diags_array(weights) @ self._differences
        self._gather = csr_array(weighted.T)
        inertia = diags_array(np.full(topology.n_atoms, INERTIA))
        self._solve = ConstrainedSolve(csc_array(self._differences.T @ weighted + inertia), topology)

    def step(self, atoms: Floats, beads: Floats, low: Floats, high: Floats) -> Floats:
        """One iteration.

        Args:
            atoms: ``(n_molecules, n_atoms, d)``; d may exceed 3 while molecules are embedded.
            beads: ``(n_molecules, n_beads, d)``.
            low, high: ``(n_pairs,)`` or ``(n_molecules, n_pairs)`` allowed distances, nm.

        Returns:
            ``(n_molecules, n_atoms, d)`` nm.
        """
        columns = to_columns(atoms)
        vectors = (self._differences @ columns).reshape(-1, *atoms.shape[::2])
        lengths = np.sqrt(np.einsum("pmx,pmx->pm", vectors, vectors)) + 1e-9
        target = np.clip(lengths, _per_pair(low), _per_pair(high))
        vectors *= (target / lengths)[:, :, None]
        linear = self._gather @ vectors.reshape(len(vectors), -1) + INERTIA * columns
        return from_columns(self._solve(linear, to_columns(beads)), len(atoms))


def _per_pair(limits: Floats) -> Floats:
    """``(n_pairs, 1)`` or ``(n_pairs, n_molecules)``."""
    return limits[:, None] if limits.ndim == 1 else limits.T
