"""A page for every built-in backend, from its card, its settings, and the cards of its weights."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import bmzoo
from bmzoo.backends import registry

PACKAGE = Path(bmzoo.__file__).parent
QUOTE = '"'
INDEX = """# Backends

The methods that come with bmzoo, each with its settings and the weights that are shipped for it. Which one to
take is answered by [measured scores](../choosing.md). `bmzoo backends` lists those that you have installed;
[a method of your own](../contributing.md) is one class.
"""


def write_pages(folder: Path) -> list[Path]:
    """``NAME.md`` and an index."""
    folder.mkdir(exist_ok=True)
    names = sorted(registry.BUILT_IN)
    pages = []
    for name in names:
        pages.append(folder / f"{name}.md")
        pages[-1].write_text(page(name))
    lines = [f"| [{name}]({name}.md) | {_first_sentence(name)} |" for name in names]
    toctree = "\n".join(["```{toctree}", ":hidden:", *names, "```"])
    table = "\n".join(["| backend | what it does |", "|---|---|", *lines])
    (folder / "index.md").write_text(f"{INDEX}\n{table}\n\n{toctree}\n")
    return pages


def page(name: str) -> str:
    """Markdown of one backend."""
    module, attribute = registry.BUILT_IN[name].split(":")
    backend = getattr(importlib.import_module(module), attribute)
    parts = [_card(name).strip(), "## Settings", settings(backend.Config)]
    weights = sorted((PACKAGE / "weights" / name).glob("*/card.md"))
    if weights:
        parts.append("## Weights that come with bmzoo")
        parts += [_lowered(path.read_text()) for path in weights]
    return _linked("\n\n".join(parts) + "\n")


def settings(config: type[BaseModel]) -> str:
    """A table of a config model: name, default, meaning and bounds."""
    rows = [_row(name, found) for name, found in config.model_json_schema()["properties"].items()]
    header = ["`--set NAME=VALUE`, or under `settings` of a training.", "", "| setting | default | |"]
    return "\n".join([*header, "|---|---|---|", *rows]) if rows else "None."


def _row(name: str, found: dict[str, Any]) -> str:
    meaning = "; ".join(filter(None, (found.get("description", ""), _allowed(found)))).replace("|", "\\|")
    default = json.dumps(found["default"]).strip(QUOTE) if "default" in found else ""
    return f"| `{name}` | {default} | {meaning} |"


def _allowed(found: dict[str, Any]) -> str:
    """Choices or bounds in a few characters."""
    if "anyOf" in found:
        return " or ".join(_allowed(part) or part["type"] for part in found["anyOf"])
    if "enum" in found:
        return ", ".join(f"`{choice}`" for choice in found["enum"])
    signs = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
    return ", ".join(sign.format(found[key]) for key, sign in signs.items() if key in found)


def _card(name: str) -> str:
    return (PACKAGE / "backends" / name / "card.md").read_text()


def _first_sentence(name: str) -> str:
    """The paragraph below the card's title."""
    return _card(name).split("\n\n")[1].replace("\n", " ")


def _lowered(card: str) -> str:
    """A card as part of a page: its headings two levels down."""
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in card.strip().splitlines())


def _linked(card: str) -> str:
    """Links between files of the repository as links between pages, from ``backends/``."""
    text = re.sub(r"]\((?:\.\./)+docs/", "](../", card)
    return re.sub(r"]\([./]+/backends/(\w+)/card\.md\)", r"](\1.md)", text)


def linked_page(text: str) -> str:
    """The same for a page of ``docs/``: cards and their folder are pages of the site."""

    def weights(found: re.Match[str]) -> str:
        return f"](backends/{found[1]}.md#{found[1]}{found[2].lower()})"

    text = re.sub(r"]\(\.\./bmzoo/weights/(\w+)/([\w-]+)/card\.md\)", weights, text)
    text = re.sub(r"]\(\.\./bmzoo/backends/(\w+)/card\.md\)", r"](backends/\1.md)", text)
    return text.replace("](../bmzoo/backends)", "](backends/index.md)")
