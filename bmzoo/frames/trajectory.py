"""Streaming trajectories through MDAnalysis; angstrom becomes nanometre here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.labels import NAMED, Labels, read_names
from bmzoo.frames.readers import READERS, Reader, open_reader
from bmzoo.frames.writers import FrameWriter, open_writer
from bmzoo.molecules.graph import MolecularGraph

__all__ = ["FrameWriter", "Labels", "Trajectory", "open_writer", "read_frames", "read_names", "write_frames"]

Source: TypeAlias = str | Path | Sequence[str | Path]


class Trajectory:
    """Frames on disk, read one at a time, as often as wanted.

    Args:
        path: a gro (one or more frames), pdb, xtc, trr or dcd file; a list of such files; a folder
            or a pattern (``frames/*.gro``) of them, taken in natural order (2.gro before 10.gro).
        structure: a gro or pdb file of the same particles, for their names.

    Raises:
        InputError: missing, empty or unknown files, particles that do not fit the structure.
            Damage further on is found when the frame in question is read.
    """

    def __init__(self, path: Source, structure: str | Path | None = None) -> None:
        self.paths = _find_files(path)
        self._readers = [open_reader(p) for p in self.paths]
        self.n_particles = self._readers[0].n_particles
        self.labels = None if structure is None else read_names(structure)
        if self.labels is not None and len(self.labels.names) != self.n_particles:
            raise InputError(
                f"{self.paths[0]} has {self.n_particles} particles, "
                f"the structure {structure} has {len(self.labels.names)}; they must be the same"
            )

    def names(self) -> tuple[str, ...] | None:
        """Names by the structure, or the first file's own; ``None`` where its format has none."""
        if self.labels is None and self.paths[0].suffix.lower() in NAMED:
            self.labels = read_names(self.paths[0])
        return None if self.labels is None else self.labels.names

    @cached_property
    def _starts(self) -> list[int]:
        """Number of the first frame of every file, and the number of all frames."""
        return np.cumsum([0, *(len(r) for r in self._readers)]).tolist()

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(
        self, start: int | None = None, stop: int | None = None, step: int | None = None
    ) -> Iterator[Frame]:
        """Streams a slice of the frames (as Python slices; indices are those of the whole).

        Raises:
            InputError: a frame that is damaged, has NaN or another number of particles.
        """
        return self._stream(self.numbers(start, stop, step))

    def numbers(self, start: int | None = None, stop: int | None = None, step: int | None = None) -> range:
        """Which frames a slice takes.

        Raises:
            InputError: a step of 0.
        """
        if step == 0:
            raise InputError("the step between frames must not be 0")
        return range(*slice(start, stop, step).indices(len(self)))

    def _stream(self, wanted: range) -> Iterator[Frame]:
        files = range(len(self._readers))
        for k in files if wanted.step > 0 else reversed(files):
            first, last = self._starts[k], self._starts[k + 1]
            inside = _part(wanted, first, last)
            if len(inside):
                yield from self._read_file(self._readers[k], first, inside)

    def _read_file(self, reader: Reader, first: int, indices: range) -> Iterator[Frame]:
        for index, positions, box, time in reader.read(indices):
            name = f"{reader.path.name}, frame {index}"
            if len(positions) != self.n_particles:
                raise InputError(
                    f"{name} has {len(positions)} particles, {self.paths[0].name} has {self.n_particles}"
                )
            bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
            if len(bad):
                raise InputError(
                    f"{name}: particle {bad[0] + 1} is at no finite position ({len(bad)} such particles); "
                    "leave the frame out"
                )
            yield Frame(positions, box, time, first + index, name=name)


def _part(wanted: range, first: int, last: int) -> range:
    """The part of a range within first <= i < last, counted from first."""
    step = wanted.step
    if not len(wanted):
        return range(0)
    if step > 0:
        skipped = max(0, -(-(first - wanted.start) // step))
        inside = range(wanted.start + skipped * step, min(wanted.stop, last), step)
    else:
        skipped = max(0, -(-(wanted.start - (last - 1)) // -step))
        inside = range(wanted.start + skipped * step, max(wanted.stop, first - 1), step)
    return range(inside.start - first, inside.stop - first, step)


def _find_files(path: Source) -> list[Path]:
    if not isinstance(path, str | Path):
        files = [Path(p) for p in path]
        if not files:
            raise InputError("the list of trajectory files is empty")
        return files
    place = Path(path)
    if place.is_dir():
        files = [p for p in place.iterdir() if p.suffix.lower() in READERS and not p.name.startswith(".")]
        kinds = sorted({p.suffix for p in files})
        if not files:
            raise InputError(f"the folder {place} holds no trajectory files ({', '.join(READERS)})")
        if len(kinds) > 1:
            raise InputError(
                f"the folder {place} holds {' and '.join(kinds)} files; name one kind, as in {place}/*.gro"
            )
    elif re.search(r"[*?\[]", str(path)) and not place.exists():
        root = Path(place.anchor or ".")
        files = list(root.glob(str(place.relative_to(root) if place.anchor else place)))
        if not files:
            raise InputError(f"no file fits the pattern {path}")
    else:
        return [place]
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(t), "") if t.isdigit() else (-1, t) for t in re.split(r"(\d+)", str(path))]


def read_frames(
    path: Source,
    structure: str | Path | None = None,
    *,
    start: int | None = None,
    stop: int | None = None,
    step: int | None = None,
) -> Iterator[Frame]:
    """Streams the frames of a trajectory; see :class:`Trajectory`, which can be read again.

    Args:
        path: gro, pdb, xtc, trr or dcd, several of them, or a folder of single frames.
        structure: a gro or pdb file of the same particles, to check their number against.
        start, stop, step: a slice.

    Raises:
        InputError: at once for missing and unknown files, on the way for damaged frames.
    """
    return Trajectory(path, structure).frames(start, stop, step)


def write_frames(
    path: str | Path,
    frames: Iterable[Frame],
    molecule: MolecularGraph | None = None,
    n_molecules: int | None = None,
    *,
    labels: Labels | None = None,
) -> int:
    """Writes frames one by one; the file appears when all are written, and else not at all.

    Args:
        path: gro, pdb, xtc or dcd.
        molecule: one molecule, for the names of its atoms; repeated to fill a frame.
        n_molecules: number of molecules; by default as many as the first frame holds.
        labels: names of all particles, instead of ``molecule``.

    Returns:
        The number of frames written.

    Raises:
        InputError: an unknown format, an output that cannot be written, no frames, frames of
            different sizes.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise InputError(f"there are no frames to write to {path}")
    if molecule is not None and n_molecules is None:
        n_molecules = len(first) // molecule.n_atoms
    count = 1
    with open_writer(path, molecule, n_molecules or 1, labels=labels) as writer:
        writer.write(first)
        for count, frame in enumerate(stream, start=2):  # noqa: B007
            writer.write(frame)
    return count
