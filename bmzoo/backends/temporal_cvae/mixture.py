"""The prior of the latents: a Gaussian mixture fitted to those of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARE = 10
"""Latents that a component must have at least, in the mean."""
ITERATIONS = 50


@dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussians.

    Attributes:
        weights: ``(k,)``, their sum is one.
        means: ``(k, latent)``.
        factors: ``(k, latent, latent)``, lower triangular; a covariance is ``factor @ factor.T``.
    """

    weights: Floats
    means: Floats
    factors: Floats

    @classmethod
    def normal(cls, latent: int) -> Mixture:
        """The standard normal, which the posterior is drawn to."""
        return cls(np.ones(1), np.zeros((1, latent)), np.eye(latent)[None])

    @classmethod
    def fitted(cls, latents: Floats, components: int) -> Mixture:
        """By expectation maximisation, to ``(n, latent)``; fewer components where there is little to fit."""
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        most = max(1, min(components, len(latents) // SHARE))
        model = GaussianMixture(most, max_iter=ITERATIONS, reg_covar=1e-4, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(latents)
        return cls(model.weights_, model.means_, np.linalg.cholesky(model.covariances_))

    def draw(self, streams: Sequence[np.random.Generator]) -> Floats:
        """``(n, latent)``, one from each stream."""
        shares = np.array([stream.random() for stream in streams])
        normal = np.stack([stream.standard_normal(self.means.shape[1]) for stream in streams])
        chosen = np.searchsorted(np.cumsum(self.weights)[:-1], shares, side="right")
        drawn = np.empty_like(normal)
        for component in np.unique(chosen):
            rows = chosen == component
            drawn[rows] = self.means[component] + normal[rows] @ self.factors[component].T
        return drawn

    def arrays(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"weights": self.weights, "means": self.means, "factors": self.factors}
