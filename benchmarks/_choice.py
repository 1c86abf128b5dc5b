"""A benchmark in few cells: C2ST AUC and price of every row, and which backend to take by what one has."""

from __future__ import annotations

from collections.abc import Sequence

from _common import table

from bmzoo.backends.registry import get_backend
from bmzoo.benchmark.results import Results, Row, off_floor

AUC = "detectability/c2st_auc"
HAVE = {
    "none": "beads and a mapping",
    "library": "frames of the same molecules",
    "gradient": "weights",
}
"""What a backend needs, by ``Capabilities.fitting``."""
RULE = (
    "A cell: of the methods of its kind whose C2ST AUC is within two standard errors of the one nearest to "
    "the floor, the cheapest; its AUC (0.5: no classifier can tell the frames from real ones), and seconds a "
    "frame. Bold: the same of all methods for a system."
)


def choice_text(results: Results) -> str:
    """The decision table, a column a system, and how it was made.

    Only rows of the test set ``in_distribution`` that have the score take part.
    """
    columns = _columns(results)
    best = [cheapest_of_the_best(column) for column in columns.values()]
    lines = []
    for fitting, have in HAVE.items():
        for raw in (True, False):
            cells = []
            for column, winner in zip(columns.values(), best, strict=True):
                found = cheapest_of_the_best([r for r in column if _kind(r) == (fitting, raw)])
                cells.append("-" if found is None else _cell(found, bold=found is winner))
            lines.append([have if raw else f"{have}, and a force field", *cells])
    return f"{table(['you have', *columns], lines)}\n\n{RULE}"


def overview(results: Results) -> str:
    """C2ST AUC and seconds a frame: a line for every backend, raw and refined, a column a system.

    Rows are those that ``choice_text`` takes. The first line is the floor.
    """
    columns = _columns(results)
    floors = [f"{column[0].scores[AUC]['floor']:.2f}" for column in columns.values()]
    cells = [{_name(row): _numbers(row) for row in column} for column in columns.values()]
    names = dict.fromkeys(_name(row) for row in results.rows)
    lines = [[f"`{name}`", *(found.get(name, "-") for found in cells)] for name in names]
    shown = [line for line in lines if set(line[1:]) != {"-"}]
    return table(["C2ST AUC, time a frame", *columns], [["floor", *floors], *shown])


def _columns(results: Results) -> dict[str, list[Row]]:
    """Rows of held-out frames that have the score, by system."""
    columns: dict[str, list[Row]] = {}
    for row in results.rows:
        if row.test_set == "in_distribution" and row.scores.get(AUC, {}).get("value") is not None:
            columns.setdefault(row.place, []).append(row)
    return columns


def cheapest_of_the_best(rows: Sequence[Row]) -> Row | None:
    """The cheapest row to which none is nearer to the floor by two standard errors of the difference."""

    def beaten(row: Row) -> bool:
        return any(_off(row) - _off(r) > 2 * (_error(r) ** 2 + _error(row) ** 2) ** 0.5 for r in rows)

    return min((row for row in rows if not beaten(row)), key=_seconds, default=None)


def _auc(row: Row) -> float:
    return float(row.scores[AUC]["value"])


def _off(row: Row) -> float:
    distance = off_floor(row.scores[AUC])
    return _auc(row) if distance is None else distance


def _error(row: Row) -> float:
    return float(row.scores[AUC]["stderr"] or 0.0)


def _seconds(row: Row) -> float:
    return row.seconds / max(1, row.n_frames * row.n_samples)


def _kind(row: Row) -> tuple[str, bool]:
    return get_backend(row.backend).capabilities.fitting, row.refine == "none"


def _name(row: Row) -> str:
    return row.backend if row.refine == "none" else f"{row.backend}+{row.refine}"


def _numbers(row: Row) -> str:
    return f"{_auc(row):.2f}, {_seconds(row):.2g} s"


def _cell(row: Row, *, bold: bool) -> str:
    text = f"`{_name(row)}` {_numbers(row)}"
    return f"**{text}**" if bold else text
