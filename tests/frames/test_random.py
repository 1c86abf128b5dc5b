"""Random streams."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.frames.random import random_stream

KEYS = st.lists(st.integers(0, 2**32 - 1), max_size=4).map(tuple)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**40), KEYS, KEYS)
def test_a_stream_is_its_seed_and_keys(seed: int, keys: tuple[int, ...], others: tuple[int, ...]) -> None:
    first = random_stream(seed, *keys).random(4)
    random_stream(seed, *others).random(7)
    np.testing.assert_array_equal(random_stream(seed, *keys).random(4), first)
    if keys != others:
        assert not np.any(random_stream(seed, *others).random(4) == first)
    assert not np.any(random_stream(seed + 1, *keys).random(4) == first)


def test_neighbouring_streams_are_independent() -> None:
    grid = list(product(range(2), range(8), range(4), range(8)))
    draws = np.array([random_stream(*keys).standard_normal(200) for keys in grid])
    correlation = np.corrcoef(draws)[np.triu_indices(len(grid), 1)]
    assert abs(correlation.mean()) < 5 / np.sqrt(200 * len(correlation))
    np.testing.assert_allclose(correlation.std(), 1 / np.sqrt(200), rtol=0.05)
    assert len({tuple(row[:2]) for row in draws}) == len(grid)
    assert not np.array_equal(random_stream(1, 2).random(3), random_stream(1, 2, 0).random(3))


@pytest.mark.parametrize("keys", [(-1,), (0, -1), (0, 2**32)])
def test_keys_out_of_range(keys: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        random_stream(*keys)
