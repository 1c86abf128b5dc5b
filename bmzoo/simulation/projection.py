"""Exact projection onto given beads, and onto given bond lengths at the same time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array, eye_array, kron, vstack
from scipy.sparse.linalg import splu

from bmzoo.errors import InputError
from bmzoo.molecules.mapping import Mapping

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAMPING = 1e-9
"""Relative; lets bonds that the beads contradict settle on a compromise."""
LENGTH_TOLERANCE = 1e-6
"""nm."""


class BeadConstraints:
    """Moves atoms by the smallest mass-weighted displacement that puts ``M r`` onto ``R``.

    The displacement is ``d = W^-1 M^T (M W^-1 M^T)^-1 (R - M r)`` with W the masses: the solution
    of Lagrange's equations, so a rigid rotation of atoms and beads rotates the result.
    With ``pairs``, bond lengths are restored along with the beads by Newton iterations on the joint
    constraints (SHAKE in matrix form: Barth et al., J. Comput. Chem. 16, 1192, 1995).

    Args:
        mapping: of one molecule; atoms may be shared between beads.
        masses: ``(n_atoms,)`` g/mol.
        pairs: ``(n_pairs, 2)`` atoms to be kept at ``lengths`` nm.

    Raises:
        InputError: beads that depend on one another, so that they cannot be placed freely.
    """

    def __init__(
        self, mapping: Mapping, masses: Floats, pairs: Ints | None = None, lengths: Floats | None = None
    ) -> None:
        self._matrix = csr_array(mapping.matrix)
        self._pairs = np.zeros((0, 2), dtype=np.int64) if pairs is None else np.asarray(pairs)
        self._lengths = np.zeros(0) if lengths is None else np.asarray(lengths, dtype=np.float64)
        self._mobility = 1.0 / np.asarray(masses, dtype=np.float64)
        spread = csc_array(diags_array(self._mobility) @ self._matrix.T)
        gram = csc_array(self._matrix @ spread)
        try:
            self._factors = splu(gram)
        except RuntimeError as error:
            raise InputError(
                f"the beads of {mapping.source or mapping.molecule} depend on one another (two of them hold "
                "the same atoms in the same proportion); remove one"
            ) from error
        self._spread = spread
        self._bead_rows_of: tuple[int, csr_array] | None = None

    def onto_beads(self, positions: Floats, beads: Floats) -> Floats:
        """Exact beads, whatever becomes of bonds.

        Args:
            positions: ``(n_molecules, n_atoms, 3)`` nm, molecules whole.
            beads: ``(n_molecules, n_beads, 3)`` nm, in the same periodic image.

        Returns:
            ``(n_molecules, n_atoms, 3)`` nm.
        """
        count = len(positions)
        columns = positions.transpose(1, 0, 2).reshape(-1, 3 * count)
        wanted = beads.transpose(1, 0, 2).reshape(-1, 3 * count)
        moved = columns + self._spread @ self._factors.solve(wanted - self._matrix @ columns)
        found: Floats = moved.reshape(-1, count, 3).transpose(1, 0, 2)
        return found

    def __call__(self, positions: Floats, beads: Floats, iterations: int = 10) -> Floats:
        """Exact beads, and bond lengths as good as the beads allow; shapes as in :meth:`onto_beads`.

        Bonds are right to ``LENGTH_TOLERANCE`` unless beads contradict them or the start is so far off
        that ``iterations`` do not reach it.
        """
        x = self.onto_beads(np.asarray(positions, dtype=np.float64), beads)
        if not len(self._pairs):
            return x
        on_beads = self._bead_rows(len(x))
        mobility = diags_array(np.repeat(np.tile(self._mobility, len(x)), 3))
        for _ in range(iterations):
            vectors = x[:, self._pairs[:, 0]] - x[:, self._pairs[:, 1]]
            distances = np.linalg.norm(vectors, axis=-1)
            stretch = self._lengths - distances
            if np.abs(stretch).max() < LENGTH_TOLERANCE:
                break
            jacobian = csr_array(vstack([on_beads, self._bond_rows(vectors / distances[..., None])]))
            wanted = np.concatenate([(beads - self._apply(x)).ravel(), stretch.ravel()])
            gram = jacobian @ mobility @ jacobian.T
            damped = gram + DAMPING * gram.diagonal().mean() * eye_array(gram.shape[0])
            multipliers = splu(csc_array(damped), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
            x = x + (mobility @ (jacobian.T @ multipliers.solve(wanted))).reshape(x.shape)
        return self.onto_beads(x, beads)

    def largest_stretch(self, positions: Floats) -> float:
        """How far the worst bond is off its length, nm; zero where no lengths are kept, NaN for NaN."""
        if not len(self._pairs):
            return 0.0
        vectors = positions[:, self._pairs[:, 0]] - positions[:, self._pairs[:, 1]]
        return float(np.abs(np.linalg.norm(vectors, axis=-1) - self._lengths).max())

    def _apply(self, x: Floats) -> Floats:
        columns = x.transpose(1, 0, 2).reshape(-1, 3 * len(x))
        found: Floats = (self._matrix @ columns).reshape(-1, len(x), 3).transpose(1, 0, 2)
        return found

    def _bead_rows(self, count: int) -> csr_array:
        """Derivatives of all bead coordinates with respect to all atom coordinates; kept."""
        if self._bead_rows_of is None or self._bead_rows_of[0] != count:
            one = kron(self._matrix, np.eye(3), format="csr")
            self._bead_rows_of = count, csr_array(kron(eye_array(count), one, format="csr"))
        return self._bead_rows_of[1]

    def _bond_rows(self, directions: Floats) -> csr_array:
        """Derivatives of all lengths; ``directions`` are ``(n_molecules, n_pairs, 3)`` unit vectors."""
        count, n_pairs, _ = directions.shape
        n_atoms = len(self._mobility)
        atoms = self._pairs[None] + np.arange(count)[:, None, None] * n_atoms
        columns = (3 * atoms[..., None] + np.arange(3)).reshape(-1)
        values = np.stack([directions, -directions], axis=2).reshape(-1)
        starts = np.arange(count * n_pairs + 1) * 6
        return csr_array((values, columns, starts), shape=(count * n_pairs, 3 * count * n_atoms))
