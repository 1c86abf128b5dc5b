"""Exact bead consistency: the smallest smooth displacement of the atoms onto M r = R."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, csc_array, diags_array, identity
from scipy.sparse.linalg import splu

from bmzoo.errors import InputError
from bmzoo.molecules.topology import Topology

STIFFNESS_OF_REST = 0.01
"""Weight of the displacements themselves against their differences along bonds."""


class BeadProjection:
    """Moves the atoms of whole molecules so that their beads lie exactly where they should.

    Among all displacements d with ``M (r + d) = R`` it takes the one that minimises
    ``sum over bonds |d_i - d_j|^2 + 0.01 sum |d_i|^2``: neighbours move together, so that bond
    lengths and angles hardly change, whatever atoms carry the weights. One sparse factorisation
    a topology serves all molecules and frames.

    Raises:
        InputError: if two beads are made of the same atoms, so that they cannot differ.
    """

    def __init__(self, topology: Topology) -> None:
        n_atoms, n_beads = topology.n_atoms, topology.n_beads
        bonds = topology.graph.bonds
        ones = np.ones(len(bonds))
        adjacency = csc_array((ones, (bonds[:, 0], bonds[:, 1])), shape=(n_atoms, n_atoms))
        adjacency = adjacency + adjacency.T
        degree = np.asarray(adjacency.sum(axis=1)).ravel()
        metric = diags_array(degree + STIFFNESS_OF_REST) - adjacency
        self._matrix = topology.mapping.matrix
        system = block_array([[metric, self._matrix.T], [self._matrix, None]], format="csc")
        try:
            factors = splu(system)
            small = n_atoms * n_beads <= 1_000_000
            self._solve = factors.solve
            self._dense = self._propagator(n_atoms, n_beads) if small else None
        except RuntimeError as error:
            raise InputError(
                f"two beads of {topology.mapping.source or topology.graph.name} are made of the same "
                "atoms in the same proportion; remove one of them"
            ) from error

    def _propagator(self, n_atoms: int, n_beads: int) -> NDArray[np.float64]:
        wanted = np.vstack([np.zeros((n_atoms, n_beads)), identity(n_beads).toarray()])
        return np.ascontiguousarray(self._solve(wanted)[:n_atoms])

    def error(self, atoms: NDArray[np.float64], beads: NDArray[np.float64]) -> NDArray[np.float64]:
        """``R - M r`` as ``(n_beads, k)``, for atoms ``(n_atoms, k)`` and beads ``(n_beads, k)``, nm."""
        difference: NDArray[np.float64] = beads - self._matrix @ atoms
        return difference

    def columns(self, atoms: NDArray[np.float64], beads: NDArray[np.float64]) -> NDArray[np.float64]:
        """Projected atoms ``(n_atoms, k)``; k runs over molecules and x, y, z."""
        error = self.error(atoms, beads)
        if self._dense is not None:
            moved: NDArray[np.float64] = atoms + self._dense @ error
            return moved
        wanted = np.vstack([np.zeros((len(atoms), error.shape[1])), error])
        moved = atoms + self._solve(wanted)[: len(atoms)]
        return moved

    def __call__(self, atoms: NDArray[np.float64], beads: NDArray[np.float64]) -> NDArray[np.float64]:
        """Projected atoms ``(n_molecules, n_atoms, 3)`` for beads ``(n_molecules, n_beads, 3)``, nm."""
        return from_columns(self.columns(to_columns(atoms), to_columns(beads)), len(atoms))


def to_columns(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n_molecules, n, 3)`` as ``(n, n_molecules * 3)``, which sparse products want."""
    return np.ascontiguousarray(points.transpose(1, 0, 2).reshape(points.shape[1], -1))


def from_columns(columns: NDArray[np.float64], n_molecules: int) -> NDArray[np.float64]:
    """Undoes :func:`to_columns`."""
    return np.ascontiguousarray(columns.reshape(len(columns), n_molecules, 3).transpose(1, 0, 2))
