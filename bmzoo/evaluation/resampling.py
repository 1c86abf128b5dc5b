"""Values, floors and standard errors from blocks: the one rule for all distributional scores.

Blocks are assigned alternately to two halves. The value is the mean of d(G1, R2) and d(G2, R1), a
generated half against the *other* half of the reference; the floor is d(R1, R2): both compare
samples of the same size that share no frame, so that a perfect method has a ratio of one. The last
block of an odd number is left out, to keep the halves equal. With a single block the value is
d(G, R) and there is no floor. Standard errors: bootstrap over blocks within each half; for
divergences close to their floor they come out up to twice too large, because resampling adds noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.histograms import Distance

Floats = NDArray[np.float64]
N_BOOTSTRAP = 40
MIN_BLOCKS = 4


class Comparison(NamedTuple):
    """Value, floor and standard error; arrays of one shape, NaN where something is missing."""

    value: Floats
    floor: Floats
    stderr: Floats


def halves(n_blocks: int) -> tuple[list[int], list[int]]:
    """Blocks 0, 2, 4, ... and 1, 3, 5, ..., equally many."""
    even = n_blocks - n_blocks % 2
    return list(range(0, even, 2)), list(range(1, even, 2))


def draws(n: int, seed: int, repeats: int = N_BOOTSTRAP) -> Floats:
    """``(repeats + 1, n)`` multiplicities of blocks; the first row is the sample itself."""
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=repeats)
    return np.concatenate([np.ones((1, n)), weights]).astype(np.float64)


def compare(reference: Floats, generated: Floats, distance: Distance, seed: int = 0) -> Comparison:
    """Value, floor and standard error of a distance between summed blocks.

    Args:
        reference, generated: ``(n_blocks, ...)`` statistics that add up, such as histograms.
        distance: takes two arrays of sums (with leading axes of its own) and gives an array.
    """
    if min(len(reference), len(generated)) < 2:
        value = distance(generated.sum(axis=0), reference.sum(axis=0))
        return Comparison(value, np.full_like(value, np.nan), np.full_like(value, np.nan))
    r1, r2 = (_resampled(reference, half, seed + k) for k, half in enumerate(halves(len(reference))))
    # The same draws for both sides: paired frames are resampled together.
    g1, g2 = (_resampled(generated, half, seed + k) for k, half in enumerate(halves(len(generated))))
    values = (distance(g1, r2) + distance(g2, r1)) / 2
    floor = distance(r1[0], r2[0])
    enough = min(len(reference), len(generated)) >= MIN_BLOCKS
    stderr = values[1:].std(axis=0, ddof=1) if enough else np.full_like(floor, np.nan)
    return Comparison(values[0], floor, stderr)


def _resampled(blocks: Floats, half: list[int], seed: int) -> Floats:
    chosen = blocks[half]
    return np.tensordot(draws(len(half), seed), chosen, axes=1)


def compare_samples(
    reference: Sequence[NDArray[Any]],
    generated: Sequence[NDArray[Any]],
    distance: Callable[[NDArray[Any], NDArray[Any]], float],
    seed: int = 0,
    repeats: int = N_BOOTSTRAP // 2,
) -> tuple[float, float | None, float | None]:
    """The same for blocks that are lists of numbers or rows, which are pooled.

    Returns:
        value, floor, standard error; the latter two ``None`` where there are too few blocks.
    """
    if min(len(reference), len(generated)) < 2:
        return distance(np.concatenate(generated), np.concatenate(reference)), None, None
    rng = np.random.default_rng(seed)
    r_halves, g_halves = halves(len(reference)), halves(len(generated))

    def once(draw: Callable[[list[int]], Any]) -> float:
        r1, r2 = (np.concatenate([reference[b] for b in draw(h)]) for h in r_halves)
        g1, g2 = (np.concatenate([generated[b] for b in draw(h)]) for h in g_halves)
        return (distance(g1, r2) + distance(g2, r1)) / 2

    value = once(lambda half: half)
    floor = distance(*(np.concatenate([reference[b] for b in h]) for h in r_halves))
    if min(len(reference), len(generated)) < MIN_BLOCKS:
        return value, floor, None
    resampled = [once(lambda half: rng.choice(half, len(half))) for _ in range(repeats)]
    return value, floor, float(np.std(resampled, ddof=1))


def statistic(blocks: Floats, function: Callable[[Floats], Floats], seed: int = 0) -> tuple[Floats, Floats]:
    """A function of summed blocks (a ratio of sums, say), and its bootstrap standard error.

    Args:
        blocks: ``(n_blocks, ...)``.
        function: of sums with a leading axis.
    """
    sums = np.tensordot(draws(len(blocks), seed), blocks, axes=1)
    values = function(sums)
    if len(blocks) < MIN_BLOCKS:
        return values[0], np.full_like(values[0], np.nan)
    return values[0], values[1:].std(axis=0, ddof=1)


def finite(number: Any) -> float | None:
    """A plain float, or ``None`` for NaN."""
    return None if number is None or np.isnan(number) else float(number)
