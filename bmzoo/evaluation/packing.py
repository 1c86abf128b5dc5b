"""Radial distribution functions of non-bonded pairs by elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import FAR, G_R_RANGE, Context
from bmzoo.evaluation.histograms import count, jsd
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule, total
from bmzoo.evaluation.pairs import Pairs
from bmzoo.evaluation.resampling import Comparison, compare, finite
from bmzoo.evaluation.score import Score, make_score

Floats = NDArray[np.float64]
EDGES = np.linspace(0.0, G_R_RANGE, 101)
SHELLS = 4 / 3 * np.pi * np.diff(EDGES**3)


class _PairDistances(Metric):
    """Counts pair distances by pair of elements."""

    family = "packing"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.labels, self.table = context.element_pairs

    def _counts(self, batch: Batch, pairs: Pairs) -> Floats:
        """``(n_units, n_classes, n_bins + 2)``; a pair counts half for each partner's block."""
        codes = self.context.elements[1]
        classes = self.table[codes[pairs.first], codes[pairs.second]]
        n_classes = len(self.labels)
        sums = np.zeros((batch.n_units * n_classes, len(EDGES) + 1))
        for molecule in (pairs.first_molecule, pairs.second_molecule):
            groups = batch.units[pairs.frame, molecule] * n_classes + classes
            sums += count(pairs.distance, groups, len(sums), EDGES) / 2
        return sums.reshape(batch.n_units, n_classes, -1)

    def _jsd_scores(self, prefix: str, ref: Floats, gen: Floats, outcome: Outcome) -> None:
        # What lies beyond the last edge depends on the search, not on the structure.
        found = compare(ref[..., :-1], gen[..., :-1], jsd, self.context.seed)
        for place, label in enumerate(self.labels):
            if ref[:, place, :-1].sum():
                name = f"{prefix}_jsd[{label}]"
                outcome.scores[name] = _score(found, place, "", int(gen[:, place, :-1].sum()))


class Intermolecular(_PairDistances):
    """g(r) between molecules by pair of elements, normalised by the density of the box.

    JSD of the distances within 1 nm, largest deviation of g, and, for carbon, the mean absolute
    difference over 100 bins to 1 nm.
    """

    def rules(self) -> Mapping[str, Rule]:
        return {"counts": total, "ideal": total}

    def observe(self, batch: Batch) -> dict[str, Floats]:
        if batch.boxes is None or batch.n_molecules == 1:
            return {}
        counts = self._counts(batch, batch.pairs.select(~batch.pairs.inside))
        density = 1 / np.abs(np.linalg.det(batch.boxes))
        # Pairs of different molecules, shared evenly among the molecules.
        per_molecule = self._template_pairs() * (batch.n_molecules - 1) / 2
        weight = np.repeat(density[:, None], batch.n_molecules, axis=1)
        ideal = batch.sum_units(weight)[:, None, None] * per_molecule[:, None] * SHELLS
        return {"counts": counts, "ideal": ideal}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        if "counts" not in reference.states[0] or "counts" not in generated.states[0]:
            return outcome
        ref, gen = reference.stack("counts"), generated.stack("counts")
        self._jsd_scores("g_inter", ref, gen, outcome)
        both_ref = np.stack([ref[..., 1:-1], reference.stack("ideal")], axis=-1)
        both_gen = np.stack([gen[..., 1:-1], generated.stack("ideal")], axis=-1)
        largest = compare(both_ref, both_gen, _largest_difference, self.context.seed)
        mean = compare(both_ref, both_gen, _mean_difference, self.context.seed)
        for place, label in enumerate(self.labels):
            n = int(gen[:, place, 1:-1].sum())
            outcome.scores[f"g_inter_max_deviation[{label}]"] = _score(largest, place, "", n)
            entry = {"edges": EDGES, "reference": _g(both_ref.sum(axis=0))[place]}
            outcome.histograms[f"g_inter[{label}]"] = entry | {
                "generated": _g(both_gen.sum(axis=0))[place],
                "reference_halves": np.stack([_g(both_ref[k::2].sum(axis=0))[place] for k in (0, 1)])
                if len(ref) > 1
                else np.zeros((0, len(SHELLS))),
            }
        if "C-C" in self.labels:
            place = self.labels.index("C-C")
            whole = float(_mean_difference(both_gen.sum(axis=0), both_ref.sum(axis=0))[place])
            score = _score(mean, place, "", int(gen[:, place, 1:-1].sum()))
            outcome.scores["g_cc_mean_abs"] = replace(score, note=f"all frames against all: {whole:.4g}")
        return outcome

    def _template_pairs(self) -> Floats:
        """``(n_classes,)`` pairs of an atom of one molecule with an atom of another."""
        codes = self.context.elements[1]
        numbers = np.bincount(codes).astype(np.float64)
        pairs = np.zeros(len(self.labels))
        np.add.at(pairs, self.table.ravel(), np.outer(numbers, numbers).ravel())
        return pairs


class Intramolecular(_PairDistances):
    """Distances within a molecule, more than three bonds apart, by pair of elements: JSD within 1 nm."""

    def rules(self) -> Mapping[str, Rule]:
        return {"counts": total}

    @classmethod
    def applies(cls, context: Context) -> bool:
        return bool((context.separation == FAR).any())

    def observe(self, batch: Batch) -> Mapping[str, Floats]:
        pairs = batch.pairs
        far = pairs.inside & (self.context.separation[pairs.first, pairs.second] == FAR)
        return {"counts": self._counts(batch, pairs.select(far))}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        ref, gen = reference.stack("counts"), generated.stack("counts")
        self._jsd_scores("g_intra", ref, gen, outcome)
        for place, label in enumerate(self.labels):
            if ref[:, place].sum():
                outcome.histograms[f"g_intra[{label}]"] = {
                    "edges": EDGES,
                    "reference": ref[:, place].sum(axis=0),
                    "generated": gen[:, place].sum(axis=0),
                }
        return outcome


def _g(both: Floats) -> Floats:
    """g from (counts, ideal counts) in the last axis."""
    return both[..., 0] / np.maximum(both[..., 1], 1e-300)


def _largest_difference(one: Floats, other: Floats) -> Floats:
    return np.abs(_g(one) - _g(other)).max(axis=-1)


def _mean_difference(one: Floats, other: Floats) -> Floats:
    return np.abs(_g(one) - _g(other)).mean(axis=-1)


def _score(found: Comparison, place: int, unit: str, n: int) -> Score:
    return make_score(
        found.value[place], finite(found.floor[place]), finite(found.stderr[place]), unit=unit, n=n
    )
