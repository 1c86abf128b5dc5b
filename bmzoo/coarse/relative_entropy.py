"""Populations of torsions put right: what force matching leaves of free-energy differences.

Mean forces are noisy where the reference has few frames, on barriers, and their errors add up along the
way from basin to basin. Populations say what the sum should be. So the Fourier series of the torsions is
refined by the relative entropy (Shell, J. Chem. Phys. 129, 144108, 2008), which is convex in coefficients:
its gradient is the difference of the mean sines and cosines between reference and model. The model's means
come from its own simulation, reweighted.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from bmzoo.coarse.force_field import CoarseForceField

Floats = NDArray[np.float64]

ITERATIONS = 50
RIDGE = 1e-3
"""Variance of the mean of a sine or cosine that counts as noise; small changes are not worth more."""


def refine_torsions(
    model: CoarseForceField, reference: NDArray[np.floating], simulated: NDArray[np.floating]
) -> float:
    """Changes the torsion series of ``model`` so that reweighted ``simulated`` frames have the
    reference's torsions.

    Args:
        reference, simulated: beads ``(n_frames, n_beads, 3)`` nm; the latter drawn from ``model`` as it is.

    Returns:
        Share of the simulated frames that counts after reweighting (effective sample size), 0 to 1.
    """
    order = model.priors.torsions_cosine.shape[-1]
    target = _waves(model, reference, order).mean(axis=0)
    waves = _waves(model, simulated, order)
    change, weights = solve(waves, target)
    rows = (change * model.kt).reshape(-1, 2, order).swapaxes(1, 2)
    before = torch.stack([model.priors.torsions_cosine, model.priors.torsions_sine], dim=-1)
    model.priors.set_torsions(before.numpy() + rows)
    return float(1 / np.square(weights).sum() / len(weights))


def solve(waves: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Newton's method for the coefficients that bring reweighted means to the target.

    Args:
        waves: ``(n_frames, n)`` of the model.
        target: ``(n,)`` means of the reference.

    Returns:
        ``(n,)`` coefficients in kT to add to the energy, and the ``(n_frames,)`` weights, of sum one.
    """
    change = np.zeros(waves.shape[1])
    weights = np.full(len(waves), 1 / len(waves))
    for _ in range(ITERATIONS):
        mean = weights @ waves
        spread = (weights[:, None] * waves).T @ waves - np.outer(mean, mean)
        step = np.linalg.solve(spread + RIDGE * np.eye(len(mean)), mean - target - RIDGE * change)
        change += step * min(1.0, 1.0 / max(np.abs(step).max(), 1e-12))
        exponent = -waves @ change
        weights = np.exp(exponent - exponent.max())
        weights /= weights.sum()
    return change, weights


def _waves(model: CoarseForceField, positions: NDArray[np.floating], order: int) -> Floats:
    """``(n_frames, n_torsions * 2 * order)``: cosines, then sines, torsion by torsion."""
    with torch.no_grad():
        phi = model.priors.measure(torch.as_tensor(positions, dtype=torch.float64))["torsions"].numpy()
    angles = phi[:, :, None] * np.arange(1, order + 1)
    return np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(len(phi), -1)
