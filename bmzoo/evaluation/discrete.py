"""From features of trajectories to clusters, and the Markov models of one side with their bootstraps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.markov import Markov, count_transitions, estimate
from bmzoo.evaluation.resampling import MIN_BLOCKS, draws, halves
from bmzoo.evaluation.trajectories import by_unit, pieces

if TYPE_CHECKING:
    from bmzoo.systems.system import Landscape

Floats = NDArray[np.float64]
FRAMES_PER_CENTRE = 20
N_DRAWS = 20


@dataclass(frozen=True, eq=False)
class Discretisation:
    """From features to clusters; fitted on the reference alone.

    Attributes:
        project: features to the space of the clusters.
        model: deeptime's clustering.
        lag: frames; of the Markov model.
        interval: ps between frames.
    """

    project: Callable[[Floats], Floats]
    model: Any
    lag: int
    interval: float

    @classmethod
    def fit(
        cls, runs: list[Floats], landscape: Landscape, interval: float, seed: int
    ) -> Discretisation | None:
        """``None`` where no piece of trajectory is longer than two lag times.

        Args:
            runs: ``(n_frames, n_molecules, n_features)`` each.
            interval: ps between frames.
        """
        from deeptime.clustering import KMeans
        from deeptime.decomposition import TICA

        lag = max(1, round(landscape.lag_time / interval))
        if max(len(piece) for piece in pieces(runs)) <= 2 * lag:
            return None
        rows = [run[:, k] for run in runs for k in range(run.shape[1])]

        def as_they_are(values: Floats) -> Floats:
            return values

        project: Callable[[Floats], Floats] = as_they_are
        if landscape.kind == "tica_ca":
            long_enough = [run for run in rows if len(run) > lag + 1]
            project = TICA(lagtime=lag, dim=landscape.processes).fit(long_enough).fetch_model().transform
        points = project(np.concatenate(rows))
        n_centres = max(2, min(landscape.centres, len(points) // FRAMES_PER_CENTRE))
        model = KMeans(n_centres, fixed_seed=seed + 1, max_iter=200).fit_fetch(points)
        return cls(project, model, lag, interval)

    def __call__(self, run: Floats) -> NDArray[np.int64]:
        """``(n_frames, n_trajectories)`` clusters of features ``(n_frames, n_trajectories, n)``."""
        points = self.project(run.reshape(-1, run.shape[-1]))
        states: NDArray[np.int64] = self.model.transform(points).astype(np.int64).reshape(run.shape[:2])
        return states

    @property
    def n_states(self) -> int:
        return len(self.centres)

    @property
    def centres(self) -> Floats:
        return np.asarray(self.model.cluster_centers)

    @property
    def lag_time(self) -> float:
        return self.lag * self.interval


@dataclass(frozen=True, eq=False)
class Discrete:
    """Discrete trajectories of one side, and its Markov models."""

    trajectories: list[NDArray[np.int64]]
    states: Discretisation
    n_processes: int
    seed: int
    known: dict[tuple[Any, ...], list[Markov]] = field(default_factory=dict)

    @cached_property
    def n_frames(self) -> int:
        return sum(t.size for t in self.trajectories)

    @cached_property
    def longest(self) -> int:
        return max(len(t) for t in self.trajectories)

    @cached_property
    def n_units(self) -> int:
        return len(self._counts(self.states.lag))

    @property
    def every(self) -> list[int]:
        return list(range(self.n_units))

    @property
    def model(self) -> Markov:
        return self.resampled[0]

    @property
    def resolved(self) -> list[int]:
        """Processes slower than the lag time: of faster ones a model at that lag knows nothing."""
        return np.flatnonzero(self.model.timescales > self.states.lag_time).tolist()

    @property
    def resampled(self) -> list[Markov]:
        """The model of all trajectories, then those of bootstrap draws."""
        return self.draw(self.states.lag, self.every)

    @property
    def halves(self) -> tuple[list[Markov], list[Markov]]:
        """The same of two disjoint halves."""
        one, other = halves(self.n_units)
        return self.draw(self.states.lag, one), self.draw(self.states.lag, other, 1)

    def at(self, multiple: int) -> Markov:
        """The model of all trajectories at so many lag times."""
        return self._estimate(
            self._counts(multiple * self.states.lag).sum(axis=0), multiple * self.states.lag
        )

    def draw(self, lag: int, units: list[int], offset: int = 0) -> list[Markov]:
        """The model of some units, and those of draws from them (none where there are too few)."""
        key = (lag, *units, offset)
        if key not in self.known:
            counts = self._counts(lag)[units]
            weights = draws(len(units), self.seed + offset, N_DRAWS if self.n_units >= MIN_BLOCKS else 0)
            self.known[key] = [self._estimate(c, lag) for c in np.tensordot(weights, counts, axes=1)]
        return self.known[key]

    def _counts(self, lag: int) -> Floats:
        return by_unit(count_transitions(self.trajectories, lag, self.states.n_states))

    def _estimate(self, counts: Floats, lag: int) -> Markov:
        return estimate(counts, lag * self.states.interval, self.n_processes)


def features(positions: Floats, landscape: Landscape) -> Floats:
    """``(..., n)`` features of positions ``(..., n_atoms, 3)``: sines and cosines, or distances in nm."""
    if landscape.kind == "phi_psi":
        angles = geometry.dihedrals(positions, np.array(landscape.atoms))
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
    carbons = np.array(landscape.atoms).ravel()
    i, j = np.triu_indices(len(carbons), k=1)
    return geometry.lengths(positions, np.stack([carbons[i], carbons[j]], axis=1))
