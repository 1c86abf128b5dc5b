"""What the documentation shows, as a shell hands it over: every command's words, loops run, quotes gone."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CARDS = [*sorted(ROOT.glob("bmzoo/backends/*/card.md")), *sorted(ROOT.glob("bmzoo/weights/*/*/card.md"))]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "docs" / "api" / "index.md",
    *CARDS,
]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?<=\n\n)(?:^    .*\n)+", re.MULTILINE)
INLINE = re.compile(r"`((?:bmzoo|python) [^`]+)`")
RECORDED = ("bmzoo", "python", "pip", "pytest")
PRELUDE = """
python3() { :; }
mkdir -p .venv/bin .ci; touch .venv/bin/activate; echo > .ci/run; chmod +x .ci/run
"""


def blocks(page: Path, language: str = "bash") -> list[str]:
    """Fenced blocks of one language, in order; indented ones count as shell."""
    text = page.read_text()
    found = [body for name, body in FENCED.findall(text) if name == language]
    return found + (INDENTED.findall(FENCED.sub("", text)) if language == "bash" else [])


def commands(block: str, folder: Path) -> list[list[str]]:
    """Words of every command of a block, which bash reads in ``folder``; nothing but ``cat`` runs."""
    record = "".join(f"{name}() {{ printf '%s\\0' {name} \"$@\" '' >> recorded; }}\n" for name in RECORDED)
    subprocess.run(["bash", "-euc", record + PRELUDE + block], cwd=folder, check=True, capture_output=True)
    log = folder / "recorded"
    if not log.exists():
        return []
    words = log.read_text().split("\0")[:-1]
    log.unlink()
    found: list[list[str]] = [[]]
    for word in words:
        if word:
            found[-1].append(word)
        else:
            found.append([])
    return found[:-1]


def mentions(page: Path) -> list[list[str]]:
    """Words of commands within sentences, which may leave out what they are not about."""
    text = FENCED.sub("", page.read_text())
    return [shlex.split(found) for found in INLINE.findall(text)]
