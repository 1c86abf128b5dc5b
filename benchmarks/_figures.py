"""One style for the figures of this folder: distributions, curves over a setting, lines and surfaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError

# Okabe and Ito: told apart by everybody.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
REFERENCE = "#9a9a9a"
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.7,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "bmzoo",
}
COLUMNS = 4
PANEL = (2.15, 1.75)
"""Inches."""
MARK = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "alpha": 0.8, "linewidth": 0}
HIGHEST = 2.0
"""Panels end at so many times the reference's peak."""


def distributions(
    path: Path,
    sides: Mapping[str, Mapping[str, Mapping[str, NDArray[Any]]]],
    panels: Sequence[str],
    title: str,
    *,
    tails: Sequence[str] = (),
) -> None:
    """Histograms of several methods over the reference's, a panel an observable.

    Args:
        sides: histograms by the name of the method.
        panels: keys of the histograms; those that nobody has are left out.
        tails: keys that get another panel with a logarithmic axis.
    """
    some = next(iter(sides.values()))
    shown = [(key, False) for key in panels if key in some] + [(key, True) for key in tails if key in some]
    figure, axes, plt = grid(len(shown) + 1, title)
    for axis, (key, logarithmic) in zip(axes, shown, strict=False):
        edges, reference = _histogram(key, some[key], "reference")
        axis.stairs(reference, edges, fill=True, color=REFERENCE, alpha=0.45, label="reference", linewidth=0)
        drawn = [reference]
        for name, colour in zip(sides, COLOURS, strict=False):
            _, values = _histogram(key, sides[name][key], "generated")
            drawn.append(values)
            axis.stairs(values, edges, color=colour, label=name, linewidth=1.3)
        _limits(axis, edges, drawn, logarithmic)
        axis.set_title(_label(key) + (" (log)" if logarithmic else ""))
        axis.set_xlabel(_unit(key))
    _legend(axes, len(shown))
    save(figure, path, plt)


def curves(
    path: Path,
    lines: Mapping[str, Sequence[tuple[float, Mapping[str, float | None]]]],
    panels: Sequence[str],
    title: str,
    *,
    xlabel: str,
    floors: Mapping[str, float | None],
    logarithmic_x: bool = False,
) -> None:
    """Scores over a setting, a line for each way of doing it.

    Args:
        lines: by name, points of (setting, scores by panel).
        floors: of each panel, a dashed line; ``None``: none.
    """
    figure, axes, plt = grid(len(panels) + 1, title)
    for axis, panel in zip(axes, panels, strict=False):
        if floors.get(panel) is not None:
            axis.axhline(
                floors[panel], color="#444444", linestyle=(0, (4, 3)), linewidth=1, label="reference"
            )
        for (name, points), colour in zip(lines.items(), COLOURS, strict=False):
            known = [(x, scores[panel]) for x, scores in points if scores.get(panel) is not None]
            if known:
                axis.plot(*zip(*known, strict=True), "o-", color=colour, label=name, markersize=3.5)
        ticks = sorted({x for points in lines.values() for x, _ in points})
        if logarithmic_x:
            axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, [f"{x:g}" for x in ticks])
        axis.set_title(panel)
        axis.set_xlabel(xlabel)
        axis.margins(y=0.12)
    _legend(axes, len(panels))
    save(figure, path, plt)


@dataclass(frozen=True)
class Panel:
    """Lines of one panel.

    Attributes:
        lines: by name, x, y and the error of y (or ``None``). The first is drawn grey;
            ``NAME+REFINEMENT`` has the colour of ``NAME``, dashed, or dotted where minimised.
        scale: of the axes, as in ``log-linear``.
        diagonal: whether y = x is drawn: no timescale below the lag time means anything.
        crosses: places where a line came to a bad end, by its name; those above the lines stand at the top.
    """

    title: str
    xlabel: str
    lines: Mapping[str, Sequence[tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]]]
    scale: str = "linear-linear"
    diagonal: bool = False
    crosses: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


def panels(path: Path, shown: Sequence[Panel], title: str) -> None:
    """Lines with their errors as bands, a panel each."""
    figure, axes, plt = grid(len(shown) + 1, title)
    colours = (REFERENCE, *COLOURS)
    for axis, panel in zip(axes, shown, strict=False):
        bases = list(dict.fromkeys(name.partition("+")[0] for name in panel.lines))
        colour_of = {n: colours[bases.index(n.partition("+")[0]) % len(colours)] for n in panel.lines}
        for name, colour in colour_of.items():
            dashes = {"": "-", "minimise": ":"}.get(name.partition("+")[2], "--")
            for x, y, error in panel.lines[name]:
                axis.plot(x, y, dashes, color=colour, label=name)
                if error is not None:
                    low = y - error
                    if panel.scale.endswith("log"):
                        low = np.maximum(low, 1e-3 * np.abs(y))
                    axis.fill_between(x, low, y + error, color=colour, alpha=0.2, linewidth=0)
        for axis_name, scale in zip("xy", panel.scale.split("-"), strict=True):
            axis.set(**{f"{axis_name}scale": scale})
        top = axis.get_ylim()[1]
        for name, places in panel.crosses.items():
            label = None if panel.lines.get(name) else name
            for x, y in places:
                axis.plot(x, min(y, top), "x", color=colour_of[name], markersize=5, label=label,
                          clip_on=False, scaley=False)  # fmt: skip
        if panel.diagonal:
            ends = axis.get_xlim()
            axis.plot(ends, ends, color="#444444", linestyle=(0, (4, 3)), linewidth=1, label="lag time")
        axis.set_title(panel.title)
        axis.set_xlabel(panel.xlabel)
    _legend(axes, len(shown))
    save(figure, path, plt)


def surfaces(
    path: Path,
    counts: Mapping[str, NDArray[Any]],
    edges: Sequence[NDArray[Any]],
    title: str,
    *,
    labels: tuple[str, str],
    marks: NDArray[Any] | None = None,
) -> None:
    """Free-energy surfaces in kT above their minimum, all on one scale.

    Args:
        counts: by name, ``(n, n)``; empty cells stay white.
        edges: of the two axes.
        marks: ``(m, 2)`` places that are numbered from 1.
    """
    figure, axes, plt = grid(len(counts), title)
    shown = None
    for axis, (name, cells) in zip(axes, counts.items(), strict=False):
        with np.errstate(divide="ignore"):
            energy = -np.log(cells / max(cells.max(), 1e-300))
        masked = np.ma.masked_invalid(energy).T
        shown = axis.pcolormesh(edges[0], edges[1], masked, cmap="viridis", vmin=0, vmax=7, rasterized=True)
        axis.set(title=name, xlabel=labels[0], ylabel=labels[1])
        for number, place in enumerate(marks if marks is not None else (), start=1):
            axis.annotate(str(number), place, ha="center", va="center", fontsize=7, bbox=MARK)
        if not any(labels):
            axis.set(xticks=[], yticks=[])
    for axis in axes[len(counts) :]:
        axis.set_axis_off()
    figure.colorbar(shown, ax=axes, label="kT", fraction=0.05, aspect=30)
    save(figure, path, plt)


def matrices(path: Path, shown: Mapping[str, NDArray[Any]], title: str, *, labels: tuple[str, str]) -> None:
    """Confusion matrices as shares of their rows, in percent.

    Args:
        shown: by name, ``(n, n)`` counts.
        labels: of columns and rows.
    """
    figure, axes, plt = grid(len(shown), title)
    for axis, (name, counts) in zip(axes, shown.items(), strict=False):
        share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=100)
        ticks = range(len(share))
        for i in ticks:
            for j in ticks:
                colour = "white" if share[i, j] > 60 else "#222222"
                axis.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
        names = [str(k + 1) for k in ticks]
        axis.set(title=name, xlabel=labels[0], ylabel=labels[1])
        axis.set_xticks(ticks, names)
        axis.set_yticks(ticks, names)
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    save(figure, path, plt)


def grid(count: int, title: str) -> tuple[Any, list[Any], Any]:
    """Figure, at least so many axes, and pyplot.

    Raises:
        InputError: no matplotlib.
    """
    try:
        import matplotlib
    except ImportError:
        raise InputError("figures need matplotlib; install bmzoo[docs]") from None
    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(STYLE)
    columns = min(COLUMNS, count)
    n_rows = -(-count // columns)
    size = (PANEL[0] * columns, PANEL[1] * n_rows + 0.35)
    figure, axes = plt.subplots(n_rows, columns, figsize=size, layout="constrained", squeeze=False)
    figure.suptitle(title if columns > 1 else title.replace(": ", ":\n"), fontsize=10)
    return figure, list(axes.ravel()), plt


def _legend(axes: Sequence[Any], used: int) -> None:
    """The first free panel holds the legend; the others vanish."""
    handles: dict[str, Any] = {}
    for axis in axes[:used]:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    for axis in axes[used:]:
        axis.set_axis_off()
    axes[used].legend(handles.values(), handles.keys(), loc="center left", handlelength=1.6)


def save(figure: Any, path: Path, plt: Any) -> None:
    """Writes a figure, the same bytes every time, and forgets it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _histogram(
    key: str, entry: Mapping[str, NDArray[Any]], side: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges and normalised counts; g(r), which has no overflow bins, stays as it is.

    Energies are drawn in bins of twice the width, and all that lies beyond the edges in one more at
    either end: a tail that leaves the reference's range is what one looks for.
    """
    edges, values = np.asarray(entry["edges"]), np.asarray(entry[side], dtype=np.float64)
    if len(values) < len(edges):
        return edges, values
    values = values / max(values.sum(), 1e-300)
    if key.startswith("energetics/"):
        width = 2 * (edges[1] - edges[0])
        edges = np.concatenate([[edges[0] - width], edges[::2], [edges[-1] + width]])
        values = np.concatenate([values[:1], values[1:-1].reshape(-1, 2).sum(axis=1), values[-1:]])
    else:
        values = values[1:-1]
    return edges, values / np.diff(edges)


def _limits(axis: Any, edges: NDArray[Any], drawn: Sequence[NDArray[Any]], logarithmic: bool) -> None:
    """Shows where anything is to be seen."""
    top = max(float(values.max()) for values in drawn)
    seen = np.flatnonzero(np.max(drawn, axis=0) > 0.004 * top)
    if len(seen) and not logarithmic:
        axis.set_xlim(edges[max(seen[0] - 2, 0)], edges[min(seen[-1] + 3, len(edges) - 1)])
    if logarithmic:
        axis.set_yscale("log")
        axis.set_ylim(max(top * 1e-4, 1e-12), 2 * top)
    else:
        # A collapsed distribution would flatten all others.
        top = min(top, HIGHEST * float(drawn[0].max())) or 1
        axis.set_ylim(0, 1.08 * top)
        axis.set_yticks([])
    if logarithmic or axis.get_title():
        axis.minorticks_off()


def _label(key: str) -> str:
    family, name = key.split("/", 1)
    kind, _, atoms = name.partition("[")
    if family == "energetics":
        return "Lennard-Jones of a chain" if kind == "lj" else f"{kind} energy of a chain"
    atoms = atoms.rstrip("]").replace("_AR", "ar").replace("-", "–")
    return f"g(r) {atoms}" if kind.startswith("g_") else f"{kind} {atoms}"


def _unit(key: str) -> str:
    if key.startswith("packing/"):
        return "nm"
    return "kJ/mol" if key.startswith("energetics/") else "degrees"
