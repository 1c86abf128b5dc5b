"""Writes the tables of README.md and docs/ from the results that are committed.

    python benchmarks/tables.py                        # rewrites all of them
    python benchmarks/tables.py --check                # says which differ from their results
    python benchmarks/tables.py --add OUT/results.json # keeps a benchmark's results, and tells its name

A table stands between ``<!-- table: FILE.json -->``, with the file's path from the root of the repository,
and ``<!-- end -->``; ``choice`` instead of ``table``: which backend to take by a benchmark's scores. Results
of ``bmzoo benchmark`` are kept in benchmarks/results, those of the experiments in docs.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _choice import choice_text
from _common import new_parser, refusals, table
from _scoring import experiment_text
from _temporal_text import temporal_text
from boltzmann_weights import weights_text
from speed import speed_text

from bmzoo.benchmark.results import Results
from bmzoo.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- (table|choice): (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


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
    """Every page that may hold tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def updated(page: Path) -> str:
    """A page's text with its tables as the results give them.

    Raises:
        InputError: a table whose results are missing or no results.
    """
    return BLOCK.sub(
        lambda found: f"{found[1]}{markdown(ROOT / found[3], found[2])}\n{found[4]}", page.read_text()
    )


def markdown(path: Path, kind: str = "table") -> str:
    """Table of a results file, with the machine, the date and the seed below it; or the decision table."""
    if kind == "choice":
        return choice_text(Results.read(path))
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} holds no results ({error})") from None
    if found.get("experiment") == "temporal":
        return temporal_text(found)
    if "experiment" in found:
        return experiment_text(found)
    if "schema" in found:
        return benchmark_text(Results.read(path))
    return weights_text(found) if "samples" in found else speed_text(found)


def benchmark_text(results: Results) -> str:
    """The summary of ``bmzoo benchmark``."""
    where = results.machine
    hardware = f"{where['processor']}, {where['cores']} cores, {where['memory_gb']:.0f} GB"
    line = f"{results.created[:10]}, {hardware}, bmzoo {results.bmzoo}, seed {results.settings['seed']}."
    if clock := results.settings.get("clock"):
        line += f" {clock}; {results.settings['frames']} frames, one sample of each."
    return f"{table(*results.table())}\n\n{line}"


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
