"""The page in a real browser, opened from disk. Pictures are kept in ``screenshots/``, which git ignores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser

SHOTS = Path(__file__).parents[2] / "screenshots"
ENTER = "\ue007"


@pytest.fixture
def opened(browser: Browser, page: Path) -> Iterator[Browser]:
    """The page, freshly opened on a wide screen; nobody may have complained when the test is over."""
    browser.resize(1280, 900)
    browser.scheme("light")
    browser.console()
    browser.requests()
    browser.open(page)
    yield browser
    assert browser.console() == []
    assert [
        url for url in browser.requests() if not url.startswith(("file:", "data:", "blob:", "chrome:"))
    ] == []


def _column(browser: Browser, number: int) -> list[str]:
    rows = "[...document.querySelectorAll('#table-raw tbody tr')]"
    return browser.run(f"return {rows}.map(row => row.cells[arguments[0]].dataset.v)", number)


def test_sorting_by_click_and_by_key(opened: Browser) -> None:
    opened.screenshot(SHOTS / "top-light.png")
    heads = opened.run("return [...document.querySelectorAll('#table-raw thead th')].map(h => h.innerText)")
    column = next(k for k, head in enumerate(heads) if "C2ST" in head)
    button = f"document.querySelectorAll('#table-raw thead button')[{column}]"
    opened.run(f"{button}.click()")
    values = [float(v) for v in _column(opened, column)]
    assert len(values) == 2
    assert values == sorted(values)
    opened.run(f"{button}.focus()")
    opened.press(ENTER)
    assert [float(v) for v in _column(opened, column)] == sorted(values, reverse=True)
    state = opened.run(f"return {button}.closest('th').getAttribute('aria-sort')")
    assert state == "descending"


def test_filters_choose_what_the_figures_show(opened: Browser) -> None:
    seen = "return document.querySelectorAll('section[aria-labelledby=systems] g.row:not(.hidden)').length"
    raw = opened.run(seen)
    opened.run("document.querySelector('input[name=refine][value=all]').click()")
    assert opened.run(seen) == 2 * raw > 0
    opened.run("document.querySelector('input[name=backend]').click()")
    assert opened.run(seen) == raw


def test_the_view_draws_and_turns(opened: Browser) -> None:
    """Pixels of the canvas, read from pictures of the screen, differ from the empty one and on turning."""
    # Without a graphics card every pixel costs.
    opened.resize(480, 640)
    opened.run("document.getElementById('stage').scrollIntoView({block: 'center', behavior: 'instant'})")
    opened.wait(
        "return document.querySelector('#stage canvas') && document.getElementById('caption').innerText"
    )
    first = _colors(opened, "3d-atoms.png")
    assert len(set(first)) > 50
    opened.run("document.getElementById('stage').focus()")
    opened.press("\ue014")
    second = _colors(opened, "3d-turned.png")
    assert first != second
    choose = "const s = document.getElementById(arguments[0]); s.value = arguments[1];"
    opened.run(f"{choose} s.dispatchEvent(new Event('change'))", "pick-mode", "samples")
    assert second != _colors(opened, "3d-samples.png")
    assert "2 samples" in opened.run("return document.getElementById('caption').innerText")


def _colors(browser: Browser, name: str) -> list[int]:
    """The canvas as the page itself sees it, made small; a picture is kept beside."""
    browser.screenshot(SHOTS / name)
    return browser.run(
        """
        const shown = document.querySelector('#stage canvas'), flat = document.createElement('canvas');
        [flat.width, flat.height] = [80, 80];
        const context = flat.getContext('2d');
        viewerRedraw();
        context.drawImage(shown, 0, 0, 80, 80);
        const data = context.getImageData(0, 0, 80, 80).data, found = [];
        for (let k = 0; k < data.length; k += 4) found.push(data[k] << 16 | data[k + 1] << 8 | data[k + 2]);
        return found;
        """
    )


def test_both_colour_schemes(opened: Browser) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    light = opened.run(background)
    opened.scheme("dark")
    dark = opened.run(background)
    opened.screenshot(SHOTS / "top-dark.png")
    assert light != dark
    opened.run("document.getElementById('scheme').click()")
    assert opened.run(background) == light
    opened.run("document.getElementById('scheme').click()")
    assert opened.run(background) == dark


def test_a_phone_scrolls_down_only(opened: Browser) -> None:
    opened.resize(400, 800)
    assert opened.run("return document.documentElement.scrollWidth") <= 400
    opened.screenshot(SHOTS / "phone.png")
    opened.run("document.getElementById('systems').scrollIntoView({behavior: 'instant'})")
    opened.screenshot(SHOTS / "phone-systems.png")


def test_on_a_phone_names_stay_in_sight_and_figures_are_swiped_through(opened: Browser) -> None:
    opened.resize(400, 800)
    left = "document.querySelector('#table-raw tbody td').getBoundingClientRect().left"
    before = opened.run(f"return {left}")
    assert before < 200
    opened.run("document.querySelector('#table-raw').parentElement.scrollLeft = 300")
    assert abs(opened.run(f"return {left}") - before) < 120
    tops = (
        "[...document.querySelector('.figures:not(.wide)').children].map(f => f.getBoundingClientRect().top)"
    )
    assert len(set(opened.run(f"return {tops}"))) == 1


def test_print_is_light_and_whole(opened: Browser) -> None:
    opened.run("document.documentElement.dataset.scheme = 'dark'")
    dark = opened.run("return getComputedStyle(document.body).color")
    opened.devtools("Emulation.setEmulatedMedia", media="print", features=[])
    shown = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert opened.run(shown, "body", "color") == "rgb(28, 39, 51)" != dark
    assert opened.run(shown, "section[aria-labelledby=frames]", "display") == "none"
    assert opened.run(shown, ".scroll", "overflowX") == "visible"
    assert opened.run(shown, "figure", "breakInside") == "avoid"
    opened.devtools("Emulation.setEmulatedMedia", media="", features=[])


def test_the_first_key_offers_to_skip_to_the_scores(opened: Browser) -> None:
    opened.press("\ue004")
    assert opened.run("return document.activeElement.className") == "skip"
