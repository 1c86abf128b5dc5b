"""``bmzoo report`` and ``bmzoo compare``: results as a page, and two results side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bmzoo.cli.console import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from bmzoo.benchmark.compare import Change, Comparison


SLOWER = 0.1
"""Times have no standard error; what differs by less is not worth a line."""


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(report)
    app.command()(compare)


def report(
    folder: Annotated[Path, typer.Argument(help="What 'bmzoo benchmark' made.")],
) -> None:
    """Write report.html and figures/*.svg into a results folder, anew."""
    from bmzoo.report.page import write_report

    typer.echo(f"report: {write_report(folder)}")


def compare(
    before: Annotated[Path, typer.Argument(help="results.json, or its folder.")],
    after: Annotated[Path, typer.Argument(help="The other results.json, or its folder.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Every score, not only what changed and the headline.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what changed between two benchmarks, and whether it is more than chance.

    Significant: at a false discovery rate of 5 % over all scores, by their standard errors.
    """
    from bmzoo.benchmark.compare import compare_results
    from bmzoo.benchmark.results import Results

    found = compare_results(*(Results.read(_file(path)) for path in (before, after)))
    if as_json:
        print_json(found.as_dict())
        return
    for name, (one, other) in found.conditions.items():
        typer.echo(f"{name}: {_said(one)} -> {_said(other)}")
    for where, rows in (("first", found.only_before), ("second", found.only_after)):
        for key in rows:
            typer.echo(f"only in the {where}: {_place(key)}")
    _tables(found, everything)


def _tables(found: Comparison, everything: bool) -> None:
    header = ["row", "score", "before", "after", "difference", "+-", "verdict"]
    headline = [c for c in found.headline if c.verdict != "same"]
    tables = {
        "headline": headline,
        "other significant changes": [c for c in found.significant if c not in headline],
    }
    if everything:
        tables = {"all scores": found.changes}
    for title, changes in tables.items():
        if changes:
            print_table(title, header, [_line(c) for c in changes])
    seconds = [
        [_place(key), f"{one:.3g}", f"{other:.3g}", f"{other / one:.2f}" if one else "-"]
        for key, one, other in found.cost
        if everything or abs(other - one) > SLOWER * one
    ]
    if seconds:
        title = "seconds a frame" + ("" if everything else f", where they differ by over {SLOWER:.0%}")
        print_table(title, ["row", "before", "after", "after/before"], seconds)
    typer.echo(_summary(found))


def _summary(found: Comparison) -> str:
    same = sum(c.verdict == "same" for c in found.changes)
    tested = sum(c.significant is not None for c in found.changes)
    changed = [c.verdict for c in found.significant]
    if not found.cost:
        return "the two have no row in common: nothing is compared"
    if same == len(found.changes):
        return f"{len(found.cost)} rows in both, all their {same} scores are the same"
    return (
        f"{len(found.cost)} rows in both; {same} of their {len(found.changes)} scores are the same; "
        f"of {tested} with a standard error {len(changed)} changed significantly: "
        f"{changed.count('better')} better (nearer to the floor), {changed.count('worse')} worse, "
        f"{changed.count('changed')} without a floor"
    )


def _said(condition: object) -> str:
    return "not recorded" if condition is None else str(condition)


def _line(change: Change) -> list[str]:
    error = "" if change.stderr is None else f"{change.stderr:.1g}"
    unsure = {True: "", False: " (not significant)", None: " (no standard error)"}[change.significant]
    verdict = change.verdict + ("" if change.verdict == "same" else unsure)
    numbers = (f"{value:.4g}" for value in (change.before, change.after, change.difference))
    return [_place(change.row), change.score, *numbers, error, verdict]


def _place(key: tuple[str, ...]) -> str:
    from bmzoo.benchmark.results import place

    system, state, test_set, backend, refine = key
    return f"{place(system, state, test_set)} {backend} {refine}"


def _file(path: Path) -> Path:
    return path / "results.json" if path.is_dir() else path
