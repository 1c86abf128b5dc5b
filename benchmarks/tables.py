"""Writes the tables of README.md, docs/ and the cards of backends from the results that are committed.

    python benchmarks/tables.py                        # rewrites all of them
    python benchmarks/tables.py --check                # says which differ from their results
    python benchmarks/tables.py --add OUT/results.json # keeps a benchmark's results, and tells its name

A table stands between ``<!-- table: FILE.json -->``, with the file's path from the root of the repository,
and ``<!-- end -->``. Instead of ``table``, for results of a benchmark: ``overview``, one score of every row,
a column a system; ``choice``, which backend to take. ``FILE.json backend=NAME`` keeps one backend's rows.
Results of ``bmzoo benchmark`` are kept in benchmarks/results, those of the experiments in docs.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from _choice import choice_text, overview
from _common import hardware, new_parser, refusals, table
from _morphing_text import morphing_text
from _scoring import experiment_text
from _temporal_text import temporal_text
from boltzmann_weights import weights_text
from landscapes import landscape_text
from report_page import page_text
from speed import speed_text
from stability import stability_text

from bmzoo.benchmark.results import Results
from bmzoo.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(
    r"(<!-- (table|overview|choice): (\S+)(?: backend=(\S+))? -->\n).*?(<!-- end -->)", re.DOTALL
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where tables differ")
    parser.add_argument("--add", type=Path, metavar="FILE", help="results of a benchmark to keep")
    options = parser.parse_args(arguments)
    if options.add is not None:
        print(kept(options.add).relative_to(ROOT))
        return
    stale = [page for page in pages() if updated(page) != page.read_text()]
    for page in stale:
        if not options.check:
            page.write_text(updated(page))
        print(f"{page.relative_to(ROOT)}: {'differs from its results' if options.check else 'rewritten'}")
    if stale and options.check:
        sys.exit("run 'python benchmarks/tables.py'")


def pages() -> list[Path]:
    """Every page that may hold tables, but for those that docs/conf.py makes of the cards."""
    docs = (page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "backends")
    return [ROOT / "README.md", *sorted(docs), *sorted((ROOT / "bmzoo" / "backends").rglob("card.md"))]


def updated(page: Path) -> str:
    """A page's text with its tables as the results give them.

    Raises:
        InputError: a table whose results are missing or no results.
    """
    return BLOCK.sub(
        lambda found: f"{found[1]}{markdown(ROOT / found[3], found[2], found[4])}\n{found[5]}",
        page.read_text(),
    )


def markdown(path: Path, kind: str = "table", backend: str | None = None) -> str:
    """Table of a results file, with the machine, the date and the seed below it; or the decision table.

    Raises:
        InputError: no results, or none of the backend.
    """
    if kind != "table" or backend is not None:
        results = Results.read(path)
        rows = [row for row in results.rows if backend in (None, row.backend)]
        if not rows:
            raise InputError(f"{path} has no row of the backend '{backend}'")
        return BENCHMARK_TEXTS[kind](replace(results, rows=rows))
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} holds no results ({error})") from None
    if "experiment" in found:
        return EXPERIMENT_TEXTS.get(found["experiment"], experiment_text)(found)
    if "schema" in found:
        return benchmark_text(Results.read(path))
    return weights_text(found) if "samples" in found else speed_text(found)


def benchmark_text(results: Results) -> str:
    """The summary of ``bmzoo benchmark``."""
    return f"{table(*results.table())}\n\n{_made(results)}"


def overview_text(results: Results) -> str:
    """Its most telling score, and how it was made."""
    return f"{overview(results)}\n\n{_made(results)}"


EXPERIMENT_TEXTS = {
    "landscapes": landscape_text,
    "morphing": morphing_text,
    "report_page": page_text,
    "stability": stability_text,
    "temporal": temporal_text,
}
BENCHMARK_TEXTS = {"table": benchmark_text, "overview": overview_text, "choice": choice_text}


def _made(results: Results) -> str:
    """Date, machine, version and seed."""
    made = f"{results.created[:10]}, {hardware(results.machine)}"
    line = f"{made}, bmzoo {results.bmzoo}, seed {results.settings['seed']}."
    if clock := results.settings.get("clock"):
        line += f" {clock}; {results.settings['frames']} frames, one sample of each."
    return line


def kept(source: Path) -> Path:
    """A copy among the committed results, named after date and processor, without scores of single classes.

    Raises:
        InputError: no results of a benchmark.
    """
    results = Results.read(source)
    processor = re.sub(r"[^A-Za-z0-9]+", "-", str(results.machine["processor"])).strip("-")
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{results.created[:10]}-{processor}.json"
    data: dict[str, Any] = results.as_dict()
    data["settings"].pop("output", None)
    for row in data["rows"]:
        row["scores"] = {key: score for key, score in row["scores"].items() if "[" not in key}
    target.write_text(json.dumps(data, separators=(",", ":")) + "\n")
    return target


if __name__ == "__main__":
    with refusals():
        main()
