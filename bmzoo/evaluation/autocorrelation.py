"""How long side chains and methyl groups remember their dihedrals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule
from bmzoo.evaluation.resampling import compare, finite, halves
from bmzoo.evaluation.rotors import dihedral_groups
from bmzoo.evaluation.score import make_score
from bmzoo.evaluation.trajectories import (
    TIMING,
    by_unit,
    contiguous,
    interval_of,
    obstacle,
    pieces,
    runs_of,
    timed_rows,
    timing,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
N_LAGS = 16


class DihedralAutocorrelation(Metric):
    """Autocorrelation of side-chain and methyl dihedrals, C(t) = <cos(phi(s + t) - phi(s))>.

    The score is the mean over lags (spaced evenly on a logarithmic scale, to half of the longest
    piece of trajectory) and dihedrals of the absolute difference. Hydrogens of a methyl group keep
    their names: drawn afresh for every frame, they lose their memory at once.
    """

    family = "kinetics"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.groups = dihedral_groups(context)
        self.atoms = np.concatenate(list(self.groups.values()))

    @classmethod
    def applies(cls, context: Context) -> bool:
        return bool(dihedral_groups(context))

    def rules(self) -> Mapping[str, Rule]:
        return {**TIMING, "rows": contiguous}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        return {**timing(batch), "rows": timed_rows(batch, geometry.dihedrals(batch.samples, self.atoms))}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        if obstacle(reference, generated) is not None:
            return outcome
        width = len(self.atoms)
        ref, gen = (pieces(runs_of(side, width)) for side in (reference, generated))
        longest = max(len(piece) for piece in ref)
        lags = np.unique(np.geomspace(1, longest // 2, N_LAGS).round().astype(np.int64))
        sums = [by_unit([correlate(piece, lags) for piece in side]) for side in (ref, gen)]
        times = np.concatenate([[0.0], lags * interval_of(reference)])
        start = 0
        for name, atoms in self.groups.items():
            places = slice(start, start + len(atoms))
            start += len(atoms)
            self._compare(outcome, name, times, *(side[:, places] for side in sums))
        return outcome

    def _compare(self, outcome: Outcome, name: str, times: Floats, ref: Floats, gen: Floats) -> None:
        found = compare(ref, gen, between_curves, self.context.seed)
        outcome.scores[f"autocorrelation[{name}]"] = make_score(
            found.value,
            finite(found.floor),
            finite(found.stderr),
            n=int(gen[:, :, 0, 1].sum()),
            note=f"mean over lags up to {times[-1]:g} ps",
        )
        entry = {"edges": times, "reference": _curve(ref), "generated": _curve(gen)}
        if len(ref) >= 2:
            entry["reference_halves"] = np.stack([_curve(ref[half]) for half in halves(len(ref))])
        outcome.histograms[f"autocorrelation[{name}]"] = entry


def correlate(angles: Floats, lags: Ints) -> Floats:
    """``(n_dihedrals, n_lags, 2)`` sums of cosines of differences, and their number.

    Args:
        angles: ``(n_frames, n_trajectories, n_dihedrals)`` radian, of consecutive frames.
    """
    found = np.zeros((angles.shape[2], len(lags), 2))
    for place, lag in enumerate(lags.tolist()):
        later, earlier = angles[lag:], angles[: max(0, len(angles) - lag)]
        found[:, place, 0] = np.cos(later - earlier).sum(axis=(0, 1))
        found[:, place, 1] = later.shape[0] * later.shape[1]
    return found


def normalised(sums: Floats) -> Floats:
    """Curves of sums ``(..., 2)``, of cosines and their number; NaN where nothing was seen."""
    number = sums[..., 1]
    return np.divide(sums[..., 0], number, out=np.full(number.shape, np.nan), where=number > 0)


def _mean(values: Floats, axis: tuple[int, ...]) -> Floats:
    known = ~np.isnan(values)
    number = known.sum(axis=axis)
    sums = np.where(known, values, 0.0).sum(axis=axis)
    return np.divide(sums, number, out=np.full(sums.shape, np.nan), where=number > 0)


def between_curves(one: Floats, other: Floats) -> Floats:
    """Mean absolute difference over dihedrals and lags, the axes before the last of ``(..., 2)`` sums."""
    return _mean(np.abs(normalised(one) - normalised(other)), (-2, -1))


def _curve(units: Floats) -> Floats:
    """Mean over dihedrals, from lag 0."""
    return np.concatenate([[1.0], _mean(normalised(units.sum(axis=0)), (0,))])
