"""Small pieces of HTML."""

from __future__ import annotations

import re
from html import escape

from bmzoo.report.source import Entry


def rich(text: str) -> str:
    """The Markdown that definitions use (code, bold, lists, paragraphs) as HTML."""
    blocks = []
    for block in text.split("\n\n"):
        if block.startswith("- "):
            items = "".join(f"<li>{inline(item)}</li>" for item in block[2:].split("\n- "))
            blocks.append(f"<ul>{items}</ul>")
        else:
            blocks.append(f"<p>{inline(block)}</p>")
    return "".join(blocks)


def inline(text: str) -> str:
    """Code and bold of one line of Markdown."""
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def short(value: float | None, digits: int = 3) -> str:
    """A number for people, a dash where there is none."""
    if value is None:
        return "–"
    rounded = float(f"{value:.{digits}g}")
    if 1000 <= abs(rounded) < 1e6:
        return f"{rounded:,.0f}".replace("-", "−")
    return f"{rounded:g}".replace("e-0", "e-").replace("-", "−")


def swatch(entry: Entry) -> str:
    """The colour and the line of a row."""
    style = "raw" if entry.raw else "dotted" if entry.row.refine == "minimise" else "dashed"
    return f'<i class="swatch c{entry.color} {style}" aria-hidden="true"></i>'


def filterable(entry: Entry) -> str:
    """Attributes by which the page's filters find what belongs to a row."""
    return f'data-refine="{escape(entry.row.refine)}" data-backend="{escape(entry.row.backend)}"'
