"""Trajectories of a few beads, small on disk: one ``.npz`` with positions as 16-bit integers.

xtc does not compress nine particles and fewer. Here a coordinate takes two bytes:
``positions`` ``(n_frames, n_beads, 3)`` int16, in units of ``resolution`` nm, each frame about the mean
of its beads, no box; ``times`` ``(n_frames,)`` ps.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.readers import Reader, Snapshot

DAMAGED = (OSError, ValueError, TypeError, KeyError, EOFError, RuntimeError, BadZipFile, zlib.error)
"""What numpy raises where an npz file is none, or is damaged."""

RESOLUTION = 1e-4
"""nm; a twentieth and less of what bonds between beads fluctuate by."""


class BeadReader(Reader):
    """Reads what :func:`write_beads` wrote; the whole file is held, a few megabytes."""

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.int16], NDArray[np.float64], float]:
        try:
            with np.load(self.path) as archive:
                positions, times = archive["positions"], archive["times"].astype(np.float64)
                resolution = float(archive["resolution"])
        except DAMAGED as error:
            raise InputError(f"{self.path} is no bead trajectory, or is damaged; copy it again") from error
        fit = positions.ndim == 3 and positions.shape[2] == 3 and positions.dtype.kind in "iuf"
        if not fit or times.shape != positions.shape[:1]:
            raise InputError(f"{self.path} is no bead trajectory: its arrays do not fit one another")
        return positions, times, resolution

    @property
    def n_particles(self) -> int:
        return int(self._arrays[0].shape[1])

    def __len__(self) -> int:
        return len(self._arrays[0])

    def read(self, indices: range) -> Iterator[Snapshot]:
        positions, times, resolution = self._arrays
        for index in indices:
            yield Snapshot(index, positions[index] * resolution, None, float(times[index]))


def write_beads(path: Path, positions: NDArray[np.floating], times: NDArray[np.floating]) -> None:
    """Writes frames ``(n_frames, n_beads, 3)`` nm at ``times`` ps; whole, or not at all.

    Raises:
        InputError: positions that are not finite or beyond 3.2 nm from the mean, a place that cannot be
            written.
    """
    centred = positions - positions.mean(axis=1, keepdims=True, dtype=np.float64)
    scaled = np.round(centred / RESOLUTION)
    if not np.abs(scaled).max(initial=0) < np.iinfo(np.int16).max:
        raise InputError(f"cannot write {path}: beads are not finite, or more than 3.2 nm from their mean")
    partial = path.with_name(f".{path.stem}.{uuid4().hex[:8]}.npz")
    try:
        np.savez_compressed(
            partial, positions=scaled.astype(np.int16), times=np.asarray(times, float), resolution=RESOLUTION
        )
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; choose another output") from error
    finally:
        partial.unlink(missing_ok=True)
