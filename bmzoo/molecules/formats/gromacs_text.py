"""GROMACS itp and top files as rows of words: includes, macros and conditions resolved."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bmzoo.errors import InputError
from bmzoo.molecules.formats.text import SECTION, read_text

POSITION_RESTRAINTS = "posre"
"""Files that are often included and seldom there; nothing in them is needed."""


class Row(NamedTuple):
    """One line of a section."""

    section: str
    words: tuple[str, ...]
    where: str

    def integer(self, position: int) -> int:
        return int(self._number(position, whole=True))

    def real(self, position: int) -> float:
        return self._number(position, whole=False)

    def reals(self, start: int) -> tuple[float, ...]:
        return tuple(self.real(i) for i in range(start, len(self.words)))

    def atoms(self, width: int) -> tuple[int, ...]:
        """The first ``width`` words as atom indices from 0."""
        return tuple(self.integer(i) - 1 for i in range(width))

    def _number(self, position: int, *, whole: bool) -> float:
        if position >= len(self.words):
            raise self.error(f"expected at least {position + 1} words, found {len(self.words)}")
        word = self.words[position]
        try:
            return int(word) if whole else float(word)
        except ValueError:
            kind = "a whole number" if whole else "a number"
            raise self.error(f"'{word}' should be {kind}") from None

    def error(self, what: str) -> InputError:
        return InputError(f"{self.where}: {what} (in [ {self.section} ])")


class Preprocessor:
    """Reads files in the order given; a file that was included already is not read again.

    An included file that is not there is left out, with a warning: a molecule is often published
    without the files of its force field.
    """

    def __init__(self) -> None:
        self._macros: dict[str, tuple[str, ...]] = {}
        self._seen: set[Path] = set()
        self._section = ""

    def read(self, paths: Sequence[str | Path]) -> list[Row]:
        """Rows of all files.

        Raises:
            InputError: a missing file, conditions that do not close, a line outside any section.
        """
        return [row for path in _includers_first(paths) for row in self._file(Path(path), "")]

    def _file(self, path: Path, included_from: str) -> Iterator[Row]:
        if path.resolve() in self._seen:
            return
        if included_from and not path.is_file():
            if not path.name.startswith(POSITION_RESTRAINTS):
                warnings.warn(f"{included_from}: there is no file {path}; it is left out", stacklevel=4)
            return
        self._seen.add(path.resolve())
        active: list[bool] = []
        for number, content in _logical_lines(read_text(path)):
            where = f"{path.name}, line {number}"
            if content.startswith("#"):
                if self._condition(content, active, where):
                    continue
                if all(active):
                    yield from self._directive(content, path, where)
            elif all(active):
                yield from self._row(content, where)
        if active:
            raise InputError(f"{path.name}: an #ifdef has no #endif")

    def _condition(self, content: str, active: list[bool], where: str) -> bool:
        """Handles #ifdef, #ifndef, #else and #endif; says whether it was one of them."""
        words = content.split()
        if words[0] in ("#ifdef", "#ifndef"):
            if len(words) < 2:
                raise InputError(f"{where}: {words[0]} needs a name")
            active.append((words[1] in self._macros) == (words[0] == "#ifdef"))
        elif words[0] in ("#else", "#endif"):
            if not active:
                raise InputError(f"{where}: {words[0]} without #ifdef")
            if words[0] == "#else":
                active[-1] = not active[-1]
            else:
                active.pop()
        else:
            return False
        return True

    def _directive(self, content: str, path: Path, where: str) -> Iterator[Row]:
        words = content.split()
        if words[0] == "#define" and len(words) > 1:
            self._macros[words[1]] = tuple(words[2:])
        elif words[0] == "#undef" and len(words) > 1:
            self._macros.pop(words[1], None)
        elif words[0] == "#include" and len(words) > 1:
            name = content.split(None, 1)[1].strip().strip('"<>')
            yield from self._file(path.parent / name, where)
        else:
            raise InputError(f"{where}: cannot follow '{content}'")

    def _row(self, content: str, where: str) -> Iterator[Row]:
        header = SECTION.fullmatch(content)
        if header:
            self._section = header.group(1).lower()
            yield Row(self._section, (), where)
        elif content.startswith("[") or not self._section:
            raise InputError(f"{where}: expected a header such as [ atoms ], found '{content}'")
        else:
            words = [new for word in content.split() for new in self._macros.get(word, (word,))]
            yield Row(self._section, tuple(words), where)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with content and their numbers, without comments; ``\\`` continues a line."""
    pending, first = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        content = raw.split(";", 1)[0].strip()
        first = first if pending else number
        pending = f"{pending} {content}".strip()
        if pending.endswith("\\"):
            pending = pending[:-1].rstrip() + " "
            continue
        if pending.strip():
            yield first, pending.strip()
        pending = ""


def _includers_first(paths: Sequence[str | Path]) -> list[Path]:
    """A file that others include is read where they include it, whatever the order given."""
    files = [Path(p) for p in paths]
    included = set()
    for file in files:
        names = re.findall(r'^\s*#include\s+["<]([^">]+)[">]', read_text(file), re.MULTILINE)
        included |= {(file.parent / name).resolve() for name in names}
    return [f for f in files if f.resolve() not in included] + [f for f in files if f.resolve() in included]
