"""Streaming trajectories through MDAnalysis; angstrom becomes nanometre here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bmzoo.frames.frame import Frame


def read_frames(
    path: str | Path,
    structure: str | Path | None = None,
    *,
    start: int | None = None,
    stop: int | None = None,
    step: int | None = None,
) -> Iterator[Frame]:
    """Yields frames of a gro, pdb, xtc, trr or dcd file, one at a time. To be written by the frames room."""
    raise NotImplementedError


def write_frames(path: str | Path, frames: Iterable[Frame], graph: object = None) -> None:
    raise NotImplementedError
