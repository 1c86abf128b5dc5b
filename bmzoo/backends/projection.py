"""Exact bead consistency: atoms that minimise a quadratic form, subject to M r = R; bonds held as well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, csc_array, diags_array
from scipy.sparse.linalg import splu

from bmzoo.errors import InputError
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.projection import BeadConstraints

Floats = NDArray[np.float64]

STIFFNESS_OF_REST = 0.01
"""Weight of the displacements themselves against their differences along bonds."""
DENSE_LIMIT = 2000
"""Atoms and beads up to which one dense product is faster than a sparse solve."""

FARTHEST = 0.05
"""nm; a molecule of which the constraints would move an atom by more is left on its beads as it was."""


class ConstrainedSolve:
    """Minimises ``r^T A r / 2 - b^T r`` subject to ``M r = R``, for many right-hand sides.

    One factorisation of ``[[A, M^T], [M, 0]]`` a topology serves all molecules and frames.

    Raises:
        InputError: if two beads are made of the same atoms, so that they cannot differ.
    """

    def __init__(self, quadratic: csc_array, topology: Topology) -> None:
        matrix = topology.mapping.matrix
        self.n_atoms = topology.n_atoms
        system = block_array([[quadratic, matrix.T], [matrix, None]], format="csc")
        try:
            self._factors = splu(system)
        except RuntimeError as error:
            raise InputError(
                f"two beads of {topology.mapping.source or topology.graph.name} are made of the same "
                "atoms in the same proportion; remove one of them"
            ) from error
        size = system.shape[0]
        self._inverse: Floats | None = None
        if size <= DENSE_LIMIT:
            self._inverse = np.ascontiguousarray(self._factors.solve(np.eye(size))[: self.n_atoms])

    def __call__(self, linear: Floats, beads: Floats) -> Floats:
        """Atoms ``(n_atoms, k)`` for b ``(n_atoms, k)`` and R ``(n_beads, k)``."""
        wanted = np.vstack([linear, beads])
        if self._inverse is not None:
            return self._inverse @ wanted
        found: Floats = self._factors.solve(wanted)[: self.n_atoms]
        return found


class BeadProjection:
    """Moves the atoms of whole molecules so that their beads lie exactly where they should.

    Among all displacements d with ``M (r + d) = R`` it takes the one that minimises
    ``sum over bonds |d_i - d_j|^2 + 0.01 sum |d_i|^2``: neighbours move together, so that bond
    lengths and angles hardly change, whatever atoms carry the weights.
    """

    def __init__(self, topology: Topology) -> None:
        self._matrix = topology.mapping.matrix
        rest = diags_array(np.full(topology.n_atoms, STIFFNESS_OF_REST))
        incidence = pair_differences(topology.graph.bonds, topology.n_atoms)
        self._solve = ConstrainedSolve(csc_array(incidence.T @ incidence + rest), topology)

    def __call__(self, atoms: Floats, beads: Floats) -> Floats:
        """Projected atoms ``(n_molecules, n_atoms, 3)`` for beads ``(n_molecules, n_beads, 3)``, nm."""
        columns = to_columns(atoms)
        error = to_columns(beads) - self._matrix @ columns
        moved = columns + self._solve(np.zeros_like(columns), error)
        return from_columns(moved, len(atoms))


class BondProjection:
    """Puts the bonds that the force field constrains to their lengths, beads kept."""

    def __init__(self, topology: Topology) -> None:
        self._constraints: BeadConstraints | None = None
        field = topology.force_field
        if field is not None and len(field.constraints):
            self._constraints = BeadConstraints(
                topology.mapping, topology.graph.masses, field.constraints, field.constraint_r0
            )

    def __call__(self, atoms: Floats, beads: Floats) -> Floats:
        """``(n_molecules, n_atoms, 3)`` nm for atoms on their beads ``(n_molecules, n_beads, 3)``."""
        whole = np.isfinite(atoms).all((1, 2))
        if self._constraints is None or not whole.any():
            return atoms
        held = atoms.copy()
        held[whole] = self._constraints(atoms[whole], beads[whole])
        near = np.linalg.norm(held - atoms, axis=-1).max(1) < FARTHEST
        return np.where(near[:, None, None], held, atoms)


def pair_differences(pairs: NDArray[np.int64], n_atoms: int) -> csc_array:
    """Sparse ``(n_pairs, n_atoms)``; its product with positions is ``r_i - r_j`` of every pair."""
    rows = np.repeat(np.arange(len(pairs)), 2)
    signs = np.tile([1.0, -1.0], len(pairs))
    return csc_array((signs, (rows, pairs.ravel())), shape=(len(pairs), n_atoms))


def to_columns(points: Floats) -> Floats:
    """``(n_molecules, n, 3)`` as ``(n, n_molecules * 3)``, which sparse products want."""
    return np.ascontiguousarray(points.transpose(1, 0, 2).reshape(points.shape[1], -1))


def from_columns(columns: Floats, n_molecules: int) -> Floats:
    """Undoes :func:`to_columns`."""
    return np.ascontiguousarray(columns.reshape(len(columns), n_molecules, -1).transpose(1, 0, 2))
