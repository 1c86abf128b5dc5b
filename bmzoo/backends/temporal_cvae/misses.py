"""What the decoder misses, drawn: a Gaussian along the modes of its errors, and one for every spring.

A decoder that is trained by squared errors gives means. What the latent does not say about a frame, small
vibrations above all, is the likelihood's own width, and leaving it out makes frames look cooled down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Misses:
    """Gaussians of displacements and of lengths.

    Attributes:
        mean: ``(3 n_atoms,)`` nm, displacements in the frames of beads.
        modes: ``(k, 3 n_atoms)`` nm, each as long as its standard deviation.
        lengths: ``(n_springs,)`` nm, standard deviations.
    """

    mean: NDArray[np.float32]
    modes: NDArray[np.float32]
    lengths: NDArray[np.float32]

    @classmethod
    def fitted(cls, errors: Floats, stretches: Floats, k: int) -> Misses:
        """To errors ``(n, n_atoms, 3)`` and ``(n, n_springs)`` nm; the ``k`` widest modes at most."""
        flat = errors.reshape(len(errors), -1)
        mean = flat.mean(0)
        _, sizes, modes = np.linalg.svd(flat - mean, full_matrices=False)
        found = (sizes / np.sqrt(max(len(flat) - 1, 1)))[:, None] * modes
        parts = (mean, found[:k], stretches.std(0))
        return cls(*(np.ascontiguousarray(part, dtype=np.float32) for part in parts))

    def draw(self, streams: Sequence[np.random.Generator]) -> tuple[Floats, Floats]:
        """Displacements ``(n, n_atoms, 3)`` and stretches ``(n, n_springs)`` nm, one from each stream."""
        k = len(self.modes)
        noise = np.stack([stream.standard_normal(k + len(self.lengths)) for stream in streams])
        moved = (self.mean + noise[:, :k] @ self.modes).reshape(len(streams), -1, 3)
        return moved, noise[:, k:] * self.lengths

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Whatever it takes to make it again."""
        return {"mean": self.mean, "modes": self.modes, "lengths": self.lengths}
