"""``report.html``: one page that opens anywhere, and its figures as files."""

from __future__ import annotations

import json
import os
from html import escape
from importlib.resources import files
from pathlib import Path

import bmzoo
from bmzoo.errors import InputError
from bmzoo.report.figures import Figure, groups, pareto
from bmzoo.report.provenance import provenance
from bmzoo.report.scenes import scenes
from bmzoo.report.sections import costs, definitions, frames, overview, systems
from bmzoo.report.source import Source, read_folder
from bmzoo.report.svg import DARK, LEVELS, LIGHT, RULES, variables

PAGE = "report.html"
PAGE_LIGHT = {
    "page": "#f6f7f9",
    "link": "#1d56b0",
    "edge": "#7f8b98",
    "hover": "#eef3fa",
    "bead": "#c27400",
    "reference-atoms": "#8b96a3",
    "dark": "0",
}
PAGE_DARK = {
    "page": "#10151a",
    "link": "#8ab8ff",
    "edge": "#66727f",
    "hover": "#1f2833",
    "bead": "#f0c43c",
    "reference-atoms": "#8b96a3",
    "dark": "1",
}


def write_report(folder: str | Path) -> Path:
    """Writes ``report.html`` and ``figures/<system>-<state>/*.svg`` into a results folder.

    Args:
        folder: what ``bmzoo benchmark`` made; trajectories and histograms that are gone leave gaps.

    Returns:
        The page.

    Raises:
        InputError: no results of a benchmark, or a folder that cannot be written to.
    """
    source = read_folder(Path(folder))
    plots = {part.key: groups(part) for part in source.parts}
    fronts = [found for part in source.parts if (found := pareto(part)) is not None]
    sections = {
        "scores": ("Scores at a glance", overview(source)),
        "cost": ("Cost against detectability", costs(source, fronts)),
        "frames": ("Frames in three dimensions", frames(source)),
        "systems": ("System by system", systems(source, plots)),
        "definitions": ("How the scores are defined", definitions()),
        "provenance": ("How this was made", provenance(source)),
    }
    page = Path(folder) / PAGE
    try:
        partial = page.with_name(f".{PAGE}.partial")
        partial.write_text(_page(source, sections), encoding="utf-8")
        os.replace(partial, page)
        drawn = [f for found in plots.values() for group in found for f in group.figures]
        _write_figures(Path(folder) / "figures", [*fronts, *drawn])
    except OSError as error:
        raise InputError(f"cannot write the report to {folder}: {error.strerror}") from None
    return page


def _write_figures(folder: Path, figures: list[Figure]) -> None:
    for figure in figures:
        path = folder / f"{figure.file}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(figure.drawing.standalone(figure.title, figure.description), encoding="utf-8")


def _page(source: Source, sections: dict[str, tuple[str, str]]) -> str:
    results = source.results
    backends, labels = len(source.backends), [part.label for part in source.parts]
    heading = f"{_count(backends, 'backmapper')} on {_count(len(labels), 'system')}"
    lead = (
        f"{', '.join(source.backends)} on {', '.join(labels)}: {_count(len(results.rows), 'row')}, "
        f"{results.created[:10]}, {results.machine.get('processor', 'unknown processor')}. "
        "Every score stands beside its floor, the same score between two halves of the reference."
    )
    values = {
        "title": f"bmzoo: {heading}",
        "style": _style(),
        "heading": heading[0].upper() + heading[1:],
        "lead": escape(lead),
        "contents": "".join(
            f'<li><a href="#{key}">{title}</a></li>' for key, (title, body) in sections.items() if body
        ),
        "main": "".join(
            f'<section aria-labelledby="{key}"><h2 id="{key}">{title}</h2>{body}</section>'
            for key, (title, body) in sections.items()
            if body
        ),
        "version": escape(bmzoo.__version__),
        "licence": escape(_asset("3Dmol-LICENSE.txt")),
        "scenes": json.dumps(scenes(source), separators=(",", ":")).replace("<", "\\u003c"),
        "library": _asset("3Dmol-min.js"),
        "script": _asset("page.js") + _asset("viewer.js"),
    }
    pieces = _asset("page.html").split("@")
    # Every second piece is the name of a value.
    return "".join(values[piece] if k % 2 else piece for k, piece in enumerate(pieces))


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _style() -> str:
    light, dark = variables(LIGHT | PAGE_LIGHT), variables(DARK | PAGE_DARK)
    names = [*(f"c{k}" for k in range(1, 9)), *(f"h{k}" for k in range(LEVELS))]
    swatches = "".join(f".swatch.{name}{{border-color:var(--{name})}}" for name in names)
    return (
        f":root{{{light} color-scheme: light}}"
        f"@media (prefers-color-scheme: dark){{:root{{{dark} color-scheme: dark}}}}"
        f':root[data-scheme="light"]{{{light} color-scheme: light}}'
        f':root[data-scheme="dark"]{{{dark} color-scheme: dark}}'
        f"{RULES}{_asset('style.css')}{swatches}"
        f"@media print{{:root, :root[data-scheme]{{{light} color-scheme: light}}}}"
    )


def _asset(name: str) -> str:
    return (files("bmzoo.report") / "assets" / name).read_text(encoding="utf-8")
