"""Structural environments as points: SOAP of monomers, chains, molecules; clusters and populations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.evaluation.soap import Chosen, group_means, heavy_atoms, power_spectra
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_CLUSTERS = 8
SMALLEST = 0.01
SILHOUETTE_POINTS = 1000
"""Of how many points the silhouette is worked out, at most."""


@dataclass(frozen=True, eq=False)
class Environments:
    """Environments of some frames.

    Attributes:
        vectors: ``(n, n_features)`` of unit length: distances are ``sqrt(2 - 2 k)``, k the SOAP kernel.
        frames: ``(n,)`` place of each one's frame.
    """

    vectors: Floats
    frames: Ints


def bead_groups(topology: Topology, size: int | None, *, ends: bool = True) -> list[Ints]:
    """Heavy atoms of every ``size`` beads that follow one another, or of the whole molecule.

    Args:
        size: beads a group, such as the two of a polystyrene monomer; ``None``: the molecule.
        ends: whether the first and the last group count; ends of a chain are clusters of their own.

    Raises:
        InputError: no whole number of groups, or none left.
    """
    heavy = heavy_atoms(topology.graph)
    if size is None:
        return [heavy]
    if size < 1 or topology.n_beads % size:
        raise InputError(
            f"{topology.n_beads} beads of {topology.graph.name} are no whole number of groups of {size}"
        )
    number = topology.mapping.owners[heavy] // size
    groups = [heavy[number == k] for k in range(topology.n_beads // size)]
    kept = [group for group in (groups if ends else groups[1:-1]) if len(group)]
    if not kept:
        raise InputError(f"{topology.graph.name} has no groups of {size} beads between its ends")
    return kept


def describe(
    frames: Iterable[Frame], topology: Topology, groups: list[Ints], *, surroundings: bool = True
) -> Environments:
    """SOAP of groups of atoms: the mean over their heavy atoms, normalised.

    Args:
        frames: molecules whole.
        groups: atoms of one molecule, ``(n,)`` each, as of :func:`bead_groups`.
        surroundings: whether other molecules are seen, or every molecule only by itself.

    Raises:
        InputError: no frames.
    """
    vectors, numbers = [], []
    heavy = heavy_atoms(topology.graph)
    for number, frame in enumerate(frames):
        x = np.asarray(frame.positions, dtype=np.float64).reshape(-1, topology.n_atoms, 3)
        if surroundings:
            box = None if frame.box is None else np.asarray(frame.box, dtype=np.float64)
            chosen = [Chosen(x, box, np.arange(len(x)))]
        else:
            chosen = [Chosen(molecule[None], None, np.zeros(1, dtype=np.int64)) for molecule in x]
        found = group_means(power_spectra(topology.graph, chosen), heavy, groups)
        vectors.append(found / np.linalg.norm(found, axis=1, keepdims=True))
        numbers.append(np.full(len(found), number))
    if not vectors:
        raise InputError("there are no frames whose environments could be described")
    return Environments(np.concatenate(vectors), np.concatenate(numbers))


def fit_clusters(points: Floats, count: int | None = None, seed: int = 0) -> Any:
    """k-means; where no count is given, that of 2 to ``MOST_CLUSTERS`` with the largest mean silhouette.

    Counts that make clusters of less than ``SMALLEST`` of all points are left out, but for two.

    Args:
        points: ``(n, d)`` of the reference.

    Returns:
        scikit-learn's fitted ``KMeans``.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    def fit(k: int) -> Any:
        return KMeans(k, n_init=10, random_state=seed).fit(points)

    if count is not None:
        return fit(count)
    models = [fit(k) for k in range(2, min(MOST_CLUSTERS, len(points) - 1) + 1)]
    shares = [np.bincount(m.labels_).min() / len(points) for m in models]
    models = [m for m, share in zip(models, shares, strict=True) if share >= SMALLEST or m.n_clusters == 2]
    size = min(len(points), SILHOUETTE_POINTS)
    scores = [silhouette_score(points, m.labels_, sample_size=size, random_state=seed) for m in models]
    return models[int(np.argmax(scores))]


def counts_by_frame(labels: Ints, frames: Ints, n_labels: int) -> Floats:
    """``(n_frames, n_labels)``: how often each label occurs in every frame."""
    n_frames = int(frames.max()) + 1 if len(frames) else 0
    flat = np.bincount(frames * n_labels + labels, minlength=n_frames * n_labels)
    return flat.reshape(n_frames, n_labels).astype(np.float64)


def confusion(reference: Ints, generated: Ints, n_labels: int) -> Floats:
    """``(n_labels, n_labels)``: environments of a reference cluster (row) by what became of them."""
    flat = np.bincount(reference * n_labels + generated, minlength=n_labels**2)
    return flat.reshape(n_labels, n_labels).astype(np.float64)


def agreement(matrix: Floats) -> tuple[float, float]:
    """Share of environments that keep their cluster, and Cohen's kappa: 0 is chance, 1 is all.

    ``matrix`` is ``(n_clusters, n_clusters)`` counts, of the reference by what was generated.
    """
    total = matrix.sum()
    kept = float(np.trace(matrix) / total)
    chance = float((matrix.sum(axis=0) * matrix.sum(axis=1)).sum() / total**2)
    return kept, (kept - chance) / (1 - chance) if chance < 1 else float("nan")


def grid_cells(points: Floats, low: Floats, high: Floats, n: int) -> Ints:
    """``(m,)`` cells of ``(m, 2)`` points on an ``n`` by ``n`` grid with a rim for what lies outside."""
    place = np.floor((points - low) / (high - low) * n).astype(np.int64).clip(-1, n) + 1
    return place[:, 0] * (n + 2) + place[:, 1]
