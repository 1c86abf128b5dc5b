"""Where a chignolin frame is: folded, misfolded, unfolded, or between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.simulation.peptide_build import Peptide
from bmzoo.simulation.peptide_geometry import contact_distance

SEQUENCE = "YYDPETGTWY"
STATES = ("folded", "misfolded", "intermediate", "unfolded")


def classify(peptide: Peptide, positions: NDArray[np.floating]) -> NDArray[np.int64]:
    """``(n_frames,)`` index into ``STATES``, by the two distances of Satoh, Shimizu, Nakamura,
    Terada, FEBS Lett. 580, 3422 (2006).

    Folded: D3N-T8O within 0.45 nm. Misfolded: D3N-G7O within 0.45 nm instead, the strands shifted by
    one residue. Unfolded: both beyond 0.7 nm. Intermediate: the rest, turns that are formed loosely.
    """
    native = contact_distance(peptide, positions, (3, "N"), (8, "O"))
    shifted = contact_distance(peptide, positions, (3, "N"), (7, "O"))
    apart = (native > 0.7) & (shifted > 0.7)
    return np.where(native <= 0.45, 0, np.where(shifted <= 0.45, 1, np.where(apart, 3, 2)))


def ca_distances(peptide: Peptide, positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """``(n_frames, 45)`` nm."""
    ca = positions[:, [peptide.atom(residue, "CA") for residue in range(1, len(SEQUENCE) + 1)]]
    first, second = np.triu_indices(len(SEQUENCE), 1)
    distances: NDArray[np.float64] = np.linalg.norm(ca[:, first] - ca[:, second], axis=-1)
    return distances
