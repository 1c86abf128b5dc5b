"""Boltzmann inversion: from distributions of mapped frames to bonded potentials.

Tschoep, Kremer, Batoulis, Buerger, Hahn, Acta Polym. 49, 61 (1998).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.tabulated import BONDED, Key, Table, Terms, terms_of

Floats = NDArray[np.float64]

BINS = {"bonds": 60, "angles": 60, "dihedrals": 72, "spans": 60}
"""Bins over the range that was seen; of dihedrals, over the whole turn."""
KNOTS = {"bonds": 400, "angles": 361, "dihedrals": 145, "spans": 400}
"""Points of a table."""
TRUSTED = 10
"""Counts that a bin needs; beyond the outermost such bins potentials go on as parabolas."""
CALM = 3.0
"""Bins over which corrections are smoothed."""
FEWEST = 100
"""Samples of a class below which nothing can be said of its distribution."""


def measure(chains: NDArray[np.floating], terms: Terms, what: str) -> dict[Key, Floats]:
    """Bond lengths (nm) or angles (radian) by class.

    Args:
        chains: ``(..., n_atoms, 3)`` nm, molecules whole.
        terms: of one molecule.
        what: ``bonds``, ``angles``, ``dihedrals`` or ``spans``.
    """
    x = np.asarray(chains, dtype=np.float64).reshape(-1, *np.shape(chains)[-2:])
    ways = {"bonds": bond_lengths, "angles": bond_angles, "dihedrals": torsions, "spans": bond_lengths}
    values = ways[what](x, terms.beads)
    if what == "dihedrals":
        values = values * terms.signs
    return {key: values[:, terms.classes == k].ravel() for k, key in enumerate(terms.keys)}


def bond_lengths(x: Floats, pairs: NDArray[np.int64]) -> Floats:
    """``(n_molecules, n_pairs)`` nm, from the first to the last of every row."""
    return np.asarray(np.linalg.norm(x[:, pairs[:, -1]] - x[:, pairs[:, 0]], axis=-1))


def bond_angles(x: Floats, triples: NDArray[np.int64]) -> Floats:
    """``(n_molecules, n_triples)`` radian."""
    i, j, k = triples.T
    one, other = x[:, i] - x[:, j], x[:, k] - x[:, j]
    sine = np.linalg.norm(np.cross(one, other), axis=-1)
    return np.arctan2(sine, (one * other).sum(axis=-1))


def torsions(x: Floats, fours: NDArray[np.int64]) -> Floats:
    """``(n_molecules, n_fours)`` radian, IUPAC."""
    i, j, k, m = fours.T
    one, axis, other = x[:, j] - x[:, i], x[:, k] - x[:, j], x[:, m] - x[:, k]
    first, second = np.cross(one, axis), np.cross(axis, other)
    along = (np.cross(first, second) * axis).sum(axis=-1) / np.linalg.norm(axis, axis=-1)
    return np.arctan2(along, (first * second).sum(axis=-1))


def invert_bonded(
    chains: NDArray[np.floating],
    graph: MolecularGraph,
    temperature: float,
    *,
    mirror: Mapping[str, str],
    skip_ends: int = 0,
    spans: int = 0,
) -> dict[str, dict[Key, Table]]:
    """Potentials of bonds, angles and dihedrals by classes of bead types.

    Args:
        chains: ``(n_molecules, n_beads, 3)`` nm, whole, of all frames.
        graph: the beads of one molecule.
        temperature: K of the frames.
        mirror: types that are mirror images, both ways.
        skip_ends: leave out terms with beads that are fewer than so many bonds from an end of the chain.
        spans: also invert the distances of beads so many bonds apart.

    Raises:
        InputError: a class with too few samples.
    """
    found = {}
    for what in BONDED if spans else BONDED[:3]:
        terms = inner_terms(graph, mirror, what, skip_ends, spans)
        samples = measure(chains, terms, what)
        for key, values in samples.items():
            if len(values) < FEWEST:
                raise InputError(
                    f"the {what} {'-'.join(key)} were seen {len(values)} times only; give more frames"
                )
        found[what] = {key: invert(values, what, temperature) for key, values in samples.items()}
    return found


def inner_terms(
    graph: MolecularGraph, mirror: Mapping[str, str], what: str, skip_ends: int, spans: int = 0
) -> Terms:
    """The terms whose beads are at least ``skip_ends`` bonds from every end."""
    terms = terms_of(graph, mirror, what, spans)
    inner = np.array([depth >= skip_ends for depth in _depths(graph)])
    kept = inner[terms.beads].all(axis=1)
    keys = tuple(key for k, key in enumerate(terms.keys) if (terms.classes[kept] == k).any())
    number = {terms.keys.index(key): k for k, key in enumerate(keys)}
    classes = np.array([number[c] for c in terms.classes[kept].tolist()], dtype=np.int64)
    return Terms(keys, terms.beads[kept], classes, terms.signs[kept])


def _depths(graph: MolecularGraph) -> Iterator[int]:
    """Bonds from every bead to the nearest end of its molecule."""
    depth = np.where(graph.degrees <= 1, 0, graph.n_atoms)
    for _ in range(graph.n_atoms):
        near = np.array([min((depth[n] for n in around), default=0) for around in graph.neighbours])
        depth = np.minimum(depth, near + 1)
    yield from depth.tolist()


def invert(values: Floats, what: str, temperature: float) -> Table:
    """``-kT ln P`` of one class, P per element of volume (r^2, sin theta, 1), its lowest point at zero.

    Smoothed by a Gaussian of one bin; outside of what was seen a parabola with the force at the edge and
    the curvature of a harmonic distribution of the same width (bonds and angles), or a barrier as high as
    a single count (dihedrals).
    """
    kt = GAS_CONSTANT * temperature
    if what == "dihedrals":
        return _invert_turn(values, kt)
    low, high = (0.0, np.pi) if what == "angles" else (0.0, 2.0 * values.max())
    counts, edges = np.histogram(values, BINS[what])
    smooth = smoothed(counts.astype(np.float64))
    middle = (edges[:-1] + edges[1:]) / 2
    volume = np.sin(middle) if what == "angles" else middle**2
    seen = np.flatnonzero(smooth >= TRUSTED)
    inside = slice(seen[0], seen[-1] + 1)
    energies = -kt * np.log(np.maximum(smooth[inside], 0.5) / volume[inside])
    grid = np.linspace(low, high, KNOTS[what])
    table = continued(grid, middle[inside], energies, stiffness=kt / values.var())
    return Table(low, float(high), table - table.min())


def _invert_turn(values: Floats, kt: float) -> Table:
    counts, edges = np.histogram(values, BINS["dihedrals"], (-np.pi, np.pi))
    smooth = smoothed(counts.astype(np.float64), periodic=True)
    middle = (edges[:-1] + edges[1:]) / 2
    energies = -kt * np.log(np.maximum(smooth, 1.0))
    grid = np.linspace(-np.pi, np.pi, KNOTS["dihedrals"])
    wide = np.concatenate([middle - 2 * np.pi, middle, middle + 2 * np.pi])
    table = _spline(wide, np.tile(energies, 3))(grid)
    table[-1] = table[0]
    return Table(-np.pi, np.pi, table - table.min())


def continued(grid: Floats, x: Floats, energies: Floats, stiffness: float) -> Floats:
    """A potential known on ``x``, on the whole grid: parabolas beyond the edges, never turning back."""
    spline = _spline(x, energies)
    table = spline(np.clip(grid, x[0], x[-1]))
    # slopes of the outer few points together: a single difference is mostly noise
    n = min(4, len(x))
    falls = min(0.0, float(np.polyfit(x[:n], energies[:n], 1)[0]))
    rises = max(0.0, float(np.polyfit(x[-n:], energies[-n:], 1)[0]))
    below, above = np.minimum(grid - x[0], 0.0), np.maximum(grid - x[-1], 0.0)
    return np.asarray(
        table + falls * below + rises * above + 0.5 * stiffness * (below**2 + above**2), dtype=np.float64
    )


def correction(ours: Floats, theirs: Floats, table: Table, what: str) -> Floats:
    """``ln(P / P_target)`` of one class on the grid of its table: zero where there is too little to say.

    Args:
        ours, theirs: samples of the model and of the target.
    """
    turn = what == "dihedrals"
    low, high = (-np.pi, np.pi) if turn else (theirs.min(), theirs.max())
    mine, edges = np.histogram(ours, BINS[what], (low, high))
    target, _ = np.histogram(theirs, BINS[what], (low, high))
    mine, target = (smoothed(counts.astype(np.float64), periodic=turn) for counts in (mine, target))
    share = np.log((mine + 1) / len(ours)) - np.log((target + 1) / len(theirs))
    share[np.maximum(mine, target) < TRUSTED] = 0.0
    # noise between neighbouring bins would add up over the iterations, and stiffen the potential
    share = smoothed(share, CALM, periodic=turn)
    middle = (edges[:-1] + edges[1:]) / 2
    return np.interp(table.grid, middle, share, period=2 * np.pi if turn else None)


def smoothed(values: Floats, width: float = 1.0, *, periodic: bool = False) -> Floats:
    """A Gaussian of so many bins over the last axis."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(values, width, mode="wrap" if periodic else "nearest"))


def _spline(x: Floats, y: Floats) -> Any:
    from scipy.interpolate import CubicSpline

    return CubicSpline(x, y)
