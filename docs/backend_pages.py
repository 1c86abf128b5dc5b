"""A page for every built-in backend, from its card, its settings, and the cards of its weights."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import bmzoo
from bmzoo.backends import registry

PACKAGE = Path(bmzoo.__file__).parent


def write_pages(folder: Path) -> list[Path]:
    """``NAME.md`` and an index."""
    folder.mkdir(exist_ok=True)
    names = sorted(registry.BUILT_IN)
    pages = []
    for name in names:
        pages.append(folder / f"{name}.md")
        pages[-1].write_text(page(name))
    toctree = "\n".join(["```{toctree}", *names, "```"])
    (folder / "index.md").write_text(f"# Backends\n\nWhich one? See [](../choosing.md).\n\n{toctree}\n")
    return pages


def page(name: str) -> str:
    """Markdown of one backend."""
    module, attribute = registry.BUILT_IN[name].split(":")
    backend = getattr(importlib.import_module(module), attribute)
    card = (PACKAGE / "backends" / name / "card.md").read_text()
    parts = [card.strip(), "## Settings", settings(backend.Config)]
    weights = sorted((PACKAGE / "weights" / name).glob("*/card.md"))
    if weights:
        parts.append("## Weights that come with bmzoo")
        parts += [_lowered(path.read_text()) for path in weights]
    return "\n\n".join(parts) + "\n"


def settings(config: type[BaseModel]) -> str:
    """A table of a config model: name, default, bounds, meaning."""
    lines = [
        "`--set NAME=VALUE`, or under `settings` of a training.",
        "",
        "| setting | default | allowed | |",
    ]
    lines.append("|---|---|---|---|")
    for name, found in config.model_json_schema()["properties"].items():
        default = "null" if found.get("default") is None else str(found["default"])
        meaning = found.get("description", "").replace("|", "\\|")
        lines.append(f"| `{name}` | {default} | {_allowed(found)} | {meaning} |")
    if len(lines) == 4:
        return "None."
    return "\n".join(lines)


def _allowed(found: dict[str, Any]) -> str:
    """Choices or bounds in a few characters."""
    if "anyOf" in found:
        return " or ".join(_allowed(part) or part["type"] for part in found["anyOf"])
    if "enum" in found:
        return ", ".join(map(str, found["enum"]))
    signs = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
    bounds = [sign.format(found[key]) for key, sign in signs.items() if key in found]
    return ", ".join(bounds) or ("true, false" if found.get("type") == "boolean" else "")


def _lowered(card: str) -> str:
    """A card as part of a page: its headings two levels down, without links to files that are not pages."""
    text = card.strip().replace("(../../../backends/", "(https://").replace("/card.md)", ")")
    lines = [f"##{line}" if line.startswith("#") else line for line in text.splitlines()]
    return "\n".join(lines)
