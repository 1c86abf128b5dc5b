"""Lines of a text file, and the sections that map files are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from bmzoo.errors import InputError

SECTION = re.compile(r"\[\s*([^\]]+?)\s*\]")


class Line(NamedTuple):
    """A line with content: its section (lower case), its words, and where it stands."""

    section: str
    words: tuple[str, ...]
    where: str
    opens: bool
    """Whether the line is the section's header itself."""


def read_text(path: str | PathLike[str]) -> str:
    """The text of a file.

    Raises:
        InputError: no such file, a folder, not readable, not text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def sections(text: str, name: str) -> Iterator[Line]:
    """Headers ``[ section ]`` and the lines between them, without ``;`` comments and blank lines."""
    section = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        content = raw.split(";", 1)[0].strip()
        if not content:
            continue
        header = SECTION.fullmatch(content)
        if header:
            section = header.group(1).lower()
        yield Line(section, () if header else tuple(content.split()), f"{name}, line {number}", bool(header))
