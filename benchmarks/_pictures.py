"""Pictures that are no curves: points coloured by a value, and molecules over one another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from _figures import COLOURS, REFERENCE, grid, save
from numpy.typing import NDArray


def points(
    path: Path,
    shown: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    title: str,
    *,
    labels: tuple[str, str],
    values: str,
) -> None:
    """Points in a plane, coloured by a value; the colours end at the 1st and 99th percentile.

    Args:
        shown: by name, ``(n, 2)`` points and ``(n,)`` values.
        labels: of the axes.
        values: what the colour says.
    """
    figure, axes, plt = grid(len(shown), title)
    every = np.concatenate([value for _, value in shown.values()])
    low, high = np.percentile(every, (1, 99))
    drawn = None
    for axis, (name, (place, value)) in zip(axes, shown.items(), strict=False):
        drawn = axis.scatter(
            *place.T, c=value, s=2, cmap="viridis", vmin=low, vmax=high, linewidths=0, rasterized=True
        )
        axis.set(title=name, xlabel=labels[0], ylabel=labels[1])
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    figure.colorbar(drawn, ax=axes, label=values, fraction=0.05, aspect=30)
    save(figure, path, plt)


def molecules(
    path: Path,
    shown: Mapping[str, NDArray[Any]],
    beads: NDArray[Any],
    bonds: NDArray[np.int64],
    title: str,
) -> None:
    """Samples of one frame over one another as lines along bonds, seen along their shortest axis.

    Args:
        shown: by name, ``(n_samples, n_atoms, 3)`` nm.
        beads: ``(n_beads, 3)`` nm, drawn as circles.
        bonds: ``(n, 2)``.
    """
    figure, axes, plt = grid(len(shown), title)
    middle = beads.mean(axis=0)
    plane = np.linalg.svd(np.concatenate(list(shown.values())).reshape(-1, 3) - middle)[2][:2].T
    for axis, (name, samples), colour in zip(axes, shown.items(), (REFERENCE, *COLOURS), strict=False):
        for atoms in samples:
            flat = (atoms - middle) @ plane
            ends = flat[bonds]
            axis.plot(ends[..., 0].T, ends[..., 1].T, color=colour, alpha=0.5, linewidth=0.9)
        axis.scatter(*((beads - middle) @ plane).T, s=18, facecolors="none", edgecolors="black", zorder=3)
        axis.set(title=name, aspect="equal")
        axis.set_axis_off()
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    save(figure, path, plt)
