"""Classifier two-sample test: can a classifier tell generated from reference environments?

Lopez-Paz and Oquab, ICLR 2017. The figure is the area under the ROC curve of a gradient-boosting
classifier on held-out environments: 0.5 = nobody can tell, 1 = anybody can.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.descriptors import environments, internal, soap
from bmzoo.evaluation.metric import MAX_BLOCKS, Blocks, Metric, Outcome, Rule, priorities, sample
from bmzoo.evaluation.score import make_score
from bmzoo.evaluation.soap import Chosen

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CAP = 2000
"""Environments of one half of one side; half of the reference against half of the generated."""
FOLDS = 5
SETS = {"internal": "c2st_auc_internal", "soap": "c2st_auc_soap", "combined": "c2st_auc"}
SOAP_COMPONENTS = 24
"""Principal components of the reference's SOAP vectors that the classifier sees."""


class Environments(NamedTuple):
    """Descriptors of some environments, and which frame (or molecule) each comes from."""

    internal: Floats
    soap: Floats
    group: Ints


class Detectability(Metric):
    """AUC on internal coordinates, on SOAP vectors, and (the headline) on both together.

    Environments are beads with their atoms. The five folds split frames (molecules where frames are
    few); both sides have the same number of environments, at most ``CAP`` a half. Flat groups show the same
    side in all of them (see :class:`LikeAtoms`): a ring that was built the other way round tells nothing.
    """

    family = "detectability"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.environments = environments(context)

    def rules(self) -> Mapping[str, Rule]:
        # A block keeps whole frames; CAP environments of many frames are better than of few.
        per_frame = max(1, len(self.environments))
        return {"frames": sample(int(np.clip(4 * CAP // (per_frame * MAX_BLOCKS), 1, 256)))}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        """Rows (priority, number, box or NaN, coordinates, and a NaN where blocks are of molecules)."""
        ranks = priorities(batch.numbers, 1, self.context.seed)
        boxes = np.full((batch.n_frames, 9), np.nan)
        if batch.boxes is not None:
            boxes = batch.boxes.reshape(-1, 9)
        flat = batch.positions.reshape(batch.n_frames, -1)
        rows = np.concatenate([ranks, batch.numbers[:, None], boxes, flat], axis=1)
        if batch.by_molecule:
            rows = np.concatenate([rows, np.full((len(rows), 1), np.nan)], axis=1)
        return {"frames": batch.split_rows(rows, batch.frame_units)}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        if "sides" not in reference.cache:
            reference.cache["sides"] = self._reference(reference)
        cache: _ReferenceSide | None = reference.cache["sides"]
        sides = self._halves(generated)
        if cache is None or sides is None:
            outcome.notes.append("detectability needs two frames, or a frame of two molecules; left out")
            return outcome
        g1, g2 = sides
        for kind, name in SETS.items():
            results = [self._auc(g1, cache.second, kind, cache), self._auc(g2, cache.first, kind, cache)]
            value = float(np.mean([auc for auc, _ in results]))
            stderr = float(np.sqrt(np.sum([error**2 for _, error in results])) / 2)
            if kind not in cache.floors:
                cache.floors[kind] = self._auc(cache.first, cache.second, kind, cache)[0]
            outcome.scores[name] = make_score(
                value,
                cache.floors[kind],
                stderr,
                n=len(g1.group) + len(g2.group),
                note="0.5: nobody can tell; at most "
                f"{CAP} environments a half, {', '.join(kinds_of(self.environments))}",
            )
        return outcome

    def _reference(self, blocks: Blocks) -> _ReferenceSide | None:
        sides = self._halves(blocks)
        if sides is None:
            return None
        both = np.concatenate([sides[0].soap, sides[1].soap])
        centre = both.mean(axis=0)
        _, _, axes = np.linalg.svd(both - centre, full_matrices=False)
        return _ReferenceSide(*sides, centre, axes[:SOAP_COMPONENTS], {})

    def _halves(self, blocks: Blocks) -> tuple[Environments, Environments] | None:
        """Descriptors of both halves, equally many."""
        frames = [(place, row) for place, rows in enumerate(blocks.rows("frames")) for row in rows]
        if not frames:
            return None
        n_particles = 3 * self.context.n_atoms
        by_molecule = bool(np.isnan(frames[0][1][-1]))
        n_molecules = (len(frames[0][1]) - 11) // n_particles
        rng = np.random.default_rng(self.context.seed)
        halves: list[list[tuple[NDArray, Ints]]] = [[], []]
        for place, row in frames:
            if by_molecule:
                n_units = min(MAX_BLOCKS, n_molecules)
                for half in (0, 1):
                    members = np.flatnonzero(np.arange(n_molecules) % n_units % 2 == half)
                    halves[half].append((row[:-1], members))
            else:
                halves[place % 2].append((row, np.arange(n_molecules)))
        if not halves[0] or not halves[1]:
            return None
        # One molecule in a few frames gives a handful of environments: too few for five folds.
        described = [self._describe(half, by_molecule, rng) for half in halves]
        size = min(len(d.group) for d in described)
        if min(len(np.unique(d.group)) for d in described) < 2 or size < 2 * FOLDS:
            return None
        first, second = (_subset(d, size) for d in described)
        return first, second

    def _describe(
        self, frames: list[tuple[NDArray, Ints]], by_molecule: bool, rng: np.random.Generator
    ) -> Environments:
        wanted = max(2, CAP // len(self.environments))
        each = max(1, round(wanted / len(frames)))
        if len(frames) > wanted:
            frames = [frames[i] for i in np.sort(rng.choice(len(frames), wanted, replace=False))]
        found, groups = [], []
        for row, members in frames:
            box = None if np.isnan(row[2]) else row[2:11].reshape(3, 3)
            positions = row[11:].reshape(-1, self.context.n_atoms, 3)
            chosen = np.sort(rng.choice(members, min(each, len(members)), replace=False))
            found.append(Chosen(positions, box, chosen))
            groups.append(chosen if by_molecule else np.full(len(chosen), int(row[1])))
        molecules = np.concatenate([frame.positions[frame.molecules] for frame in found])
        return Environments(
            internal(self.context.like_atoms.same_sides(molecules), self.environments),
            soap(self.context, found, self.environments),
            np.repeat(np.concatenate(groups), len(self.environments)),
        )

    def _auc(
        self, one: Environments, other: Environments, kind: str, cache: _ReferenceSide
    ) -> tuple[float, float]:
        size = min(len(one.group), len(other.group))
        one, other = _subset(one, size), _subset(other, size)
        features = []
        for side in (one, other):
            components = (side.soap - cache.centre) @ cache.axes.T
            label = side.internal[:, :1]
            parts = {
                "internal": [side.internal],
                "soap": [label, components],
                "combined": [side.internal, components],
            }
            features.append(np.concatenate(parts[kind], axis=1))
        return c2st(features[0], features[1], one.group, other.group, seed=self.context.seed)


class _ReferenceSide(NamedTuple):
    """What does not change from one backend to the next."""

    first: Environments
    second: Environments
    centre: Floats
    axes: Floats
    floors: dict[str, float]


def kinds_of(found: list[Any]) -> list[str]:
    """One phrase for notes."""
    return [f"{len({e.label for e in found})} classes of beads"]


def c2st(
    generated: Floats, reference: Floats, generated_groups: Ints, reference_groups: Ints, *, seed: int = 0
) -> tuple[float, float]:
    """AUC of held-out environments and its bootstrap standard error over groups.

    Args:
        generated, reference: ``(n, n_features)``; the first column is a class, NaN is missing.
        generated_groups, reference_groups: ``(n,)``; a group is never split between folds.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    x = np.concatenate([generated, reference])
    y = np.concatenate([np.ones(len(generated)), np.zeros(len(reference))])
    folds = np.concatenate([_folds(generated_groups, seed), _folds(reference_groups, seed + 1)])
    held_out = np.zeros(len(y))
    valid = np.zeros(len(y), dtype=bool)
    for fold in range(FOLDS):
        test, train = folds == fold, folds != fold
        if not test.any() or len(np.unique(y[train])) < 2:
            continue
        model = HistGradientBoostingClassifier(
            max_iter=50,
            learning_rate=0.2,
            max_leaf_nodes=15,
            min_samples_leaf=10,
            max_bins=63,
            early_stopping=False,
            categorical_features=[0],
            random_state=seed,
        )
        with _threads().limit(limits=1):
            model.fit(x[train], y[train])
            held_out[test] = model.decision_function(x[test])
        valid |= test
    groups = np.concatenate([2 * _ranks(generated_groups), 2 * _ranks(reference_groups) + 1])
    return _auc_with_error(held_out[valid], y[valid], groups[valid], seed)


@cache
def _threads() -> Any:
    """What limits threads: so few environments take several longer than one, far longer on a busy machine."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _auc_with_error(scores: Floats, y: Floats, groups: Ints, seed: int) -> tuple[float, float]:
    from sklearn.metrics import roc_auc_score

    value = float(roc_auc_score(y, scores))
    rng = np.random.default_rng(seed)
    sides = [np.unique(groups[y == label]) for label in (0, 1)]
    values = []
    for _ in range(30):
        weight = np.zeros(groups.max() + 1)
        for names in sides:
            np.add.at(weight, rng.choice(names, len(names)), 1.0)
        values.append(roc_auc_score(y, scores, sample_weight=weight[groups]))
    return value, float(np.std(values, ddof=1))


def _folds(groups: Ints, seed: int) -> Ints:
    """Fold of every row: whole groups, dealt in random order."""
    ranks = _ranks(groups)
    order = np.random.default_rng(seed).permutation(ranks.max() + 1)
    return order[ranks] % FOLDS


def _ranks(groups: Ints) -> Ints:
    return np.unique(groups, return_inverse=True)[1].reshape(-1)


def _subset(side: Environments, size: int) -> Environments:
    """The first ``size`` environments, evenly spread."""
    if len(side.group) == size:
        return side
    chosen = np.linspace(0, len(side.group) - 1, size).astype(np.int64)
    return Environments(side.internal[chosen], side.soap[chosen], side.group[chosen])
