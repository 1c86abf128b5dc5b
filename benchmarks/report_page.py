"""How long a benchmark's report takes to write, how large it is, and how long a browser takes to open it.

    python benchmarks/report_page.py FOLDER

FOLDER is what ``bmzoo benchmark`` made; it is copied, not touched. The page is opened from disk in a headless
Chromium without a graphics card, each time with a new profile. Writes opening.json into --output.
"""

from __future__ import annotations

import importlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from _common import new_parser, provenance, provenance_line, refusals, table, write_json

from bmzoo.errors import InputError
from bmzoo.report.page import write_report

DRIVER = Path(__file__).resolve().parents[1] / "tests" / "report"
LOADED = "return performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"
PAINTED = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000"
TO_THE_VIEW = "document.getElementById('stage').scrollIntoView({behavior: 'instant'})"
DRAWN = "return document.querySelector('#stage canvas') && document.getElementById('caption').innerText"
COLUMNS = {
    "written, s": "write",
    "MB": "megabytes",
    "elements": "elements",
    "first text, s": "painted",
    "opened, s": "loaded",
    "3-D view after scrolling to it, s": "drawn",
}


def driver() -> ModuleType:
    """What drives the browser in the tests of the report."""
    if str(DRIVER) not in sys.path:
        sys.path.append(str(DRIVER))
    return importlib.import_module("browser")


def opening(page: Path) -> dict[str, float]:
    """Seconds of one opening in a new browser."""
    with tempfile.TemporaryDirectory() as profile, driver().Browser(Path(profile)) as browser:
        browser.open(page)
        found = {"painted": browser.wait(PAINTED), "loaded": browser.run(LOADED)}
        found["elements"] = browser.run("return document.querySelectorAll('*').length")
        began = time.perf_counter()
        browser.run(TO_THE_VIEW)
        browser.wait(DRAWN)
        return {**found, "drawn": time.perf_counter() - began}


def measure(folder: Path, repeats: int) -> dict[str, Any]:
    """Medians over the openings.

    Raises:
        InputError: no browser.
    """
    if reason := driver().missing():
        raise InputError(f"{reason}: the page cannot be opened")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "results"
        shutil.copytree(folder, copy)
        began = time.perf_counter()
        page = write_report(copy)
        found: dict[str, Any] = {"write": time.perf_counter() - began}
        found["megabytes"] = page.stat().st_size / 1e6
        openings = [opening(page) for _ in range(repeats)]
    return {**found, **{key: statistics.median(one[key] for one in openings) for key in openings[0]}}


def page_text(found: dict[str, Any]) -> str:
    """The table and how it was made."""
    row = [f"{found['figures'][key]:,.0f}" if key == "elements" else f"{found['figures'][key]:.2f}"
           for key in COLUMNS.values()]  # fmt: skip
    said = f"{found['rows']} rows of {', '.join(found['systems'])}; median of {found['repeats']} openings"
    return f"{table(list(COLUMNS), [row])}\n\n{said}. {provenance_line(found)}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__, output=Path("docs/report"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3, help="openings (default %(default)s)")
    options = parser.parse_args(arguments)
    with refusals():
        run(options.folder, options.repeats, options.output)


def run(folder: Path, repeats: int, output: Path) -> None:
    """Prints the table, writes the numbers."""
    from bmzoo.benchmark.results import Results

    results = Results.read(folder / "results.json")
    found = {
        "experiment": "report_page",
        **provenance(seed=results.settings["seed"], threads=1, weights="none"),
        "rows": len(results.rows),
        "systems": list(dict.fromkeys(row.place for row in results.rows)),
        "repeats": repeats,
        "figures": measure(folder, repeats),
    }
    write_json(output / "opening.json", found)
    print(page_text(found))


if __name__ == "__main__":
    main()
