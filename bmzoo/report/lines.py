"""Histograms and g(r): the reference as an area, its floor as a band, every row as a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bmzoo.report.markup import filterable
from bmzoo.report.source import Entry, Histogram
from bmzoo.report.svg import Drawing, Scale, polyline

Floats = NDArray[np.float64]

WIDTH, HEIGHT = 330, 190
LEFT, RIGHT, TOP, BOTTOM = 40, 16, 24, 38
AXES = {
    "bond": "bond length / nm",
    "angle": "angle / degrees",
    "proper": "dihedral / degrees",
    "improper": "improper dihedral / degrees",
    "end_to_end": "end-to-end distance / nm",
    "gyration": "radius of gyration / nm",
    "g_inter": "distance / nm",
    "g_intra": "distance / nm",
    "velocity": "nm/ps",
    "internal_velocity": "nm/ps",
    "bead_velocity": "nm/ps",
}
NAMES = {
    "bond": "bond",
    "angle": "angle",
    "proper": "dihedral",
    "improper": "improper",
    "end_to_end": "end-to-end distance",
    "gyration": "radius of gyration",
    "g_inter": "g(r) between molecules",
    "g_intra": "distances within a molecule",
    "lj": "Lennard-Jones energy",
    "total": "total energy",
    "internal_velocity": "internal velocity",
    "bead_velocity": "velocity of the beads",
}
CLASSES = {"": "of all atoms", "heavy": "of heavy atoms", "hydrogen": "of hydrogens"}
"""Of velocities."""
JOINED = 3
"""Bins of a logarithmic histogram that are drawn as one."""
FEW = 6.0
"""Counts of the reference that a bin must hold, on average over those that hold any, or bins are joined."""


@dataclass(frozen=True)
class Subject:
    """One histogram by name: ``family/observable[class]``."""

    name: str

    @property
    def family(self) -> str:
        return self.name.split("/", 1)[0]

    @property
    def observable(self) -> str:
        return self.name.split("/", 1)[1].split("[", 1)[0]

    @property
    def classes(self) -> str:
        return self.name.split("[", 1)[1].rstrip("]") if "[" in self.name else ""

    @property
    def logarithmic(self) -> bool:
        """Whether bins are equally wide in the logarithm: velocities span decades."""
        return self.observable.endswith("velocity")

    @property
    def circular(self) -> bool:
        """Whether it is an angle from -180 to 180 degrees."""
        return self.family == "distributions" and self.observable in ("proper", "improper")

    @property
    def measure(self) -> str:
        """Short for the kind of :attr:`score`."""
        return "W1" if self.logarithmic else "JSD"

    @property
    def score(self) -> str:
        """The distance that says how well it is met."""
        base = f"{self.family}/{self.observable}_{self.measure.lower()}"
        return f"{base}[{self.classes}]" if self.classes else base

    @property
    def title(self) -> str:
        name = NAMES.get(self.observable, self.observable.replace("_", " "))
        name = name if self.family != "energetics" or "energy" in name else f"{name} energy"
        if self.logarithmic and self.observable != "bead_velocity":
            return f"{name} {CLASSES[self.classes]}"
        return f"{name} {self.classes}".strip()

    @property
    def axis(self) -> str:
        if self.family == "energetics":
            return "kJ/mol per atom" if self.observable == "total" else "kJ/mol per molecule"
        return AXES.get(self.observable, "")


@dataclass(frozen=True)
class Curves:
    """A histogram of every row on common bins.

    Attributes:
        edges: ``(n_bins + 1,)``.
        reference: ``(n_bins,)`` density, over the decimal logarithm of velocities; or g(r).
        floor: ``(2, n_bins)`` lowest and highest of the reference's halves, if they are known.
        lines: ``(n_bins,)`` for every row.
        window: what of the edges is drawn.
        outside: share of every row that lies beyond the window.
    """

    edges: Floats
    reference: Floats
    floor: Floats | None
    lines: list[Floats]
    window: tuple[float, float]
    outside: list[float]
    logarithmic: bool = False

    @property
    def centres(self) -> Floats:
        return _centres(self.edges, self.logarithmic)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """``(n_bins,)`` bins in the window."""
        return (self.centres >= self.window[0]) & (self.centres <= self.window[1])


def make_curves(subject: Subject, histograms: Sequence[Histogram]) -> Curves:
    """Densities from counts; g(r) is one already."""
    first = histograms[0]
    edges = first["edges"]
    log = subject.logarithmic
    joined = JOINED if log else _joined(first["reference"], len(edges) - 1)
    shown = edges[::joined]
    widths = np.diff(np.log10(shown) if log else shown)

    def density(values: Floats) -> Floats:
        if len(values) == len(edges) - 1:
            return values
        inner = values[1:-1].reshape(-1, joined).sum(axis=1)
        return inner / max(float(values.sum()), 1e-300) / widths

    halves = [density(half) for half in first.get("reference_halves", ())]
    curves = Curves(
        shown,
        density(first["reference"]),
        np.stack([np.min(halves, axis=0), np.max(halves, axis=0)]) if halves else None,
        [density(h["generated"]) for h in histograms],
        (float(edges[0]), float(edges[-1])),
        [0.0] * len(histograms),
        log,
    )
    curves = replace(curves, window=_window(subject, curves))
    # Distances beyond the last edge of g(r) are as many as the search happened to find.
    if subject.family == "packing":
        return curves
    shares = [float((line * widths)[curves.inside].sum()) for line in curves.lines]
    known = [h["generated"].sum() > 0 for h in histograms]
    return replace(curves, outside=[1 - s if k else 0.0 for s, k in zip(shares, known, strict=True)])


def _centres(edges: Floats, logarithmic: bool) -> Floats:
    return np.sqrt(edges[1:] * edges[:-1]) if logarithmic else (edges[1:] + edges[:-1]) / 2


def _joined(reference: Floats, n_bins: int) -> int:
    """How many bins are drawn as one, so that what is seen is more than the noise of few counts."""
    if len(reference) == n_bins:
        return 1
    inner = reference[1:-1]
    for factor in (1, 2, 5):
        filled = np.count_nonzero(inner.reshape(-1, factor).sum(axis=1)) if n_bins % factor == 0 else 0
        if filled and inner.sum() >= FEW * filled:
            return factor
    return 5 if n_bins % 5 == 0 else 1


def draw_curves(subject: Subject, curves: Curves, entries: Sequence[Entry]) -> Drawing:
    """The figure, ready for page and file."""
    drawing = Drawing(WIDTH, HEIGHT)
    x = Scale(*curves.window, LEFT, WIDTH - RIGHT, subject.logarithmic)
    inside = curves.inside
    y = Scale(0.0, _top(subject, curves, inside), HEIGHT - BOTTOM, TOP)
    drawing.y_axis(y, LEFT, "g" if subject.observable == "g_inter" else "density", WIDTH - LEFT - RIGHT)
    edges, reference = _cut(curves, curves.reference, inside)
    drawing.path(f"M{float(x(edges[0])):.1f} {y.start}L{_steps(x, y, edges, reference)}V{y.start}Z", "ref")
    if curves.floor is not None:
        lower, upper = (_cut(curves, side, inside)[1] for side in curves.floor)
        there, back = _steps(x, y, edges, upper), _steps(x, y, edges[::-1], lower[::-1])
        drawing.path(f"M{there}L{back}Z", "floor")
    for entry, line in zip(entries, curves.lines, strict=True):
        drawing.open_row(filterable(entry), entry.label)
        clipped = np.minimum(y(line[inside]).clip(min=TOP - 6), y.start)
        style = "" if entry.raw else " dotted" if entry.row.refine == "minimise" else " dashed"
        drawing.path(polyline(x(curves.centres[inside]), clipped), f"line s{entry.color}{style}")
        drawing.close_row()
    ticks = [-180, -90, 0, 90, 180] if subject.circular else None
    drawing.x_axis(x, HEIGHT - BOTTOM, subject.axis, ticks)
    return drawing


def _window(subject: Subject, curves: Curves) -> tuple[float, float]:
    """Where the reference is, and as much again around it; all of a dihedral, a g(r), all velocities."""
    edges = curves.edges
    if subject.circular or subject.family == "packing":
        return float(edges[0]), float(edges[-1])
    drawn = [curves.reference, *curves.lines] if subject.logarithmic else [curves.reference]
    filled = np.flatnonzero(np.any([values > 0.005 * values.max() for values in drawn], axis=0))
    if not len(filled):
        return float(edges[0]), float(edges[-1])
    margin = 2 if subject.logarithmic else max(8, (filled[-1] - filled[0] + 1) // 2)
    first, last = max(0, filled[0] - margin), min(len(edges) - 1, filled[-1] + 1 + margin)
    return float(edges[first]), float(edges[last])


def _top(subject: Subject, curves: Curves, inside: NDArray[np.bool_]) -> float:
    """High enough for the reference and what resembles it; a line may leave through the top."""
    reference = float(curves.reference[inside].max(initial=0.0))
    if curves.floor is not None:
        reference = max(reference, float(curves.floor[1][inside].max(initial=0.0)))
    lines = max((float(line[inside].max(initial=0.0)) for line in curves.lines), default=0.0)
    return max(1.08 * min(max(reference, lines), 1.8 * reference or lines), 1e-12)


def _cut(curves: Curves, values: Floats, inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    places = np.flatnonzero(inside)
    return curves.edges[places[0] : places[-1] + 2], values[inside]


def _steps(x: Scale, y: Scale, edges: Floats, values: Floats) -> str:
    """Path data along the tops of the bars, without the leading command."""
    heights = y(values)
    points: list[str] = []
    before: float | None = None
    for k, height in enumerate(np.round(heights, 1).tolist()):
        if before is None:
            points.append(f"{float(x(edges[k])):.1f} {height:g}")
        elif height != before:
            points.append(f"H{float(x(edges[k])):.1f}V{height:g}")
        before = height
    return "".join([*points, f"H{float(x(edges[-1])):.1f}"])
