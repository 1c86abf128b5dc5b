"""Markov state models of discrete trajectories (deeptime): timescales, eigenvectors, Chapman-Kolmogorov."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Markov:
    """A reversible Markov state model on the largest connected set.

    Attributes:
        states: ``(n_active,)`` clusters of the connected set, ascending.
        matrix: ``(n_active, n_active)`` transition probabilities.
        stationary: ``(n_active,)``.
        timescales: ``(k,)`` implied timescales in the unit of the lag time; NaN where there are fewer.
        modes: ``(n_states, k)`` eigenvectors of the symmetrised matrix over all clusters, of length
            one: right eigenvectors times the square root of the stationary distribution.
        share: of all transitions, those inside the connected set.
    """

    states: Ints
    matrix: Floats
    stationary: Floats
    timescales: Floats
    modes: Floats
    share: float


def count_transitions(trajectories: Sequence[Ints], lag: int, n_states: int) -> list[Floats]:
    """``(n_states, n_states)`` sliding-window counts of each ``(n_frames, n_trajectories)``."""
    found = []
    for states in trajectories:
        pairs = states[:-lag] * n_states + states[lag:]
        counts = np.bincount(pairs.ravel(), minlength=n_states**2)
        found.append(counts.reshape(n_states, n_states).astype(np.float64))
    return found


def estimate(counts: Floats, lag_time: float, n_processes: int) -> Markov:
    """Maximum-likelihood reversible model of ``(n_states, n_states)`` counts (Trendelkamp-Schroer et al., JCP
    143, 174101, 2015); ``lag_time`` and timescales in ps."""
    from deeptime.markov import TransitionCountModel
    from deeptime.markov.msm import MaximumLikelihoodMSM

    n_states = len(counts)
    timescales = np.full(n_processes, np.nan)
    modes = np.zeros((n_states, n_processes))
    whole = TransitionCountModel(counts)
    part = whole.submodel_largest()
    states = np.asarray(part.state_symbols, dtype=np.int64)
    share = float(part.count_matrix.sum() / max(counts.sum(), 1.0))
    if len(states) < 2:
        one = np.ones(len(states))
        return Markov(states, np.eye(len(states)), one, timescales, modes, share)
    model: Any = MaximumLikelihoodMSM(reversible=True, maxiter=100_000).fit_fetch(part)
    known = min(n_processes, len(states) - 1)
    values = np.clip(np.abs(model.eigenvalues(known + 1)[1:]), 1e-300, 1 - 1e-12)
    timescales[:known] = -lag_time / np.log(values)
    stationary = np.asarray(model.stationary_distribution)
    found = np.sqrt(stationary)[:, None] * model.eigenvectors_right(known + 1)[:, 1:].real
    modes[states, :known] = found / np.linalg.norm(found, axis=0)
    return Markov(states, np.asarray(model.transition_matrix), stationary, timescales, modes, share)


def cosines(one: Markov, other: Markov) -> Floats:
    """``(k,)`` cosines between processes of the same rank, 0 to 1; clusters that one lacks count as zero."""
    found = np.abs((one.modes * other.modes).sum(axis=0))
    return np.where(np.isnan(one.timescales) | np.isnan(other.timescales), np.nan, found)


def metastable_sets(model: Markov, n_sets: int, n_states: int) -> Ints:
    """``(n_states,)`` metastable set of every cluster by PCCA+; -1 outside the connected set.

    All -1 where there is but one cluster, or PCCA+ finds the matrix not reversible enough.
    Roeblitz and Weber, Adv. Data Anal. Classif. 7, 147, 2013.
    """
    from deeptime.markov import pcca

    sets = np.full(n_states, -1, dtype=np.int64)
    n_sets = min(n_sets, len(model.states))
    if n_sets > 1:
        with suppress(ValueError):
            sets[model.states] = pcca(model.matrix, n_sets, model.stationary).assignments
    return sets


def chapman_kolmogorov(
    model: Markov, later: Callable[[int], Markov], sets: Ints, multiples: Sequence[int]
) -> tuple[Floats, Floats]:
    """Predicted and estimated probabilities of staying in each metastable set.

    Prinz et al., J. Chem. Phys. 134, 174105, 2011: the model's matrix to the n-th power against a
    model estimated at n lag times, both from the first model's stationary distribution inside a set.

    Args:
        model: at one lag time.
        later: the model at so many lag times.
        sets: set of every cluster.

    Returns:
        two arrays ``(n_multiples, n_sets)``, NaN where a set is empty.
    """
    n_sets = int(sets.max()) + 1
    found = np.full((2, len(multiples), n_sets), np.nan)
    for place, n in enumerate(multiples):
        power = np.linalg.matrix_power(model.matrix, n)
        found[0, place] = _staying(power, model.stationary, sets[model.states], n_sets)
        other = later(n)
        weights = np.zeros(len(sets))
        weights[model.states] = model.stationary
        found[1, place] = _staying(other.matrix, weights[other.states], sets[other.states], n_sets)
    return found[0], found[1]


def _staying(matrix: Floats, weights: Floats, sets: Ints, n_sets: int) -> Floats:
    found = np.full(n_sets, np.nan)
    for number in range(n_sets):
        inside = np.where(sets == number, weights, 0.0)
        if inside.sum() > 0:
            found[number] = (inside @ matrix)[sets == number].sum() / inside.sum()
    return found
