"""Detectability against cost: what a second a frame buys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from bmzoo.report.markup import short
from bmzoo.report.source import Entry, Part
from bmzoo.report.surfaces import mark
from bmzoo.report.svg import Drawing, Scale
from bmzoo.simulation.refine import RefineSettings

AUC = "detectability/c2st_auc"
WIDTH, HEIGHT = 420, 280
LEFT, RIGHT, TOP, BOTTOM = 42, 16, 26, 36
LETTER, LINE, POINT = 8.0, 12.0, 6.0
"""Pixels: width of a letter of a name, height of a line, half the size of a point."""
LETTERS, FAR = 28, 60
"""Of a name, more are cut; pixels that it may be away from its point."""


def draw_pareto(part: Part, clock: str = "seconds a frame") -> Drawing | None:
    """One system: raw frames joined to what refinement makes of them; ``None`` without the score.

    Args:
        clock: what the seconds are, below the axis.
    """
    entries = [e for e in part.entries if e.score(AUC) is not None]
    if not entries:
        return None
    drawing = Drawing(WIDTH, HEIGHT)
    seconds = [max(e.seconds_per_frame, 1e-6) for e in entries]
    low, high = 10 ** math.floor(math.log10(min(seconds))), 10 ** math.ceil(math.log10(max(seconds)))
    x = Scale(low, high * (10 if low == high else 1), LEFT, WIDTH - RIGHT, log=True)
    values = [e.score(AUC) or 0.0 for e in entries]
    floor = next((f for e in entries if (f := e.floor(AUC)) is not None), 0.5)
    y = Scale(min(0.45, min(*values, floor) - 0.05), 1.1, HEIGHT - BOTTOM, TOP)
    drawing.y_axis(y, LEFT, "C2ST AUC (lower: harder to tell from the reference)", WIDTH - LEFT - RIGHT)
    drawing.path(f"M{LEFT} {float(y(floor)):.1f}H{WIDTH - RIGHT}", "rule")
    # Nothing is cheap and as good as that.
    drawing.text(LEFT + 3, float(y(floor)) - 4, "floor", "name")
    places = {id(e): (float(x(s)), float(y(v))) for e, s, v in zip(entries, seconds, values, strict=True)}
    drawing.path(_front([places[id(e)] for e in entries], WIDTH - RIGHT), "front")
    _draw_links(drawing, entries, places)
    # A text's halo would hide points that were drawn before it.
    _draw_durations(drawing, entries, places)
    for entry in entries:
        _draw_point(drawing, entry, *places[id(entry)], y)
    _draw_names(drawing, entries, places)
    drawing.x_axis(x, HEIGHT - BOTTOM, clock)
    return drawing


def _front(points: Sequence[tuple[float, float]], end: float) -> str:
    """Steps along the points that no cheaper point beats (lower on the page is better)."""
    data, best = "", -math.inf
    for px, py in sorted(points, key=lambda p: (p[0], -p[1])):
        if py > best:
            data += f"H{px:.1f}V{py:.1f}" if data else f"M{px:.1f} {py:.1f}"
            best = py
    return data + f"H{end}"


def _draw_links(drawing: Drawing, entries: Sequence[Entry], places: dict[int, tuple[float, float]]) -> None:
    """From raw to minimised, and from raw to thermalised ever longer."""
    for raw in (e for e in entries if e.raw):
        for kind in ("minimise", "thermalise"):
            steps = [e for e in entries if e.row.backend == raw.row.backend and _settings(e).kind == kind]
            steps.sort(key=lambda e: _settings(e).duration)
            for one, other in pairwise([raw, *steps]):
                (x0, y0), (x1, y1) = places[id(one)], places[id(other)]
                drawing.path(f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}", f"link s{raw.color}")


def _settings(entry: Entry) -> RefineSettings:
    return RefineSettings.parse(entry.row.refine)


def _draw_point(drawing: Drawing, entry: Entry, px: float, py: float, y: Scale) -> None:
    score = entry.row.scores[AUC]
    if score["stderr"]:
        low, high = (float(y(score["value"] + sign * score["stderr"])) for sign in (-1, 1))
        drawing.path(f"M{px:.1f} {low:.1f}V{high:.1f}", f"line s{entry.color}")
    said = f"{entry.label}: {short(score['value'])} at {short(entry.seconds_per_frame)} s"
    drawing.add(f"<g><title>{escape(said)}</title>{mark(entry, px, py)}</g>")


def _draw_durations(
    drawing: Drawing, entries: Sequence[Entry], places: dict[int, tuple[float, float]]
) -> None:
    """Picoseconds beside the points of a backend that was thermalised for several."""
    thermalised = [e for e in entries if _settings(e).kind == "thermalise"]
    for entry in thermalised:
        if sum(e.row.backend == entry.row.backend for e in thermalised) > 1 or ":" in entry.row.refine:
            px, py = places[id(entry)]
            left = px > WIDTH - RIGHT - 50
            said = f"{_settings(entry).duration:g} ps"
            drawing.text(px + (-8 if left else 8), py - 6, said, "halo tick", "end" if left else "start")


def _draw_names(drawing: Drawing, entries: Sequence[Entry], places: dict[int, tuple[float, float]]) -> None:
    """The backend's name above its raw point, moved up or down until it hides neither a name nor a point.

    Where there is no place for it, a mouse on the point still finds it.
    """
    named = {e.row.backend: e for e in reversed(entries)}
    # Middle, half the width, and the heights of a name's baseline that would hide it.
    taken = [(x, POINT, y - 1.5 * POINT, y + 2.5 * POINT) for x, y in places.values()]
    for entry in sorted(named.values(), key=lambda e: -places[id(e)][1]):
        px, py = places[id(entry)]
        name = entry.row.backend
        name = name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
        half = LETTER * len(name) / 2
        middle = min(max(px, LEFT + half), WIDTH - RIGHT - half)
        steps = [y for k in range(0, FAR, 3) for y in (py - 10 - k, py + 18 + k)]
        y = next(
            (
                y
                for y in steps
                if TOP + 3 < y < HEIGHT - BOTTOM
                and not any(abs(middle - x) < half + w and low < y < high for x, w, low, high in taken)
            ),
            None,
        )
        if y is None:
            continue
        taken.append((middle, half, y - LINE, y + LINE))
        drawing.text(middle, y, name, f"halo f{entry.color}", "middle")
