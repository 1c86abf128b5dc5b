"""Links of README, documentation and cards, as a reader of the repository follows them."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

import pytest
import shown

LINK = re.compile(r"(?<!!)\[[^]]*]\(([^)\s]+)\)|!\[[^]]*]\(([^)\s]+)\)")
FILES = [*shown.PAGES, *sorted(shown.ROOT.glob("bmzoo/coarse/weights/*/card.md"))]


@cache
def anchors(page: Path) -> frozenset[str]:
    """What GitHub and MyST call the headings of a page."""
    headings = re.findall(r"^#+ +(.*?) *$", shown.FENCED.sub("", page.read_text()), re.MULTILINE)
    plain = (re.sub(r"[`*]|\[([^]]*)]\([^)]*\)", r"\1", heading) for heading in headings)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain)


@pytest.mark.parametrize("page", FILES, ids=lambda page: str(page.relative_to(shown.ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", shown.FENCED.sub("", page.read_text()))
    for target in (one or other for one, other in LINK.findall(text)):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), f"{target}: there is no such file"
        assert shown.ROOT / "docs" / "backends" not in found.parents, f"{target} is not in the repository"
        assert not anchor or anchor in anchors(found), f"{target}: no such heading"


def test_cards_are_pages_of_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(shown.ROOT / "docs"))
    linked = importlib.import_module("backend_pages").linked_page
    assert linked("[a](../bmzoo/backends/fragments/card.md)") == "[a](backends/fragments.md)"
    weights = "[a](../bmzoo/weights/voxel_gan/sps-568K/card.md)"
    assert linked(weights) == "[a](backends/voxel_gan.md#voxel_gansps-568k)"
    assert linked("[a](../bmzoo/backends)") == "[a](backends/index.md)"
