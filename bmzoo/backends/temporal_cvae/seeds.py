"""The past that a trajectory begins with: that of the reference frame whose beads are nearest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.frames.superpose import superpose

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SeedLibrary:
    """Reference frames.

    Attributes:
        beads: ``(n, n_beads, 3)`` nm.
        history: ``(n, order, n_atoms, 3)`` nm, the atoms before, the last ones first, superposed on
            these beads.
    """

    beads: NDArray[np.float32]
    history: NDArray[np.float32]

    def nearest(self, beads: Floats) -> Floats:
        """The history ``(order, n_atoms, 3)`` nm of the frame nearest by RMSD, laid on ``(n_beads, 3)``."""
        fit = superpose(self.beads, beads)
        best = int(np.argmin(fit.rmsd))
        return np.asarray(self.history[best] @ fit.rotation[best] + fit.translation[best])
