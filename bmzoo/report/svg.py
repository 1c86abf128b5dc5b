"""Scalable vector graphics: scales, ticks, and a drawing that works on the page and as a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

LIGHT = {
    "surface": "#ffffff",
    "ink": "#1c2733",
    "muted": "#5b6875",
    "grid": "#dfe4ea",
    "ref": "#cfd6de",
    "floor": "#7b8794",
    "c1": "#2563c9",
    "c2": "#b54708",
    "c3": "#0f7a4d",
    "c4": "#8333d1",
    "c5": "#b81d63",
    "c6": "#0b7285",
    "c7": "#7a5a00",
    "c8": "#4b5563",
} | {f"h{k}": c for k, c in enumerate(("#0b3c78", "#1f5fa8", "#3a78bb", "#77a8dc", "#a8c9ec", "#d5e5f6"))}
DARK = {
    "surface": "#171d24",
    "ink": "#e8edf2",
    "muted": "#9fabb8",
    "grid": "#313b46",
    "ref": "#3d4854",
    "floor": "#8d99a6",
    "c1": "#73a8ff",
    "c2": "#ff9a52",
    "c3": "#4fd394",
    "c4": "#c9a2ff",
    "c5": "#ff83b5",
    "c6": "#4cd3e6",
    "c7": "#e3bf4f",
    "c8": "#b6c0cb",
} | {f"h{k}": c for k, c in enumerate(("#d5e5f6", "#a8c9ec", "#77a8dc", "#4482c6", "#2a5c9c", "#1d3f6b"))}
LIGHT |= {f"t{k}": "#ffffff" if k < 3 else LIGHT["ink"] for k in range(6)}
DARK |= {f"t{k}": "#10151a" if k < 4 else DARK["ink"] for k in range(6)}
LOG_STEPS = ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8))
LEVELS = 6
"""Colours of a heat map, the first the most populated."""

RULES = """
svg.fig { font: 11px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); }
svg.fig .axis { stroke: var(--muted); fill: none; } svg.fig .grid { stroke: var(--grid); fill: none; }
svg.fig .halo { paint-order: stroke; stroke: var(--surface); stroke-width: 4px; font-weight: 600; }
svg.fig .tick { fill: var(--muted); } svg.fig .name { fill: var(--muted); }
svg.fig .ref { fill: var(--ref); stroke: var(--floor); stroke-width: .8; }
svg.fig .floor { fill: var(--floor); opacity: .75; }
svg.fig .rule { stroke: var(--floor); stroke-dasharray: 2 3; fill: none; }
svg.fig .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
svg.fig .refline { stroke: var(--muted); stroke-width: 2.2; }
svg.fig .dashed { stroke-dasharray: 5 2.5; } svg.fig .dotted { stroke-dasharray: 1.5 2; }
svg.fig .front { fill: none; stroke: var(--muted); stroke-width: 1; opacity: .8; }
svg.fig .mark { stroke: var(--surface); stroke-width: 1.5; }
svg.fig .link { stroke-width: 1; opacity: .55; fill: none; }
"""
RULES += "".join(
    f"svg.fig .s{k} {{ stroke: var(--c{k}); }} svg.fig .f{k} {{ fill: var(--c{k}); }}\n" for k in range(1, 9)
)
RULES += "".join(
    f"svg.fig .h{k} {{ fill: var(--h{k}); }} svg.fig .t{k} {{ fill: var(--t{k}); }}\n" for k in range(LEVELS)
)


def variables(colors: dict[str, str]) -> str:
    """CSS custom properties of a colour scheme."""
    return " ".join(f"--{name}: {value};" for name, value in colors.items())


@dataclass(frozen=True)
class Scale:
    """From data to pixels, linear or logarithmic; values outside are cut off at ``limit`` pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: NDArray[np.floating] | float) -> NDArray[np.float64]:
        v, low, high = (
            (np.log10(x) if self.log else np.asarray(x, dtype=np.float64))
            for x in (values, self.low, self.high)
        )
        return self.start + (v - low) / (high - low) * (self.end - self.start)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round numbers inside the range; on a logarithmic one powers of ten, or more where those are few."""
        if self.log:
            first, last = math.floor(_log(self.low)), math.floor(_log(self.high))
            low, high = self.low * (1 - 1e-9), self.high * (1 + 1e-9)
            for steps in LOG_STEPS:
                ticks = [step * 10.0**k for k in range(first, last + 1) for step in steps]
                found = [tick for tick in ticks if low <= tick <= high]
                if len(found) > 2:
                    break
            return found
        step = _round_step((self.high - self.low) / max(1, wanted))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(k * step, 12) for k in range(first, last + 1)]


def _log(value: float) -> float:
    return round(math.log10(value), 9)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= step * 0.999)


@dataclass
class Drawing:
    """Shapes in the order in which they are drawn."""

    width: int
    height: int
    shapes: list[str] = field(default_factory=list)

    def add(self, shape: str) -> None:
        self.shapes.append(shape)

    def text(self, x: float, y: float, text: str, cls: str = "", anchor: str = "start") -> None:
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" class="{cls}" text-anchor="{anchor}">{escape(text)}</text>')

    def path(self, data: str, cls: str) -> None:
        if data:
            self.add(f'<path class="{cls}" d="{data}"/>')

    def open_row(self, attributes: str, name: str) -> None:
        """Begins a group that the page's filters can hide; the name shows where a mouse rests on it."""
        self.add(f'<g class="row" {attributes}><title>{escape(name)}</title>')

    def close_row(self) -> None:
        self.add("</g>")

    def x_axis(self, scale: Scale, y: float, name: str, ticks: Sequence[float] | None = None) -> None:
        self.path(f"M{scale.start:.1f} {y:.1f}H{scale.end:.1f}", "axis")
        for tick in scale.ticks() if ticks is None else ticks:
            x = float(scale(tick))
            self.path(f"M{x:.1f} {y:.1f}v4", "axis")
            self.text(x, y + 15, number(tick), "tick", "middle")
        self.text((scale.start + scale.end) / 2, y + 29, name, "name", "middle")

    def y_axis(self, scale: Scale, x: float, name: str, width: float) -> None:
        for tick in scale.ticks():
            y = float(scale(tick))
            self.path(f"M{x:.1f} {y:.1f}h{width:.1f}", "grid")
            self.text(x - 5, y + 4, number(tick), "tick", "end")
        self.text(x - 5, scale.end - 8, name, "name")

    def inline(self, title: str, description: str = "") -> str:
        """For the page, which brings colours and rules."""
        return self._svg(title, description, "")

    def standalone(self, title: str, description: str = "") -> str:
        """A file of its own, light, for papers."""
        style = f"<style>:root {{ {variables(LIGHT)} }}{RULES}</style>"
        background = '<rect width="100%" height="100%" fill="#ffffff"/>'
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + self._svg(title, description, style + background)

    def _svg(self, title: str, description: str, before: str) -> str:
        label = escape(f"{title}. {description}" if description else title)
        return (
            f'<svg class="fig" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'role="img" aria-label="{label}">{before}{"".join(self.shapes)}</svg>'
        )


def number(value: float) -> str:
    """A short number, with a true minus."""
    return f"{value:g}".replace("-", "−")


def polyline(x: NDArray[np.floating], y: NDArray[np.floating]) -> str:
    """Path data through points, those left out that lie on a level between their neighbours."""
    y = np.round(np.asarray(y, dtype=np.float64), 1)
    keep = np.ones(len(y), dtype=bool)
    if len(y) > 2:
        keep[1:-1] = (y[1:-1] != y[:-2]) | (y[1:-1] != y[2:])
    return "M" + "L".join(f"{a:.1f} {b:g}" for a, b in zip(x[keep], y[keep], strict=True))
