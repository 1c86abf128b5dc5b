"""The slow processes of a Markov state model: timescales, eigenvectors, Chapman-Kolmogorov."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.discrete import Discrete, Discretisation, features
from bmzoo.evaluation.markov import Markov, chapman_kolmogorov, cosines, metastable_sets
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule
from bmzoo.evaluation.resampling import finite
from bmzoo.evaluation.score import make_score
from bmzoo.evaluation.trajectories import (
    TIMING,
    contiguous,
    interval_of,
    obstacle,
    pieces,
    runs_of,
    timed_rows,
    timing,
)

if TYPE_CHECKING:
    from bmzoo.systems.system import Landscape

Floats = NDArray[np.float64]
N_LAGS = 7
MULTIPLES = (1, 2, 3, 4)
"""Lag times of the Chapman-Kolmogorov check."""


class SlowProcesses(Metric):
    """Implied timescales, eigenvector cosines and the Chapman-Kolmogorov check.

    Features, TICA components and cluster centres are those of the reference; both sides' models have
    the same lag time. Errors come from a bootstrap over trajectories (over their pieces where there
    are fewer than eight). Samples of one CG frame are parallel trajectories, drawn together. Frames made
    from a coarse-grained simulation have its time, which runs faster: their timescales are compared over
    the slowest one.
    """

    family = "kinetics"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        assert context.landscape is not None
        self.landscape: Landscape = context.landscape
        self.width = features(np.zeros((1, context.n_atoms, 3)), self.landscape).shape[-1]

    @classmethod
    def applies(cls, context: Context) -> bool:
        return context.landscape is not None

    def rules(self) -> Mapping[str, Rule]:
        return {**TIMING, "rows": contiguous}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        return {**timing(batch), "rows": timed_rows(batch, features(batch.samples, self.landscape))}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        if obstacle(reference, generated) is not None:
            return outcome
        if "side" not in reference.cache:
            reference.cache.update(self._prepare(reference))
        found: Discretisation | None = reference.cache["states"]
        if found is None:
            outcome.notes.append(
                "a Markov model needs trajectories longer than two lag times of "
                f"{self.landscape.lag_time:g} ps: slow processes are left out"
            )
            return outcome
        one: Discrete = reference.cache["side"]
        other = self._discrete(generated, found)
        self._notes(outcome, found, one, other)
        if generated.simulated:
            self._rescaled(outcome, one, other)
        else:
            self._timescales(outcome, one, other)
        self._cosines(outcome, one, other)
        self._chapman_kolmogorov(outcome, one, other)
        self._store(outcome, found, one, other)
        return outcome

    def _prepare(self, reference: Blocks) -> dict[str, Any]:
        runs = runs_of(reference, self.width)
        found = Discretisation.fit(runs, self.landscape, interval_of(reference), self.context.seed)
        return {"states": found, "side": None if found is None else self._discrete(reference, found)}

    def _discrete(self, side: Blocks, states: Discretisation) -> Discrete:
        trajectories = [states(piece) for piece in pieces(runs_of(side, self.width))]
        return Discrete(trajectories, states, self.landscape.processes, self.context.seed)

    def _notes(self, outcome: Outcome, states: Discretisation, one: Discrete, other: Discrete) -> None:
        if states.n_states < self.landscape.centres:
            outcome.notes.append(
                f"Markov model on {states.n_states} centres instead of {self.landscape.centres}, "
                "because there are few reference frames"
            )
        if len(one.resolved) < self.landscape.processes:
            outcome.notes.append(
                f"{len(one.resolved)} of {self.landscape.processes} slow processes of the reference outlive "
                f"the lag time of {states.lag_time:g} ps; the others are left out"
            )
        for name, side in (("reference", one), ("generated", other)):
            if side.model.share < 0.95:
                outcome.notes.append(
                    f"Markov model of the {name} frames: the largest connected set holds "
                    f"{side.model.share:.0%} of the transitions; slow processes are those inside it"
                )

    def _timescales(self, outcome: Outcome, one: Discrete, other: Discrete) -> None:
        error = compared(one, other, lambda a, b: np.abs(np.log(a.timescales / b.timescales)))
        ref, gen = (_timescales(side.resampled) for side in (one, other))
        for place in one.resolved:
            self._own(outcome, f"timescale[{place + 1}]", ref[:, place], gen[:, place], other, "ps")
            if place:
                self._relative(outcome, place, ref, gen, other)
            _add(outcome, f"timescale_error[{place + 1}]", error, place, other, "absolute log of the ratio")

    def _rescaled(self, outcome: Outcome, one: Discrete, other: Discrete) -> None:
        """The slowest timescale as it is, which says how much faster time runs; the others over it."""

        def distance(a: Markov, b: Markov) -> Floats:
            relative = [model.timescales / model.timescales[0] for model in (a, b)]
            return np.abs(np.log(relative[0] / relative[1]))

        error = compared(one, other, distance)
        ref, gen = (_timescales(side.resampled) for side in (one, other))
        for place in one.resolved:
            if not place:
                self._own(outcome, "timescale[1]", ref[:, 0], gen[:, 0], other, "ps")
                continue
            self._relative(outcome, place, ref, gen, other)
            name = f"relative_timescale_error[{place + 1}]"
            _add(outcome, name, error, place, other, "absolute log of the ratio, both over the slowest")

    def _relative(self, outcome: Outcome, place: int, ref: Floats, gen: Floats, side: Discrete) -> None:
        one_share, other_share = (t[:, place] / t[:, 0] for t in (ref, gen))
        self._own(outcome, f"relative_timescale[{place + 1}]", one_share, other_share, side)

    def _own(
        self, outcome: Outcome, name: str, ref: Floats, gen: Floats, side: Discrete, unit: str = ""
    ) -> None:
        """A figure of the generated frames beside the reference's own."""
        if np.isnan(gen[0]) or np.isnan(ref[0]):
            return
        error = finite(_spread(ref))
        outcome.scores[name] = make_score(
            gen[0],
            ref[0],
            finite(_spread(gen)),
            unit=unit,
            n=side.n_frames,
            note="floor is the reference's own value" + ("" if error is None else f", +- {error:.2g}"),
        )

    def _cosines(self, outcome: Outcome, one: Discrete, other: Discrete) -> None:
        found = compared(one, other, cosines)
        paired = np.stack([cosines(a, b) for a, b in zip(one.resampled, other.resampled, strict=False)])
        same = one.n_units == other.n_units
        for place in one.resolved:
            _add(outcome, f"cosine[{place + 1}]", found, place, other, "1 is right")
            if np.isnan(paired[0, place]):
                continue
            outcome.scores[f"cosine_all[{place + 1}]"] = make_score(
                paired[0, place],
                None,
                finite(_spread(paired[:, place])) if same else None,
                n=other.n_frames,
                note="all frames of both sides; frames made from the reference's own share its noise",
            )

    def _chapman_kolmogorov(self, outcome: Outcome, one: Discrete, other: Discrete) -> None:
        sets = metastable_sets(one.model, self.landscape.processes + 1, one.states.n_states)
        longest = min(side.longest for side in (one, other))
        multiples = [n for n in MULTIPLES if 2 * n * one.states.lag < longest]
        if sets.max() < 1 or len(multiples) < 2:
            outcome.notes.append(
                "no Chapman-Kolmogorov check: trajectories are too short, or no metastable sets are found"
            )
            return
        curves = [chapman_kolmogorov(side.model, side.at, sets, multiples) for side in (one, other)]
        differences = [np.abs(predicted - found) for predicted, found in curves]
        if any(np.isnan(values).all() for values in differences):
            outcome.notes.append("no metastable set of the reference is visited: no Chapman-Kolmogorov check")
            return
        errors = [float(np.nanmean(values)) for values in differences]
        outcome.scores["chapman_kolmogorov"] = make_score(
            errors[1],
            errors[0],
            n=other.n_frames,
            note="predicted less estimated probability of staying in a metastable set; "
            "floor is the reference's own value",
        )
        outcome.histograms["chapman_kolmogorov"] = {
            "edges": np.array(multiples) * one.states.lag_time,
            **{
                f"{name}_{what}": values
                for name, curve in zip(("reference", "generated"), curves, strict=True)
                for what, values in zip(("predicted", "estimated"), curve, strict=True)
            },
        }

    def _store(self, outcome: Outcome, states: Discretisation, one: Discrete, other: Discrete) -> None:
        """Timescales over lag times with their errors, and the eigenvectors on the centres."""
        longest = min(side.longest for side in (one, other))
        lags = np.unique(np.geomspace(1, max(states.lag, longest // 3), N_LAGS).round().astype(int))
        entry: dict[str, Any] = {"edges": lags * states.interval}
        for name, side in (("reference", one), ("generated", other)):
            curves = np.stack([_timescales(side.draw(int(lag), side.every)) for lag in lags])
            entry[name] = curves[:, 0]
            entry[f"{name}_stderr"] = _spread(np.moveaxis(curves, 0, 1))
        outcome.histograms["timescales"] = entry
        outcome.histograms["processes"] = {
            "edges": states.centres,
            "reference": one.model.modes,
            "generated": other.model.modes,
        }


def compared(
    one: Discrete, other: Discrete, distance: Callable[[Markov, Markov], Floats]
) -> tuple[Floats, Floats, Floats]:
    """Value, floor and standard error of every process, by the one rule of halves."""
    if min(one.n_units, other.n_units) < 2:
        value = distance(other.model, one.model)
        return value, np.full_like(value, np.nan), np.full_like(value, np.nan)
    (r1, r2), (g1, g2) = one.halves, other.halves
    values = np.stack(
        [(distance(a, d) + distance(b, c)) / 2 for a, b, c, d in zip(g1, g2, r1, r2, strict=False)]
    )
    return values[0], distance(r1[0], r2[0]), _spread(values)


def _timescales(models: list[Markov]) -> Floats:
    return np.stack([model.timescales for model in models])


def _spread(values: Floats) -> Floats:
    """Standard deviation over draws, the first row left out; NaN where there are none."""
    drawn = values[1:]
    known = ~np.isnan(drawn)
    number = known.sum(axis=0)
    mean = np.where(known, drawn, 0.0).sum(axis=0) / np.maximum(number, 1)
    squares = np.where(known, np.square(drawn - mean), 0.0).sum(axis=0)
    return np.where(number > 1, np.sqrt(squares / np.maximum(number - 1, 1)), np.nan)


def _add(
    outcome: Outcome, name: str, found: tuple[Floats, Floats, Floats], place: int, side: Discrete, note: str
) -> None:
    value, floor, stderr = (part[place] for part in found)
    if not np.isnan(value):
        outcome.scores[name] = make_score(value, finite(floor), finite(stderr), n=side.n_frames, note=note)
