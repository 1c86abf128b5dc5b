"""Which backend to take, by what one has: worked out from the results of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence

from _common import table

from bmzoo.backends.registry import get_backend
from bmzoo.benchmark.results import Results, Row

AUC = "detectability/c2st_auc"
HAVE = {
    "none": "beads and a mapping",
    "library": "frames of the same molecules",
    "gradient": "weights",
}
"""What a backend needs, by ``Capabilities.fitting``."""
RULE = (
    "Of the rows of one kind, the cheapest that none of its kind beats in C2ST AUC (0.5: nobody can tell) by "
    "more than two standard errors; its AUC, and seconds a frame. Bold: the cheapest of a system, raw or "
    "refined, that no row beats so."
)


def choice_text(results: Results) -> str:
    """The decision table, a column a system, and how it was made.

    Only rows of the test set ``in_distribution`` that have the score take part.
    """
    rows = [row for row in results.rows if row.test_set == "in_distribution" and _known(row)]
    systems = list(dict.fromkeys((row.system, row.state) for row in rows))
    columns = [[row for row in rows if (row.system, row.state) == system] for system in systems]
    best = [cheapest_of_the_best(column) for column in columns]
    lines = []
    for fitting, have in HAVE.items():
        for raw in (True, False):
            cells = []
            for column, winner in zip(columns, best, strict=True):
                found = cheapest_of_the_best([r for r in column if _kind(r) == (fitting, raw)])
                cells.append("-" if found is None else _cell(found, bold=found is winner))
            lines.append([have if raw else f"{have}, and a force field", *cells])
    header = ["you have", *(f"{system}:{state}" for system, state in systems)]
    return f"{table(header, lines)}\n\n{RULE}"


def cheapest_of_the_best(rows: Sequence[Row]) -> Row | None:
    """The cheapest row that none beats by more than two standard errors of the difference."""

    def beaten(row: Row) -> bool:
        return any(_auc(row) - _auc(r) > 2 * (_error(r) ** 2 + _error(row) ** 2) ** 0.5 for r in rows)

    return min((row for row in rows if not beaten(row)), key=_seconds, default=None)


def _known(row: Row) -> bool:
    return row.scores.get(AUC, {}).get("value") is not None


def _auc(row: Row) -> float:
    return float(row.scores[AUC]["value"])


def _error(row: Row) -> float:
    return float(row.scores[AUC]["stderr"] or 0.0)


def _seconds(row: Row) -> float:
    return row.seconds / max(1, row.n_frames * row.n_samples)


def _kind(row: Row) -> tuple[str, bool]:
    return get_backend(row.backend).capabilities.fitting, row.refine == "none"


def _cell(row: Row, *, bold: bool) -> str:
    name = row.backend if row.refine == "none" else f"{row.backend}+{row.refine}"
    text = f"`{name}` {_auc(row):.2f}, {_seconds(row):.2g} s"
    return f"**{text}**" if bold else text
