"""Readers of single files: one class a format, nanometres out, nothing written beside the file.

MDAnalysis's own xtc and trr readers keep an offset file and a lock next to the trajectory; the
readers below use its low-level files instead and keep the offsets in memory.
"""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmzoo.errors import InputError, unknown

NM_PER_ANGSTROM = 0.1


class Snapshot(NamedTuple):
    """Number in the file, positions ``(n, 3)`` nm (a copy), box ``(3, 3)`` nm or ``None``, time in ps."""

    number: int
    positions: NDArray[np.float64]
    box: NDArray[np.float64] | None
    time: float


class Reader(ABC):
    """One trajectory file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def n_particles(self) -> int:
        """Atoms, or beads, of every frame."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of frames."""

    @abstractmethod
    def read(self, indices: range) -> Iterator[Snapshot]:
        """Streams frames; the file is open only as long as the iterator is used."""

    @contextmanager
    def trouble(self, what: str) -> Iterator[None]:
        """Turns what a library says of a damaged file into one sentence, and keeps it from chatting."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except InputError:
            raise
        except (OSError, EOFError, ValueError, IndexError, RuntimeError) as error:
            raise InputError(
                f"{self.path} {what}: the file is cut short or damaged ({error}); "
                "copy it again, or read fewer frames"
            ) from error


class GroReader(Reader):
    @cached_property
    def _scanned(self) -> tuple[int, list[int]]:
        from bmzoo.frames.gro import scan_gro

        return scan_gro(self.path)

    @property
    def n_particles(self) -> int:
        return self._scanned[0]

    def __len__(self) -> int:
        return len(self._scanned[1])

    def read(self, indices: range) -> Iterator[Snapshot]:
        from bmzoo.frames.gro import iterate_gro

        for index, frame in iterate_gro(self.path, self._scanned[1], indices):
            time = float(index) if frame.time is None else frame.time
            yield Snapshot(index, frame.positions, box_or_none(frame.box), time)


class XdrReader(Reader):
    """xtc and trr files."""

    kind: ClassVar[str]

    def _open(self) -> Any:
        from MDAnalysis.lib.formats import libmdaxdr

        if self.path.stat().st_size == 0:
            raise InputError(f"{self.path} is empty; give a trajectory with at least one frame")
        with self.trouble("cannot be opened"):
            return getattr(libmdaxdr, self.kind)(str(self.path))

    @cached_property
    def _header(self) -> tuple[int, NDArray[np.int64]]:
        """Number of particles, and where in the file every frame begins."""
        with self._open() as file, self.trouble("cannot be scanned"):
            return int(file.n_atoms), np.array(file.offsets)

    @property
    def n_particles(self) -> int:
        return self._header[0]

    def __len__(self) -> int:
        return len(self._header[1])

    def read(self, indices: range) -> Iterator[Snapshot]:
        with self._open() as file:
            file.set_offsets(self._header[1])
            for index in indices:
                with self.trouble(f"cannot be read at frame {index}"):
                    if index != file.tell():
                        file.seek(index)
                    found = file.read()
                positions = self._positions(found, index)
                yield Snapshot(index, positions, box_or_none(found.box), float(found.time))

    def _positions(self, found: Any, index: int) -> NDArray[np.float64]:
        return np.array(found.x, dtype=np.float64)


class XtcReader(XdrReader):
    kind = "XTCFile"

    @cached_property
    def _header(self) -> tuple[int, NDArray[np.int64]]:
        n_particles, offsets = super()._header
        # Nine particles and fewer are not compressed: the library counts frames by the file's size alone.
        size, frame = self.path.stat().st_size, 56 + 12 * n_particles
        if n_particles <= 9 and size % frame:
            raise InputError(f"{self.path} is cut in the middle of frame {size // frame}; copy it again")
        return n_particles, offsets


class TrrReader(XdrReader):
    kind = "TRRFile"

    def _positions(self, found: Any, index: int) -> NDArray[np.float64]:
        if not found.hasx:
            raise InputError(f"{self.path}, frame {index} holds no positions; write them at every step")
        return np.array(found.x, dtype=np.float64)


class MDAnalysisReader(Reader):
    """Formats whose MDAnalysis reader streams as it is."""

    @abstractmethod
    def _open(self) -> Any: ...

    @cached_property
    def _header(self) -> tuple[int, int]:
        reader = self._open()
        try:
            return int(reader.n_atoms), int(reader.n_frames)
        finally:
            reader.close()

    @property
    def n_particles(self) -> int:
        return self._header[0]

    def __len__(self) -> int:
        return self._header[1]

    def read(self, indices: range) -> Iterator[Snapshot]:
        reader = self._open()
        try:
            for index in indices:
                with self.trouble(f"cannot be read at frame {index}"):
                    step = reader[index]
                    box = box_of_cell(step.dimensions)
                    positions = np.array(step.positions, dtype=np.float64) * NM_PER_ANGSTROM
                    time = float(step.time)
                yield Snapshot(index, positions, box, time)
        finally:
            reader.close()


class DcdReader(MDAnalysisReader):
    def _open(self) -> Any:
        from MDAnalysis.coordinates.DCD import DCDReader
        from MDAnalysis.lib.formats.libdcd import DCDFile

        with self.trouble("cannot be opened"):
            # the reader leaves a half-made object behind where the header is damaged
            with DCDFile(str(self.path)) as file:
                first = file._header_size + file._firstframesize
                rest = (self.path.stat().st_size - first) % file._framesize
            if rest:
                raise ValueError(f"{rest} bytes too many for a whole number of frames")
            return DCDReader(str(self.path))


class PdbReader(MDAnalysisReader):
    def _open(self) -> Any:
        from MDAnalysis.coordinates.PDB import PDBReader

        from bmzoo.frames.labels import first_pdb_model

        n_atoms = len(first_pdb_model(self.path))
        with self.trouble("cannot be opened"):
            return PDBReader(str(self.path), n_atoms=n_atoms)


READERS: dict[str, type[Reader]] = {
    ".gro": GroReader,
    ".pdb": PdbReader,
    ".xtc": XtcReader,
    ".trr": TrrReader,
    ".dcd": DcdReader,
}


def open_reader(path: Path) -> Reader:
    """The reader for a file, by its extension.

    Raises:
        InputError: no such file or format, or a file that may not be read.
    """
    if path.suffix.lower() not in (*READERS, ".npz"):
        raise unknown(f"trajectory format of {path}:", path.suffix or "(no extension)", READERS)
    if not path.is_file():
        raise InputError(f"there is no trajectory file {path}")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} may not be read; change its permissions")
    if path.suffix.lower() == ".npz":
        from bmzoo.frames.beads import BeadReader

        return BeadReader(path)
    return READERS[path.suffix.lower()](path)


def box_or_none(box: ArrayLike | None) -> NDArray[np.float64] | None:
    """``(3, 3)`` float64, or ``None`` where a format's way of saying "no box" is found: zeros only."""
    if box is None:
        return None
    rows = np.array(box, dtype=np.float64)
    return rows if np.any(rows) else None


def box_of_cell(dimensions: ArrayLike | None) -> NDArray[np.float64] | None:
    """Lattice vectors, ``(3, 3)`` nm, of MDAnalysis's lengths (angstrom) and angles (degrees), ``(6,)``."""
    from MDAnalysis.lib.mdamath import triclinic_vectors

    if dimensions is None or not np.isfinite(dimensions).all():
        return None
    rows = triclinic_vectors(dimensions, dtype=np.float64)
    return box_or_none(np.asarray(rows) * NM_PER_ANGSTROM)
