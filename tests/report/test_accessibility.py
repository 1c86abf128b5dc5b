"""WCAG 2.2, level AA, as far as a program can tell: contrast, names, the keyboard, motion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from browser import Browser

from bmzoo.report.page import PAGE_DARK, PAGE_LIGHT
from bmzoo.report.svg import DARK, LEVELS, LIGHT

SCHEMES = pytest.mark.parametrize("colors", [LIGHT | PAGE_LIGHT, DARK | PAGE_DARK], ids=["light", "dark"])
BACKENDS = [f"c{k}" for k in range(1, 9)]
TAB = "\ue004"

TEXTS = """
const canvas = document.createElement('canvas');
canvas.width = canvas.height = 1;
const context = canvas.getContext('2d', { willReadFrequently: true });
const seen = new Map(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
  if (!text || element.closest('script, style, noscript, title')) continue;
  const style = getComputedStyle(element), behind = [];
  for (let e = element; e; e = e.parentElement) behind.unshift(getComputedStyle(e).backgroundColor);
  const level = [...element.classList].find(name => /^t\\d$/.test(name));
  if (level) behind.push(style.getPropertyValue(`--h${level[1]}`));
  const color = element.closest('svg') ? style.fill : style.color;
  const key = [...new Set([...behind, color])].join('|');
  if (!seen.has(key)) seen.set(key, { text: text.slice(0, 40), behind, color });
}
return [...seen.values()].map(({ text, behind, color }) => {
  const painted = [behind, [color]].map(colors => {
    for (const c of colors) { context.fillStyle = c; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  });
  return [text, ...painted];
});
"""

FOCUS = """
const focusable = "a[href], button, select, input, summary, [tabindex]", wrong = [];
const shown = [...document.querySelectorAll(focusable)].filter(e => e.checkVisibility());
for (const element of shown) {
  element.focus({ preventScroll: true });
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const visible = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  if (document.activeElement !== element || element.tabIndex !== 0 || !visible)
    wrong.push(`${element.outerHTML.slice(0, 90)} ${outlineStyle} ${outlineWidth}`);
}
return [shown.length, wrong];
"""

SMALL = """
const wrong = [];
for (const element of document.querySelectorAll('button, select, input, summary, a[href^="#def"]')) {
  if (!element.checkVisibility()) continue;
  const around = element.closest('label') || element, { width, height } = around.getBoundingClientRect();
  if (Math.min(width, height) < 23.9) wrong.push(`${element.outerHTML.slice(0, 90)} ${width} x ${height}`);
}
return wrong;
"""


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Of two colours, red, green and blue from 0 to 255; 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color: tuple[float, ...]) -> float:
    parts = (part / 255 for part in color)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rgb(color: str) -> tuple[float, ...]:
    return tuple(int(color[k : k + 2], 16) for k in (1, 3, 5))


@SCHEMES
def test_text_stands_out_from_what_is_behind(colors: dict[str, str]) -> None:
    """1.4.3: 4.5 to 1, also on rows under the mouse and on the cells of a heat map."""
    pairs = [*product(("ink", "muted", "link", *BACKENDS), ("surface", "page", "hover"))]
    pairs += [(f"t{k}", f"h{k}") for k in range(LEVELS)]
    low = {pair: contrast(*(_rgb(colors[name]) for name in pair)) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < 4.5} == {}


@SCHEMES
def test_shapes_stand_out_from_what_is_behind(colors: dict[str, str]) -> None:
    """1.4.11: 3 to 1 for edges of controls, the focus, outlines of areas, lines over the reference."""
    pairs = [*product(("edge", "link", "floor", "muted"), ("surface", "page"))]
    pairs += [("bead", "surface"), *((name, "ref") for name in BACKENDS)]
    low = {pair: contrast(*(_rgb(colors[name]) for name in pair)) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < 3} == {}


def test_language_title_and_what_rows_are_called(page: Path) -> None:
    """3.1.1, 2.4.2, and 1.4.1: beside every colour stands a name."""
    text = page.read_text()
    assert '<html lang="en">' in text
    assert re.search("<title>bmzoo: .{9,}</title>", text)
    chips = re.findall(r'<span class="chip row"[^>]*data-backend="(\w+)">(.*?)</span>', text)
    assert len(chips) > 20
    assert all(backend in chip for backend, chip in chips if "swatch" in chip)
    rows = re.findall(r'<g class="row"[^>]*>(<title>)?', text)
    assert rows
    assert all(rows)


@pytest.fixture
def opened(browser: Browser, page: Path) -> Iterator[Browser]:
    browser.resize(1280, 900)
    browser.scheme("light")
    browser.open(page)
    browser.run("document.querySelectorAll('details').forEach(found => found.open = true)")
    browser.run("document.querySelector('input[name=refine][value=all]').click()")
    yield browser
    browser.scheme("light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_on_the_page_stands_out(opened: Browser, scheme: str) -> None:
    opened.scheme(scheme)
    found = opened.run(TEXTS)
    assert len(found) > 10
    low = [(text, contrast(color, behind)) for text, behind, color in found]
    assert [(text, value) for text, value in low if value < 4.5] == []


def test_everything_has_a_name(opened: Browser) -> None:
    """4.1.2, by the tree that a screen reader is given."""
    nodes = opened.devtools("Accessibility.getFullAXTree")["nodes"]
    named = {"button", "link", "checkbox", "radio", "combobox", "img", "image", "region", "application"}
    named |= {"navigation", "table", "heading", "form", "group"}
    found = [n for n in nodes if not n["ignored"] and n["role"]["value"] in named]
    assert {n["role"]["value"] for n in found} >= {
        "button",
        "link",
        "checkbox",
        "radio",
        "combobox",
        "heading",
    }
    nameless = [n["role"]["value"] for n in found if not n.get("name", {}).get("value", "").strip()]
    assert [role for role in nameless if role not in ("group", "table")] == []


def test_the_keyboard_goes_everywhere_and_shows_where(opened: Browser) -> None:
    """2.1.1, 2.4.7: what can be clicked can be focused, in the order of the page, with an outline."""
    opened.press(TAB)
    number, wrong = opened.run(FOCUS)
    assert number > 40
    assert wrong == []
    opened.run("document.querySelector('[data-move=\"+\"]').focus()")
    opened.press(TAB)
    assert opened.run("return document.activeElement.dataset.move") == "-"


def test_targets_are_large_enough(opened: Browser) -> None:
    """2.5.8: 24 pixels either way."""
    assert opened.run(SMALL) == []


def test_nothing_moves_for_those_who_want_none_of_it(opened: Browser) -> None:
    behaviour = "return getComputedStyle(document.documentElement).scrollBehavior"
    assert opened.run(behaviour) == "smooth"
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    opened.devtools("Emulation.setEmulatedMedia", features=features)
    assert opened.run(behaviour) == "auto"
    running = "return document.getAnimations().length"
    assert opened.run(running) == 0
