"""Slow processes and memory over time: implied timescales and autocorrelations, with their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.report.markup import filterable
from bmzoo.report.source import Entry, Histogram
from bmzoo.report.surfaces import mark
from bmzoo.report.svg import Drawing, Scale

Floats = NDArray[np.float64]
Histograms = Mapping[str, Histogram]

WIDTH, HEIGHT = 330, 210
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 24, 38
TIMESCALES = "kinetics/timescales"
AUTOCORRELATION = "kinetics/autocorrelation"
GROUPS = {"side_chain": "side chains", "methyl": "methyl groups"}


@dataclass(frozen=True)
class Line:
    """Values over time in ps; NaN where nothing is known.

    Attributes:
        x, y: ``(n,)``.
        error: ``(n,)`` standard errors of ``y``, or ``None``.
    """

    x: Floats
    y: Floats
    error: Floats | None = None


@dataclass(frozen=True)
class Panel:
    """One figure.

    Attributes:
        reference: of the reference frames.
        band: ``(2, n)`` what the reference leaves open: its standard errors, or its two halves.
        rows: one for each set of histograms; ``None`` where it has none.
        logarithmic: both axes; a line y = x then marks the lag time, below which no timescale is known.
    """

    title: str
    score: str
    axes: tuple[str, str]
    reference: Line
    band: Floats | None
    rows: list[Line | None]
    logarithmic: bool = False


def timescales(found: Sequence[Histograms]) -> list[Panel]:
    """Implied timescales over the lag time, a panel each process."""
    known = [h[TIMESCALES] for h in found if TIMESCALES in h]
    panels = []
    for k in range(known[0]["reference"].shape[1] if known else 0):

        def line(entry: Histogram, side: str, k: int = k) -> Line:
            return Line(entry["edges"], entry[side][:, k], entry[f"{side}_stderr"][:, k])

        reference = line(known[0], "reference")
        error = np.nan_to_num(known[0]["reference_stderr"][:, k])
        band = np.stack([reference.y - error, reference.y + error])
        rows = [line(h[TIMESCALES], "generated") if TIMESCALES in h else None for h in found]
        score, axes = f"kinetics/timescale[{k + 1}]", ("lag time / ps", "implied timescale / ps")
        panels.append(Panel(f"implied timescale {k + 1}", score, axes, reference, band, rows, True))
    return panels


def autocorrelations(found: Sequence[Histograms]) -> list[Panel]:
    """How long dihedrals are remembered, a panel each group of them."""
    panels = []
    for kind, title in GROUPS.items():
        name = f"{AUTOCORRELATION}[{kind}]"
        known = [h[name] for h in found if name in h]
        if not known:
            continue
        halves = known[0].get("reference_halves")
        band = None if halves is None else np.stack([halves.min(axis=0), halves.max(axis=0)])
        reference = Line(known[0]["edges"], known[0]["reference"])
        rows = [Line(h[name]["edges"], h[name]["generated"]) if name in h else None for h in found]
        panels.append(
            Panel(f"dihedrals of {title}", name, ("time / ps", "autocorrelation"), reference, band, rows)
        )
    return panels


def draw_panel(panel: Panel, entries: Sequence[Entry]) -> Drawing:
    """The reference as a grey line in its band, every row as marks with errors, joined."""
    drawing = Drawing(WIDTH, HEIGHT)
    lines = [panel.reference, *(line for line in panel.rows if line is not None)]
    log = panel.logarithmic
    x = Scale(*_range([line.x for line in lines], log), LEFT, WIDTH - RIGHT, log)
    y = Scale(*_range([line.y for line in lines], log), HEIGHT - BOTTOM, TOP, log)
    drawing.y_axis(y, LEFT, panel.axes[1], WIDTH - LEFT - RIGHT)
    if panel.band is not None:
        there, back = (_points(x, y, panel.reference.x, side) for side in panel.band[::-1])
        if there and back:
            drawing.path(f"M{'L'.join([*there, *back[::-1]])}Z", "ref")
    if panel.logarithmic:
        _draw_lag_time(drawing, x, y)
    drawing.path(_joined(_points(x, y, panel.reference.x, panel.reference.y)), "line refline")
    for entry, line in zip(entries, panel.rows, strict=True):
        if line is not None:
            drawing.open_row(filterable(entry), entry.label)
            _draw_row(drawing, entry, line, x, y)
            drawing.close_row()
    drawing.x_axis(x, HEIGHT - BOTTOM, panel.axes[0])
    return drawing


def _draw_row(drawing: Drawing, entry: Entry, line: Line, x: Scale, y: Scale) -> None:
    points = _points(x, y, line.x, line.y)
    style = "" if entry.raw else " dotted" if entry.row.refine == "minimise" else " dashed"
    drawing.path(_joined(points), f"line s{entry.color}{style}")
    if line.error is not None:
        for at, value, error in zip(line.x, line.y, line.error, strict=True):
            if np.isfinite(value) and np.isfinite(error):
                low, high = (float(y(max(v, y.low))) for v in (value - error, value + error))
                middle = f"M{float(x(at)):.1f} {min(low, y.start):.1f}V{max(high, y.end):.1f}"
                drawing.path(middle, f"line s{entry.color}")
        for point in points:
            px, py = map(float, point.split())
            drawing.add(mark(entry, px, py, 3.0))


def _draw_lag_time(drawing: Drawing, x: Scale, y: Scale) -> None:
    """y = x, where both axes show it."""
    ends = max(x.low, y.low), min(x.high, y.high)
    if ends[0] < ends[1]:
        (x0, x1), (y0, y1) = ([float(scale(end)) for end in ends] for scale in (x, y))
        drawing.path(f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}", "rule")
        drawing.text((x0 + x1) / 2 + 8, (y0 + y1) / 2 + 16, "lag time", "halo tick")


def _range(found: Sequence[Floats], logarithmic: bool) -> tuple[float, float]:
    """Of all values, with a margin where the axis is logarithmic, from zero where it is not."""
    values = np.concatenate(found)
    values = values[np.isfinite(values) & ((values > 0) | (not logarithmic))]
    if not len(values):
        return 1.0, 10.0
    low, high = float(values.min()), float(values.max())
    return (low / 1.3, high * 1.3) if logarithmic else (min(low, 0.0), max(high, low + 1e-9))


def _points(x: Scale, y: Scale, at: Floats, values: Floats) -> list[str]:
    """Places of what is known, moved to the edge of the axes where it lies beyond."""
    values = np.clip(values, y.low, y.high)
    known = np.isfinite(values)
    return [f"{a:.1f} {b:.1f}" for a, b in zip(x(at[known]), y(values[known]), strict=True)]


def _joined(points: Sequence[str]) -> str:
    return f"M{'L'.join(points)}" if points else ""
