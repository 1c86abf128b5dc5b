"""Prints the README's table from a benchmark's results: python benchmarks/readme_table.py results.json"""

from __future__ import annotations

import sys
from pathlib import Path

from bmzoo.benchmark.results import Results


def main(path: Path) -> None:
    """Markdown on standard output: the table, then where, when and with what it was made."""
    results = Results.read(path)
    header, rows = results.table()
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    machine = results.machine
    print(
        f"\n{results.created[:10]}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:.0f} GB, bmzoo {results.bmzoo}, seed {results.settings['seed']}."
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
