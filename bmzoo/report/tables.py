"""The headline tables and the table of all scores."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bmzoo.benchmark.results import COLUMNS, ROUNDING, off_floor
from bmzoo.evaluation.definitions import definition_of
from bmzoo.report.markup import filterable, short, swatch
from bmzoo.report.source import Entry, Part, Source

NEGLIGIBLE = {"consistency/cg_rmsd": 1e-5}
"""What is smaller says how files and single precision round, not how good a backend is (nm)."""


def headline(source: Source) -> str:
    """Raw rows in one table, refined rows in another."""
    parts = []
    for key, caption, raw in (
        ("raw", "Raw: frames as the backends draw them", True),
        (
            "refined",
            "Refined: the same frames minimised or thermalised (by default 0.1 ps of MD), the beads held",
            False,
        ),
    ):
        chosen = [(p, e) for p in source.parts for e in p.entries if e.raw is raw]
        if chosen:
            parts.append(_table(key, caption, chosen))
    return "".join(parts)


def _table(key: str, caption: str, rows: Sequence[tuple[Part, Entry]]) -> str:
    heads = [_head("system"), _head("backend"), *([] if key == "raw" else [_head("refinement")])]
    heads += [_head(name, _link(score)) for name, score in COLUMNS.items()]
    heads.append(_head("s/frame", '<a href="#def-cost" aria-label="definition of s/frame">?</a>'))
    best = _best(rows)
    body = "".join(_row(part, entry, best) for part, entry in rows)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f'<table class="sortable" id="table-{key}"><caption><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _head(name: str, link: str = "") -> str:
    cls = "n" if link else ""
    return (
        f'<th scope="col" class="{cls}" aria-sort="none"><button type="button">{escape(name)}'
        f'<span class="arrow" aria-hidden="true"></span></button>{link}</th>'
    )


def _link(score: str) -> str:
    found = definition_of(score)
    return f'<a href="#def-{found.key}" aria-label="definition of {escape(score)}">?</a>' if found else ""


def _row(part: Part, entry: Entry, best: dict[str, set[int]]) -> str:
    row = entry.row
    cells = [
        f'<th scope="row" data-v="{escape(part.label)}"><a href="#{part.key}">{escape(part.label)}</a></th>',
        f'<td data-v="{escape(row.backend)}">{swatch(entry)}{escape(row.backend)}</td>',
    ]
    if not entry.raw:
        cells.append(f'<td data-v="{escape(row.refine)}">{escape(row.refine)}{_kept_raw(entry)}</td>')
    for score in COLUMNS.values():
        cells.append(_score_cell(entry, score, id(entry) in best[score]))
    seconds = entry.seconds_per_frame
    cells.append(f'<td class="n" data-v="{seconds:.6g}">{short(seconds)}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _kept_raw(entry: Entry) -> str:
    """How many frames are no better than the raw ones, whatever the row is called."""
    failed, row = len(entry.row.failed_frames), entry.row
    return f'<span class="floor">{failed} of {row.n_frames * row.n_samples} kept raw</span>' if failed else ""


def _score_cell(entry: Entry, name: str, is_best: bool) -> str:
    score = entry.row.scores.get(name)
    if score is None or score["value"] is None:
        return '<td class="n" data-v="">–</td>'
    value = short(_rounded(score["value"]))
    # An error that no digit shown could tell says nothing.
    if abs(score["value"]) < NEGLIGIBLE.get(name, 0.0):
        value = f"&lt; {short(NEGLIGIBLE[name])}" if _rounded(score["value"]) else "0"
    elif (score["stderr"] or 0.0) > 0.0005 * abs(score["value"]):
        value += f'<span class="pm"> ± {short(score["stderr"], 1)}</span>'
    if is_best:
        value = f"<strong>{value}</strong>"
    floor = ""
    if score["floor"] is not None:
        floor = f'<span class="floor">floor {short(_rounded(score["floor"]), 2)}</span>'
    return f'<td class="n" data-v="{score["value"]:.9g}">{value}{floor}</td>'


def _rounded(value: float) -> float:
    return 0.0 if abs(value) < ROUNDING else value


def _best(rows: Sequence[tuple[Part, Entry]]) -> dict[str, set[int]]:
    """Entries of each system, where several compete, that the best one does not beat beyond doubt.

    The best is nearest to its floor: fewer overlaps than real frames have are no merit. Beyond doubt:
    nearer by more than two standard errors of the difference.
    """
    found: dict[str, set[int]] = {score: set() for score in COLUMNS.values()}
    for part in dict.fromkeys(id(p) for p, _ in rows):
        entries = [e for p, e in rows if id(p) == part]
        for score, chosen in found.items():
            given = [e for e in entries if e.score(score) is not None]
            if len(given) < 2:
                continue
            far = {id(e): _distance(e, score) for e in given}
            top = min(given, key=lambda e: far[id(e)])
            doubt = NEGLIGIBLE.get(score, ROUNDING)
            near = [
                id(e) for e in given if far[id(e)] - far[id(top)] <= max(doubt, 2 * _spread(e, top, score))
            ]
            if len(near) < len(given):
                chosen.update(near)
    return found


def _distance(entry: Entry, score: str) -> float:
    """From the floor, or from nothing where there is none."""
    found = off_floor(entry.row.scores[score])
    return abs(entry.row.scores[score]["value"]) if found is None else found


def _spread(one: Entry, other: Entry, score: str) -> float:
    errors = (e.row.scores[score]["stderr"] or 0.0 for e in (one, other))
    return float(sum(error**2 for error in errors) ** 0.5)


def all_scores(part: Part) -> str:
    """Every score of a system: a line each, a column a row of the benchmark."""
    names = sorted({name for e in part.entries for name in e.row.scores})
    heads = "".join(
        f'<th scope="col" class="row" {filterable(e)}>{swatch(e)}{escape(e.row.backend)}<br>'
        f"<small>{escape(e.row.refine)}</small></th>"
        for e in part.entries
    )
    lines = []
    for name in names:
        found = next(e.row.scores[name] for e in part.entries if name in e.row.scores)
        cells = "".join(_plain_cell(e, name) for e in part.entries)
        unit = f" <small>{escape(found['unit'])}</small>" if found["unit"] else ""
        lines.append(
            f'<tr><th scope="row">{escape(name)}{unit} {_link(name)}</th>'
            f'<td class="n">{short(found["floor"])}</td>{cells}</tr>'
        )
    label = f"All scores of {escape(part.label)}"
    return (
        f'<div class="scroll tall" role="region" tabindex="0" aria-label="{label}">'
        f'<table><thead><tr><th scope="col">score</th><th scope="col">floor</th>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _plain_cell(entry: Entry, name: str) -> str:
    score = entry.row.scores.get(name)
    text = short(score["value"]) if score else "–"
    if score and score["stderr"]:
        text += f" ± {short(score['stderr'], 1)}"
    return f'<td class="n row" {filterable(entry)}>{text}</td>'
