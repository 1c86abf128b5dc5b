"""The gro format, several frames to a file.

MDAnalysis reads the first frame of a gro file only, takes a file that is cut short for whole, and
writes from universes; this is the format's few lines, frame by frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError

TIME = re.compile(r"\bt=\s*([-+0-9.eE]+)")


class GroFrame(NamedTuple):
    """Title, atom lines and box of one frame; positions and box in nm, time in ps (``None`` if not given)."""

    title: str
    lines: list[str]
    positions: NDArray[np.float64]
    box: NDArray[np.float64]
    time: float | None


def scan_gro(path: Path) -> tuple[int, list[int]]:
    """Number of atoms, and where in the file every frame begins (bytes).

    Raises:
        InputError: an empty file, one that is cut short, frames of different sizes.
    """
    offsets: list[int] = []
    n_atoms = 0
    with path.open("rb") as file:
        while True:
            start = file.tell()
            title = file.readline()
            if not title or (offsets and not title.strip() and not file.read().strip()):
                break
            count = _count(file.readline(), path, len(offsets))
            if offsets and count != n_atoms:
                raise InputError(f"{path}, frame {len(offsets)} has {count} atoms, the first has {n_atoms}")
            n_atoms = count
            line = b"-"
            for _ in range(count + 1):
                if not (line := file.readline()):
                    break
            if not line.strip():
                raise InputError(
                    f"{path} is cut short in frame {len(offsets)}; "
                    f"{count} atoms and a box line should follow its second line"
                )
            offsets.append(start)
    if not offsets:
        raise InputError(f"{path} is empty; give a gro file with at least one frame")
    return n_atoms, offsets


def _count(line: bytes, path: Path, frame: int) -> int:
    try:
        count = int(line)
    except ValueError:
        raise InputError(
            f"{path}, frame {frame}: the second line must be the number of atoms, "
            f"not '{line[:40].decode(errors='replace').strip()}'; is it a gro file, and complete?"
        ) from None
    if count < 1:
        raise InputError(f"{path}, frame {frame} has no atoms")
    return count


def read_gro_frame(file: IO[str], path: Path, frame: int) -> GroFrame:
    """The frame that begins where the file stands.

    Raises:
        InputError: a line that is not what the format says.
    """
    title = file.readline().rstrip("\n")
    count = int(file.readline())
    lines = [file.readline() for _ in range(count)]
    # gro has any number of decimals, the same for all: the width is the distance of the dots
    dots = [k for k, letter in enumerate(lines[0]) if letter == "." and k >= 20]
    width = dots[1] - dots[0] if len(dots) > 1 else 8
    try:
        numbers = [[line[20 + k * width : 20 + (k + 1) * width] for k in range(3)] for line in lines]
        positions = np.array(numbers, dtype=np.float64)
    except ValueError:
        bad = next(k for k, row in enumerate(numbers) if not all(map(_is_number, row)))
        raise InputError(
            f"{path}, frame {frame}: the position of atom {bad + 1} cannot be read: '{lines[bad].strip()}'"
        ) from None
    time = TIME.search(title)
    box = _gro_box(file.readline(), path, frame)
    return GroFrame(title, lines, positions, box, float(time[1]) if time and _is_number(time[1]) else None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _gro_box(line: str, path: Path, frame: int) -> NDArray[np.float64]:
    words = line.split()
    if len(words) not in (3, 9) or not all(map(_is_number, words)):
        raise InputError(f"{path}, frame {frame}: the box line must be 3 or 9 numbers, not '{line.strip()}'")
    v = [float(w) for w in words] + [0.0] * (9 - len(words))
    return np.array([[v[0], v[3], v[4]], [v[5], v[1], v[6]], [v[7], v[8], v[2]]])


def iterate_gro(path: Path, offsets: list[int], indices: range) -> Iterator[tuple[int, GroFrame]]:
    """Frames of a scanned file."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for index in indices:
            file.seek(offsets[index])
            yield index, read_gro_frame(file, path, index)


def format_gro_frame(
    title: str, prefixes: list[str], positions: NDArray[np.floating], box: NDArray[np.floating] | None
) -> str:
    """One frame with three decimals, as GROMACS writes it.

    Args:
        prefixes: the first 20 columns of every atom, see :func:`gro_prefixes`.
        positions: ``(n, 3)`` nm.
        box: ``(3, 3)`` nm or ``None`` (three zeros).
    """
    atoms = "".join(
        [f"{p}{x:8.3f}{y:8.3f}{z:8.3f}\n" for p, (x, y, z) in zip(prefixes, positions.tolist(), strict=True)]
    )
    b = np.zeros((3, 3)) if box is None else np.asarray(box)
    lengths = [b[0, 0], b[1, 1], b[2, 2]]
    rest = [b[0, 1], b[0, 2], b[1, 0], b[1, 2], b[2, 0], b[2, 1]]
    numbers = lengths + rest if any(rest) else lengths
    return f"{title}\n{len(positions):5d}\n{atoms}{''.join(f'{x:10.5f}' for x in numbers)}\n"


def gro_prefixes(names: tuple[str, ...], residues: tuple[str, ...], ids: NDArray[np.int64]) -> list[str]:
    """Residue number and name, atom name and number of every atom; numbers turn over at 100,000."""
    rows = zip(ids.tolist(), residues, names, strict=True)
    return [
        f"{number % 100000:5d}{residue:<5.5s}{name:>5.5s}{k % 100000:5d}"
        for k, (number, residue, name) in enumerate(rows, start=1)
    ]
