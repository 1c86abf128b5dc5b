"""Random streams that depend on what is drawn, never on the order of drawing."""

from __future__ import annotations

import numpy as np

from bmzoo.errors import InputError


def random_stream(seed: int, *keys: int) -> np.random.Generator:
    """An independent stream for every seed and tuple of keys.

    Backends draw from ``random_stream(seed, frame.index, sample, molecule)``, so that the same seed
    gives the same frames whatever the batch size and the number of workers.

    Args:
        seed: the user's seed, 0 or more.
        keys: what the numbers are for, each 0 <= key < 2**32.

    Raises:
        InputError: a negative seed or a key out of range.
    """
    if seed < 0:
        raise InputError(f"the seed must be 0 or more, not {seed}")
    if any(not 0 <= key < 2**32 for key in keys):
        raise InputError(f"a random stream cannot be made for the keys {keys}; they must be 0 to 2**32 - 1")
    sequence = np.random.SeedSequence(int(seed), spawn_key=tuple(int(key) for key in keys))
    return np.random.Generator(np.random.Philox(sequence))
