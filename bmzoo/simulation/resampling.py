"""Choosing starting structures: by weight, or far apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def largest_remainder(shares: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Whole numbers that sum to ``count`` and follow ``shares``; a populated share gets one at least."""
    ideal = shares / shares.sum() * count
    whole = np.floor(ideal).astype(np.int64)
    order = np.argsort(whole - ideal)
    whole[order[: count - whole.sum()]] += 1
    for index in np.flatnonzero((shares > 0) & (whole == 0)):
        if whole.max() > 1:
            whole[np.argmax(whole)] -= 1
            whole[index] = 1
    return whole


def systematic_resampling(
    weights: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """``count`` indices, low variance (Kitagawa, J. Comput. Graph. Stat. 5, 1, 1996)."""
    steps = (np.arange(count) + random.random()) / count
    cumulative = np.cumsum(weights) / np.sum(weights)
    return np.minimum(np.searchsorted(cumulative, steps), len(weights) - 1)


def farthest_points(
    features: NDArray[np.floating], count: int, first: int | None = None
) -> NDArray[np.int64]:
    """Greedy farthest-point sampling (Gonzalez, Theor. Comput. Sci. 38, 293, 1985).

    Begins with ``first``, or where not given with the medoid.
    """
    if first is None:
        first = int(np.argmin(np.linalg.norm(features - features.mean(axis=0), axis=1)))
    chosen = [first]
    nearest = np.full(len(features), np.inf)
    while len(chosen) < min(count, len(features)):
        nearest = np.minimum(nearest, np.linalg.norm(features - features[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(nearest)))
    return np.array(chosen)


def spread_order(count: int) -> NDArray[np.int64]:
    """An order of ``count`` sorted things of which every stretch is representative.

    Van der Corput's sequence in base two: 0, then about the middle, the quarters, and so on.
    """
    bits = max(1, (count - 1).bit_length())
    reversed_bits = np.array([int(f"{index:0{bits}b}"[::-1], 2) for index in range(1 << bits)])
    return reversed_bits[reversed_bits < count]
