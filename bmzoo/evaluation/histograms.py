"""Histograms with overflow bins, and the distances between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Distance = Callable[[Floats, Floats], Floats]


def count(values: NDArray, groups: NDArray, n_groups: int, edges: Floats) -> Floats:
    """Histograms of values by group, with an overflow bin at either end.

    Args:
        values: any shape; NaN counts as overflow at the upper end.
        groups: group of every value, broadcastable to the shape of ``values``.
        n_groups: number of groups.
        edges: ``(n_bins + 1,)``, evenly spaced.

    Returns:
        ``(n_groups, n_bins + 2)`` counts: below, the bins, above.
    """
    n_bins = len(edges) - 1
    flat, group = np.broadcast_arrays(values, groups)
    scaled = (flat.ravel() - edges[0]) * (n_bins / (edges[-1] - edges[0]))
    # Bins are right-open, but the last edge belongs to the last bin, as in numpy.histogram.
    last = scaled == n_bins
    place = np.clip(np.nan_to_num(np.floor(scaled), nan=n_bins, posinf=n_bins, neginf=-1), -1, n_bins)
    place[last] = n_bins - 1
    index = group.ravel() * (n_bins + 2) + place.astype(np.int64) + 1
    counts = np.bincount(index, minlength=n_groups * (n_bins + 2))
    return counts.reshape(n_groups, n_bins + 2).astype(np.float64)


def normalise(counts: Floats) -> Floats:
    """Histograms, ``(..., n_bins)``, that sum to one; empty ones stay zero."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.divide(counts, total, out=np.zeros_like(counts, dtype=np.float64), where=total > 0)


def jsd(one: Floats, other: Floats) -> Floats:
    """Jensen-Shannon divergences in base 2, 0 to 1, ``(...)``, of histograms ``(..., n_bins)``.

    JSD(P, Q) = (KL(P|M) + KL(Q|M)) / 2 with M = (P + Q) / 2 (Lin, IEEE Trans. Inf. Theory 37,
    145, 1991). Counts need not be normalised. NaN where one of the two is empty.
    """
    p, q = normalise(one), normalise(other)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log2(p / middle), 0.0)
        right = np.where(q > 0, q * np.log2(q / middle), 0.0)
    value = np.clip((left + right).sum(axis=-1) / 2, 0.0, 1.0)
    filled = (np.asarray(one).sum(axis=-1) > 0) & (np.asarray(other).sum(axis=-1) > 0)
    return np.where(filled, value, np.nan)


def wasserstein(width: float, *, circular: bool = False) -> Distance:
    """Wasserstein-1 between histograms of bins ``width`` wide, in the unit of ``width``.

    An overflow bin counts as one more bin. On a circle the difference of the cumulative
    distributions is shifted by its median first (Rabin et al., J. Math. Imaging Vis. 41, 147, 2011).
    """

    def distance(one: Floats, other: Floats) -> Floats:
        difference = np.cumsum(normalise(one) - normalise(other), axis=-1)
        if circular:
            difference = difference - np.median(difference, axis=-1, keepdims=True)
        filled = (np.asarray(one).sum(axis=-1) > 0) & (np.asarray(other).sum(axis=-1) > 0)
        return np.where(filled, np.abs(difference).sum(axis=-1) * width, np.nan)

    return distance


def sample_wasserstein(one: Floats, other: Floats) -> float:
    """Wasserstein-1 between two sets of numbers, ``(n,)`` and ``(m,)``, in their unit."""
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(one, other)) if len(one) and len(other) else float("nan")
