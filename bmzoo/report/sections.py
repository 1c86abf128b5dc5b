"""The sections of the page."""

from __future__ import annotations

from html import escape

from bmzoo.benchmark.results import TEST_SETS
from bmzoo.evaluation.definitions import COST, DEFINITIONS, RULE
from bmzoo.report.figures import Figure, Group
from bmzoo.report.markup import inline, rich, swatch
from bmzoo.report.provenance import command
from bmzoo.report.source import COLORS, Part, Source
from bmzoo.report.tables import all_scores, headline
from bmzoo.simulation.refine import RefineSettings

LADDER = "none,minimise,thermalise:1,thermalise:10,thermalise:100"
LONG = 1.0
"""ps; a baseline that was run for longer stands for what people do without a backmapper that learned."""


def overview(source: Source) -> str:
    """The headline tables."""
    if not source.parts:
        return "<p>No row was finished; see below what was left out, and why.</p>"
    return (
        "<p>Click a heading to sort by it, a <span class='ask' aria-hidden='true'>?</span> for what it "
        "means. The closer to its floor, the better; to be below it is no merit. Bold: nothing in the same "
        "table is closer on that system by more than two standard errors.</p>" + headline(source)
    )


def costs(source: Source, figures: list[Figure]) -> str:
    """The Pareto figures."""
    if not figures:
        return _longer_dynamics(source)
    return (
        "<p>C2ST AUC says how well a classifier tells the frames from real ones: 0.5 is nobody can, 1 is "
        "always. Circles are raw frames, squares thermalised, triangles minimised; lines join what "
        "belongs together, and the grey steps are the front that no cheaper row reaches.</p>"
        f'<div class="figures wide">{"".join(figure.html() for figure in figures)}</div>'
        + _longer_dynamics(source)
    )


def _longer_dynamics(source: Source) -> str:
    """How to get what today's practice is compared by, where it is missing."""
    runs = [
        RefineSettings.parse(e.row.refine)
        for p in source.parts
        for e in p.entries
        if e.row.backend == "geometric"
    ]
    durations = [run.duration for run in runs if run.kind == "thermalise"]
    if not durations or max(durations) >= LONG:
        return ""
    changes = {"backends": "geometric", "samples": 1, "weights": None, "changes": (), "refine": LADDER}
    again = command(source.results, brief=True, **changes)
    return _missing("Not here: the baseline after 1, 10 and 100 ps of restrained MD", again, ", in hours")


def _missing(what: str, again: str, cost: str = "") -> str:
    return f'<p class="muted missing">{what}: <code>{escape(again)}</code> computes them{cost}.</p>'


def frames(source: Source) -> str:
    """The 3-D view, which its script fills."""
    if not any(part.scene for part in source.parts):
        return "<p>Beside these results lies no reference frame to look at.</p>"
    selects = "".join(
        f'<label>{label}<select id="pick-{key}">{options}</select></label>'
        for key, label, options in (
            ("system", "System", ""),
            ("row", "Frames of", ""),
            (
                "mode",
                "Show",
                '<option value="atoms">atoms and beads</option>'
                '<option value="samples">samples superposed</option>'
                '<option value="against">over the reference</option>',
            ),
            (
                "scope",
                "How much",
                '<option value="one">one molecule</option><option value="all">all</option>',
            ),
        )
    )
    checks = "".join(
        f'<label class="check"><input type="checkbox" id="with-{key}" checked>{key}</label>'
        for key in ("beads", "hydrogens")
    )
    moves = "".join(
        f'<button type="button" data-move="{key}" aria-label="{label}">{sign}</button>'
        for key, sign, label in (
            ("ArrowLeft", "⟲", "turn left"),
            ("ArrowRight", "⟳", "turn right"),
            ("+", "+", "zoom in"),
            ("-", "−", "zoom out"),
            ("0", "fit", "fit into view"),
        )
    )
    return (
        "<p>The same beads, backend by backend. Samples of one CG frame lie over one another where the "
        "beads leave no choice, and fan out where they do.</p>"
        f'<div class="viewer" id="viewer" hidden><div class="controls">{selects}{checks}'
        f'<div class="moves">{moves}</div></div>'
        '<div id="stage" role="application" tabindex="0" aria-label="3-D view"></div>'
        '<p id="caption" aria-live="polite"></p></div>'
        "<noscript><p>The 3-D view needs JavaScript.</p></noscript>"
    )


def systems(source: Source, plots: dict[str, list[Group]]) -> str:
    """Figures and scores of every system, below one bar of filters."""
    if not source.parts:
        return ""
    legend = (
        '<ul class="legend"><li><i class="swatch area"></i>reference</li>'
        '<li><i class="swatch band"></i>between its two halves: the floor</li>'
        '<li><i class="swatch"></i>raw</li><li><i class="swatch dashed"></i>thermalised</li>'
        '<li><i class="swatch dotted"></i>minimised</li></ul>'
    )
    legend += "<p class='muted'>Where frames are few, bins of a figure are joined; scores take them all.</p>"
    if len(source.backends) > COLORS:
        legend += "<p class='muted'>There are more backends than colours, which repeat: choose fewer.</p>"
    names = {name for p in source.parts for e in p.entries for name in e.row.scores}
    if not any(name.startswith("kinetics/") for name in names):
        again = command(source.results, brief=True, consecutive=True)
        legend += _missing(
            "Not here, because they need frames that follow one another: timescales, velocities and memory",
            again,
            ""
            if source.results.settings.get("frames")
            else ", from all test frames unless --frames is given",
        )
    parts = "".join(_part(part, plots[part.key]) for part in source.parts)
    return f"{legend}{_filters(source)}{parts}"


def _filters(source: Source) -> str:
    names = ["all", *source.refinements]
    first = "none" if "none" in names else "all"
    radios = "".join(
        f'<label><input type="radio" name="refine" value="{escape(name)}"'
        f"{' checked' if name == first else ''}>{'raw' if name == 'none' else escape(name)}</label>"
        for name in names
    )
    colors = {e.row.backend: e for p in source.parts for e in reversed(p.entries)}
    boxes = "".join(
        f'<label><input type="checkbox" name="backend" value="{escape(name)}" checked>'
        f"{swatch(colors[name])}{escape(name)}</label>"
        for name in source.backends
    )
    return (
        f'<form class="filters" id="filters" hidden aria-label="What the figures show">'
        f"<fieldset><legend>Refinement</legend>{radios}</fieldset>"
        f"<fieldset><legend>Backends</legend>{boxes}</fieldset></form>"
    )


def _part(part: Part, found: list[Group]) -> str:
    row = part.entries[0].row
    what = TEST_SETS.get(part.test_set, part.test_set)
    facts = f"{row.n_frames} test frames of {row.n_atoms} atoms: {what}"
    body = "".join(_group(group) for group in found)
    return (
        f'<section aria-labelledby="{part.key}"><h3 id="{part.key}">{escape(part.label)}</h3>'
        f'<p class="muted">{escape(part.title)}. {facts}.</p>{body}'
        f"<details><summary>All scores of {escape(part.label)}</summary>{all_scores(part)}</details>"
        "</section>"
    )


def _group(group: Group) -> str:
    small = " small" if group.title == "Surfaces" else ""
    note = f'<p class="muted"><small>{escape(group.left_out)}</small></p>' if group.left_out else ""
    drawn = "".join(figure.html() for figure in group.figures)
    return (
        f"<h4>{group.title}</h4><p class='muted'>{group.text}</p>{group.key}"
        f'<div class="figures{small}">{drawn}</div>{note}'
    )


def definitions() -> str:
    """All of them, each with an anchor."""
    terms = "".join(
        f'<dt id="def-{d.key}">{inline(d.label)}</dt><dd>{inline(d.text)}</dd>' for d in DEFINITIONS
    )
    cost = f'<dt id="def-cost">s/frame</dt><dd>{inline(COST)}</dd>'
    return f'{rich(RULE)}<dl class="defs">{terms}{cost}</dl>'
