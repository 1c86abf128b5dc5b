"""Free-energy surfaces, populations of basins or clusters, and confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.report.markup import filterable
from bmzoo.report.source import Entry, Part
from bmzoo.report.svg import LEVELS, Drawing, Scale, number

Floats = NDArray[np.float64]

SIZE, LEFT, TOP, BOTTOM, RIGHT = 150, 38, 20, 36, 14
FEW = 3.0
"""Reference frames that a bin must hold, on average over those that hold any, or bins are joined."""
BASINS = "landscape/basin["


def draw_surface(counts: Floats, edges: tuple[Floats, Floats], names: tuple[str, str]) -> Drawing:
    """Free energy in kT above the deepest bin, a colour each kT, nothing where nothing was found.

    Args:
        counts: ``(n, n)`` by first and second coordinate.
        edges: of the bins.
        names: of the coordinates.
    """
    drawing = Drawing(LEFT + SIZE + RIGHT, TOP + SIZE + BOTTOM)
    x = Scale(edges[0][0], edges[0][-1], LEFT, LEFT + SIZE)
    y = Scale(edges[1][0], edges[1][-1], TOP + SIZE, TOP)
    drawing.path(f"M{LEFT} {TOP}h{SIZE}v{SIZE}h-{SIZE}Z", "axis")
    for level, data in enumerate(_levels(counts, SIZE / counts.shape[0], SIZE / counts.shape[1])):
        drawing.path(data, f"h{level}")
    degrees = edges[0][0] == -180
    drawing.x_axis(x, TOP + SIZE, names[0], [-180, 0, 180] if degrees else None)
    for tick in [-180, 0, 180] if degrees else y.ticks():
        drawing.text(LEFT - 4, float(y(tick)) + 4, number(tick), "tick", "end")
    drawing.text(LEFT, TOP - 7, names[1], "name")
    return drawing


def free_energy_levels(counts: Floats) -> NDArray[np.int64]:
    """Whole kT above the most populated bin, at most ``LEVELS - 1``; -1 where nothing is."""
    share = counts / max(float(counts.max()), 1e-300)
    with np.errstate(divide="ignore"):
        energy = -np.log(share)
    return np.where(counts > 0, np.minimum(np.floor(energy + 1e-9), LEVELS - 1), -1).astype(np.int64)


def _levels(counts: Floats, width: float, height: float) -> list[str]:
    """Path data of every level: runs of equal bins in one rectangle."""
    levels = free_energy_levels(counts)
    paths: list[list[str]] = [[] for _ in range(LEVELS)]
    for column, values in enumerate(levels):
        starts = np.flatnonzero(np.diff(values, prepend=-2))
        for start, end in zip(starts, [*starts[1:], len(values)], strict=True):
            if (level := int(values[start])) >= 0:
                top = TOP + SIZE - end * height
                size = f"h{width:g}v{(end - start) * height:g}h{-width:g}z"
                paths[level].append(f"M{LEFT + column * width:g} {top:g}{size}")
    return ["".join(parts) for parts in paths]


def surface_of(name: str, entry: Entry) -> tuple[Floats, Floats, tuple[Floats, Floats]] | None:
    """Reference counts, generated counts and edges, without the rim of overflow bins.

    Where the reference has few frames neighbouring bins are joined, so that there is something to see.
    """
    found = entry.histograms.get(name)
    if found is None:
        return None
    edges = found["edges"]
    both = (edges, edges) if edges.ndim == 1 else (edges[0], edges[1])
    n = len(both[0]) - 1
    rim = slice(1, -1) if len(found["reference"]) == n + 2 else slice(None)
    reference, generated = (found[side][rim, rim] for side in ("reference", "generated"))
    for factor in (1, 2, 5):
        joined = _joined(reference, factor)
        if joined.sum() >= FEW * np.count_nonzero(joined):
            break
    return joined, _joined(generated, factor), (both[0][::factor], both[1][::factor])


def _joined(counts: Floats, factor: int) -> Floats:
    """Sums over blocks of bins; the number of bins is a multiple of the factor."""
    n = len(counts) // factor
    sums: Floats = counts.reshape(n, factor, n, factor).sum(axis=(1, 3))
    return sums


@dataclass(frozen=True)
class Populations:
    """Shares of basins or clusters: of the reference, and of every row with its standard error."""

    title: str
    labels: list[str]
    reference: Floats
    rows: list[tuple[Entry, Floats, Floats]]


def populations(part: Part) -> Populations | None:
    """What the landscape's scores or histograms say; ``None`` for a system without a landscape."""
    scores = next((e.row.scores for e in part.entries if any(n.startswith(BASINS) for n in e.row.scores)), {})
    names = [name for name in scores if name.startswith(BASINS) and scores[name]["floor"] is not None]
    if names:
        reference = np.array([scores[n]["floor"] for n in names], dtype=np.float64)
        rows = []
        for entry in part.entries:
            if any(n not in entry.row.scores for n in names):
                continue
            found = [entry.row.scores[n] for n in names]
            values, errors = ([s[key] or 0.0 for s in found] for key in ("value", "stderr"))
            rows.append((entry, np.array(values), np.array(errors)))
        return Populations("basins", [n[len(BASINS) : -1] for n in names], reference, rows)
    rows = []
    for entry in part.entries:
        clusters = entry.histograms.get("landscape/clusters")
        if clusters is not None:
            shares = clusters["generated"] / max(clusters["generated"].sum(), 1e-300)
            rows.append((entry, shares, np.zeros_like(shares)))
            reference = clusters["reference"] / max(clusters["reference"].sum(), 1e-300)
    if not rows:
        return None
    return Populations("clusters", [str(k + 1) for k in range(len(reference))], reference, rows)


def draw_populations(found: Populations) -> Drawing:
    """The reference as bars, rows as marks on them."""
    n = len(found.labels)
    drawing = Drawing(max(440, 60 * n), 200)
    left, right, top, bottom = 40, 10, 24, 170
    every = [found.reference, *(shares + errors for _, shares, errors in found.rows)]
    y = Scale(0.0, 1.08 * max(float(np.max(v)) for v in every), bottom, top)
    drawing.y_axis(y, left, "share", drawing.width - left - right)
    slot = (drawing.width - left - right) / n
    for k, label in enumerate(found.labels):
        start, height = left + slot * k, float(y(found.reference[k]))
        drawing.path(f"M{start + 3:.1f} {bottom}V{height:.1f}H{start + slot - 3:.1f}V{bottom}Z", "ref")
        drawing.text(start + slot / 2, bottom + 16, label, "tick", "middle")
    step = slot / (len(found.rows) + 1)
    for place, (entry, shares, errors) in enumerate(found.rows, start=1):
        drawing.open_row(filterable(entry), entry.label)
        for k in range(n):
            middle = left + slot * k + step * place
            low, high = (float(y(max(0.0, shares[k] + sign * errors[k]))) for sign in (-1, 1))
            drawing.path(f"M{middle:.1f} {low:.1f}V{high:.1f}", f"line s{entry.color}")
            drawing.add(mark(entry, middle, float(y(shares[k])), 3.5))
        drawing.close_row()
    drawing.path(f"M{left} {bottom}H{drawing.width - right}", "axis")
    return drawing


def mark(entry: Entry, x: float, y: float, radius: float = 5.0) -> str:
    """A circle for raw frames, a square for thermalised ones, a triangle for minimised ones."""
    cls = f'class="mark f{entry.color}"'
    if entry.raw:
        return f'<circle {cls} cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'
    if entry.row.refine == "minimise":
        r = radius * 1.2
        return f'<path {cls} d="M{x:.1f} {y - r:.1f}l{r:g} {1.8 * r:.1f}h{-2 * r:.1f}Z"/>'
    r = radius * 0.9
    return f'<rect {cls} x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r:g}" height="{2 * r:g}"/>'


def draw_confusion(counts: Floats, labels: Sequence[str]) -> Drawing:
    """Where frames of each basin of the reference end up, in percent of a line of the matrix."""
    n = len(counts)
    cell = 30 if n <= 6 else 22
    left, top = 52, 8
    drawing = Drawing(left + n * cell + 14, top + n * cell + 24)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300)
    for i in range(n):
        for j in range(n):
            if shares[i, j] > 0.005:
                x, y = left + j * cell, top + i * cell
                level = min(LEVELS - 1, int((1 - shares[i, j]) * LEVELS))
                drawing.path(f"M{x} {y}h{cell}v{cell}h-{cell}Z", f"h{level}")
                percent = f"{100 * shares[i, j]:.0f}"
                drawing.text(x + cell / 2, y + cell / 2 + 4, percent, f"cell t{level}", "middle")
        drawing.text(left - 4, top + (i + 0.5) * cell + 4, labels[i], "tick", "end")
        drawing.text(
            left + (i + 0.5) * cell, top + n * cell + 13, labels[i] if n > 6 else "", "tick", "middle"
        )
    drawing.path(f"M{left} {top}h{n * cell}v{n * cell}h-{n * cell}Z", "axis")
    return drawing
