"""The linear guess: where the atoms are, as far as a linear map of beads and earlier atoms can say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]

BEAD_NOISE = 1e-4
"""nm; keeps the map finite where beads depend on one another."""


def on_owners(topology: Topology, order: int) -> Floats:
    """The map that puts every atom on the bead that owns it, ``(3 n_atoms, 3 (n_beads + order n_atoms))``."""
    chosen = np.zeros((topology.n_atoms, topology.n_beads + order * topology.n_atoms))
    chosen[np.arange(topology.n_atoms), topology.mapping.owners] = 1.0
    return np.asarray(np.kron(chosen, np.eye(3)), dtype=np.float64)


def fit_guess(beads: Floats, history: Floats, atoms: Floats, noise: float) -> tuple[Floats, Floats]:
    """The best linear map of beads and earlier atoms to atoms, were these shifted by noise.

    Noise in the inputs of a least-squares fit is a ridge: it says how little earlier atoms, which
    will be drawn ones, are to be trusted.

    Args:
        beads: ``(n, n_beads, 3)`` nm.
        history: ``(n, order, n_atoms, 3)`` nm.
        atoms: ``(n, n_atoms, 3)`` nm.
        noise: nm, standard deviation, of ``history``.

    Returns:
        ``(3 n_atoms, 3 (n_beads + order n_atoms))`` and ``(3 n_atoms,)`` nm: factors and constants.
    """
    n, n_beads = beads.shape[:2]
    x = np.concatenate([beads.reshape(n, -1), history.reshape(n, -1)], axis=1)
    y = atoms.reshape(n, -1)
    mean_x, mean_y = x.mean(0), y.mean(0)
    x, y = x - mean_x, y - mean_y
    variance = np.full(x.shape[1], noise**2)
    variance[: 3 * n_beads] = BEAD_NOISE**2
    factors = np.linalg.solve(x.T @ x + n * np.diag(variance), x.T @ y).T
    return factors, mean_y - factors @ mean_x
