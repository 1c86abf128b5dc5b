"""Writers of trajectories: one class a format; a file appears when it is complete, or not at all."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError, unknown
from bmzoo.frames.frame import Frame
from bmzoo.frames.labels import Labels
from bmzoo.molecules.graph import MolecularGraph

XTC_PRECISION = 1e5
"""Positions are rounded to 1e-5 nm, so that beads made of them are right within 1e-5 nm; the usual
1e-3 nm would show in bead positions, and in the energies of stiff bonds."""

ANGSTROM_PER_NM = 10.0

DCD_STEPS = 1000
"""Steps between frames as a dcd file counts them; the time of the first frame is rounded to one."""


class FrameWriter(ABC):
    """A context manager with one method; get it from :func:`open_writer`.

    Frames go to a hidden file beside the output, which takes its name when the context ends well.

    Raises:
        InputError: an output that cannot be written.
    """

    limit: ClassVar[float]
    """Largest coordinate that the format can hold, nm."""

    def __init__(
        self, path: Path, labels: Labels | None = None, bonds: NDArray[np.int64] | None = None
    ) -> None:
        self.path = path
        self.labels = labels
        self.bonds = bonds
        self.n_frames = 0
        self.n_particles = len(labels.names) if labels is not None else None
        self._partial = path.with_name(f".{path.stem}.{uuid4().hex[:8]}{path.suffix}")
        self._check_place()

    def _check_place(self) -> None:
        try:
            if self.path.is_dir():
                raise InputError(f"cannot write {self.path}: it is a folder; name a file")
            self._partial.touch()
        except OSError as error:
            raise InputError(
                f"cannot write {self.path}: {error.strerror or error}; choose another output"
            ) from error

    def write(self, frame: Frame) -> None:
        """Adds a frame.

        Raises:
            InputError: another number of particles than before, positions that are not finite or too
                large for the format, a full disk.
        """
        where = f"cannot write frame {frame.index} to {self.path}"
        positions = np.asarray(frame.positions)
        if self.n_particles is None:
            self.n_particles = len(positions)
        if len(positions) != self.n_particles:
            raise InputError(f"{where}: it has {len(positions)} particles, not {self.n_particles}")
        if not np.isfinite(positions).all():
            raise InputError(f"{where}: particles are at no finite positions")
        if np.abs(positions).max(initial=0.0) >= self.limit:
            raise InputError(f"{where}: the format holds coordinates below {self.limit:g} nm only")
        try:
            self._write(frame, positions)
        except OSError as error:
            raise InputError(f"{where}: {error}") from error
        self.n_frames += 1

    @abstractmethod
    def _write(self, frame: Frame, positions: NDArray[np.floating]) -> None: ...

    @abstractmethod
    def _close(self) -> None:
        """Finishes and closes the file; harmless where nothing was written."""

    def discard(self) -> None:
        """Gives up before the first frame."""
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close()
            if kind is None and not self.n_frames:
                raise InputError(f"there were no frames to write to {self.path}")
            if kind is None:
                os.replace(self._partial, self.path)
        except OSError as trouble:
            raise InputError(f"cannot write {self.path}: {trouble}") from trouble
        finally:
            self._partial.unlink(missing_ok=True)


class XtcWriter(FrameWriter):
    limit = 2**31 / XTC_PRECISION - 1
    _file: Any = None

    def _write(self, frame: Frame, positions: NDArray[np.floating]) -> None:
        from MDAnalysis.lib.formats.libmdaxdr import XTCFile

        if self._file is None:
            self._file = XTCFile(str(self._partial), "w")
        box = np.zeros((3, 3)) if frame.box is None else frame.box
        self._file.write(
            np.ascontiguousarray(positions, dtype=np.float32),
            np.ascontiguousarray(box, dtype=np.float32),
            frame.index,
            frame.time,
            XTC_PRECISION,
        )

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


class DcdWriter(FrameWriter):
    """A dcd file has one interval for all frames: that between the first two."""

    limit = 1e6
    _file: Any = None
    _first: Frame | None = None

    def _write(self, frame: Frame, positions: NDArray[np.floating]) -> None:
        if self._file is not None:
            self._add(frame)
        elif self._first is None:
            self._first = frame
        else:
            self._open(self._first, frame.time - self._first.time)
            self._add(frame)

    def _open(self, first: Frame, interval: float) -> None:
        from MDAnalysis.lib.formats.libdcd import DCDFile
        from MDAnalysis.units import convert

        interval = interval if interval > 0 else 1.0
        self._file = DCDFile(str(self._partial), "w")
        self._file.write_header(
            remarks="Written by bmzoo",
            natoms=len(first),
            nsavc=DCD_STEPS,
            delta=float(convert(interval, "ps", "AKMA")) / DCD_STEPS,
            is_periodic=1,
            istart=round(first.time / interval * DCD_STEPS),
        )
        self._add(first)

    def _add(self, frame: Frame) -> None:
        positions = np.asarray(frame.positions) * ANGSTROM_PER_NM
        self._file.write(np.ascontiguousarray(positions, dtype=np.float32), self._cell(frame.box))

    @staticmethod
    def _cell(box: NDArray[np.floating] | None) -> NDArray[np.float64]:
        """Lengths and cosines of angles as NAMD orders them: A, gamma, B, beta, alpha, C."""
        if box is None:
            return np.zeros(6)
        a, b, c = np.linalg.norm(box, axis=1)
        cosines = (box @ box.T) / np.outer([a, b, c], [a, b, c])
        lengths = np.array([a, b, c]) * ANGSTROM_PER_NM
        return np.array([lengths[0], cosines[0, 1], lengths[1], cosines[0, 2], cosines[1, 2], lengths[2]])

    def _close(self) -> None:
        if self._file is None and self._first is not None:
            self._open(self._first, self._first.time)
        if self._file is not None:
            self._file.close()


class TextWriter(FrameWriter):
    """gro and pdb."""

    _file: IO[str] | None = None

    def _open(self) -> IO[str]:
        if self._file is None:
            self._file = self._partial.open("w", encoding="ascii", errors="replace")
            self._begin(self._file)
        return self._file

    def _begin(self, file: IO[str]) -> None:
        """Writes what stands before the first frame."""

    def _labels(self) -> Labels:
        return self.labels if self.labels is not None else Labels.unknown(self.n_particles or 0)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


class GroWriter(TextWriter):
    limit = 999.9995
    _prefixes: list[str]

    def _begin(self, file: IO[str]) -> None:
        from bmzoo.frames.gro import gro_prefixes

        labels = self._labels()
        self._prefixes = gro_prefixes(labels.names, labels.residue_names, labels.residue_ids)

    def _write(self, frame: Frame, positions: NDArray[np.floating]) -> None:
        from bmzoo.frames.gro import format_gro_frame

        file = self._open()
        title = f"Written by bmzoo t= {frame.time:.5f} step= {frame.index}"
        file.write(format_gro_frame(title, self._prefixes, positions, frame.box))


class PdbWriter(TextWriter):
    """One MODEL a frame, each with its box (MDAnalysis's own writer keeps the first box only)."""

    limit = 999.9
    _prefixes: list[str]
    _suffixes: list[str]

    def _begin(self, file: IO[str]) -> None:
        from bmzoo.frames.pdb import pdb_columns

        self._prefixes, self._suffixes = pdb_columns(self._labels())
        file.write("TITLE     Written by bmzoo\n")

    def _write(self, frame: Frame, positions: NDArray[np.floating]) -> None:
        from bmzoo.frames.pdb import format_pdb_model

        file = self._open()
        file.write(format_pdb_model(self.n_frames + 1, self._prefixes, self._suffixes, positions, frame.box))

    def _close(self) -> None:
        from bmzoo.frames.pdb import format_connections

        if self._file is not None:
            if self.bonds is not None:
                self._file.write(format_connections(self.bonds))
            self._file.write("END\n")
        super()._close()


WRITERS: dict[str, type[FrameWriter]] = {
    ".gro": GroWriter,
    ".pdb": PdbWriter,
    ".xtc": XtcWriter,
    ".dcd": DcdWriter,
}


def open_writer(
    path: str | Path,
    molecule: MolecularGraph | None = None,
    n_molecules: int = 1,
    *,
    labels: Labels | None = None,
    connect: bool = False,
) -> FrameWriter:
    """A writer for frames, to be used in a ``with`` statement.

    Box, time and, where the format has names, those of the molecule are kept; dcd keeps one time
    interval for all, pdb no times. Coordinates are rounded to 1e-3 nm in gro, 1e-4 nm in pdb,
    1e-5 nm in xtc and to single precision in dcd.

    Args:
        path: gro (frames one after another), pdb (one model a frame), xtc or dcd.
        molecule: one molecule, for the names of its atoms.
        n_molecules: how often it is repeated; residue numbers go on counting.
        labels: names of all particles, instead of ``molecule``.
        connect: write the molecule's bonds to pdb, as CONECT lines.

    Raises:
        InputError: an unknown format, an output that cannot be written.
    """
    place = Path(path)
    if place.suffix.lower() not in WRITERS:
        raise unknown(f"output format of {place}:", place.suffix or "(no extension)", WRITERS)
    bonds = None
    if molecule is not None and labels is None:
        labels = Labels.of_molecules(molecule, n_molecules)
    if molecule is not None and connect:
        first_atoms = molecule.n_atoms * np.arange(n_molecules)[:, None, None]
        bonds = (molecule.bonds + first_atoms).reshape(-1, 2)
    return WRITERS[place.suffix.lower()](place, labels, bonds)


def check_output(path: Path, inputs: Iterable[object] = ()) -> None:
    """Refuses what could not be written in the end, before anything is computed.

    Args:
        path: of the output.
        inputs: what must not be overwritten: paths; anything else is passed over.

    Raises:
        InputError: an unknown format, a place that cannot be written, one of the inputs.
    """
    open_writer(path).discard()
    given = [Path(place) for place in inputs if isinstance(place, str | Path)]
    if path.exists() and any(place.exists() and path.samefile(place) for place in given):
        raise InputError(f"{path} is an input, and would be overwritten; choose another output")
