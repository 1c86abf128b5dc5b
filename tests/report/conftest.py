"""One small real benchmark, its report, and a browser for everything that looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, missing

from bmzoo.benchmark.plan import Settings
from bmzoo.benchmark.run import run
from bmzoo.report.page import write_report

BACKENDS = ("geometric", "fragments")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the benchmark makes of four frames of adp, with its report."""
    output = tmp_path_factory.mktemp("report") / "out"
    run(
        Settings(
            systems=("adp",),
            backends=BACKENDS,
            frames=4,
            samples=2,
            refine=("none", "thermalise:0.01"),
            output=output,
        )
    )
    write_report(output)
    return output


@pytest.fixture(scope="session")
def page(folder: Path) -> Path:
    return folder / "report.html"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Skips where there is none."""
    if reason := missing():
        pytest.skip(reason)
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found
