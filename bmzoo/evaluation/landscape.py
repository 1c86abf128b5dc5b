"""Free-energy surfaces: (phi, psi), and the slow components of alpha-carbon distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.histograms import jsd
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule, head, total
from bmzoo.evaluation.resampling import Comparison, compare, finite, statistic
from bmzoo.evaluation.score import make_score

Floats = NDArray[np.float64]
GRID = 50
# Minima of alanine dipeptide in water-like surroundings, degrees; a conformation belongs to the nearest.
BASINS = {
    "C5": (-155.0, 160.0),
    "PII": (-70.0, 150.0),
    "alpha_P": (-150.0, 0.0),
    "alpha_R": (-70.0, -25.0),
    "alpha_L": (55.0, 45.0),
}
ROWS_PER_BLOCK = 2048
MIN_ROWS = 50
CLUSTERS = 10


class Dihedral2D(Metric):
    """Populations of the (phi, psi) surface on a 50 x 50 grid, and of five basins.

    ``basin_agreement`` is the share of frames in the basin of the reference frame that they were
    made from; the whole confusion matrix is stored with the histograms.
    """

    family = "landscape"

    @classmethod
    def applies(cls, context: Context) -> bool:
        return context.landscape is not None and context.landscape.kind == "phi_psi"

    def rules(self) -> Mapping[str, Rule]:
        return {"grid": total, "basins": total, "confusion": total}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        surface = self._surface(batch.positions)
        cells = np.clip(((surface + 180) / 360 * GRID).astype(np.int64), 0, GRID - 1)
        units = batch.units
        flat = (units * GRID + cells[..., 0]) * GRID + cells[..., 1]
        grid = np.bincount(flat.ravel(), minlength=batch.n_units * GRID**2)
        basin = nearest_basin(surface)
        one_hot = np.eye(len(BASINS))[basin]
        state = {"grid": grid.reshape(batch.n_units, GRID, GRID), "basins": batch.sum_units(one_hot)}
        if batch.reference is not None:
            right = np.eye(len(BASINS))[nearest_basin(self._surface(batch.reference))]
            state["confusion"] = batch.sum_units(right[..., :, None] * one_hot[..., None, :])
        return state

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        seed = self.context.seed
        ref, gen = reference.stack("grid"), generated.stack("grid")
        n = int(gen.sum())
        _add(outcome, "phi_psi_jsd", compare(_flat(ref), _flat(gen), jsd, seed), n)
        outcome.histograms["phi_psi"] = {
            "edges": np.linspace(-180, 180, GRID + 1),
            "reference": ref.sum(axis=0),
            "generated": gen.sum(axis=0),
        }
        ref_basins, gen_basins = reference.stack("basins"), generated.stack("basins")
        _add(outcome, "basin_difference", compare(ref_basins, gen_basins, total_variation, seed), n)
        shares, errors = statistic(gen_basins, lambda s: s / s.sum(axis=-1, keepdims=True), seed)
        right = ref_basins.sum(axis=0) / ref_basins.sum()
        for place, name in enumerate(BASINS):
            outcome.scores[f"basin[{name}]"] = make_score(
                shares[place],
                right[place],
                finite(errors[place]),
                n=n,
                note="floor is the reference's own value",
            )
        if all("confusion" in state for state in generated.states):
            _add_confusion(outcome, "basin", generated.stack("confusion"), seed)
        return outcome

    def _surface(self, positions: Floats) -> Floats:
        assert self.context.landscape is not None
        return np.degrees(geometry.dihedrals(positions, np.array(self.context.landscape.atoms)))


class SlowComponents(Metric):
    """Populations on the first two TICA components of the alpha-carbon distances.

    The projection and the k-means clusters are fitted on the reference alone. Each block keeps at
    most ``ROWS_PER_BLOCK`` frames, in contiguous runs.
    """

    family = "landscape"

    @classmethod
    def applies(cls, context: Context) -> bool:
        return context.landscape is not None and context.landscape.kind == "tica_ca"

    def rules(self) -> Mapping[str, Rule]:
        return {"rows": head(ROWS_PER_BLOCK)}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        assert self.context.landscape is not None
        carbons = np.array(self.context.landscape.atoms).ravel()
        i, j = np.triu_indices(len(carbons), k=1)
        pairs = np.stack([carbons[i], carbons[j]], axis=1)
        distances = geometry.lengths(batch.positions, pairs).reshape(batch.n_frames, -1)
        rows = np.concatenate([batch.numbers[:, None], distances], axis=1)
        return {"rows": batch.split_rows(rows, batch.frame_units)}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        ref_rows, gen_rows = reference.rows("rows"), generated.rows("rows")
        every = np.concatenate(ref_rows)
        assert self.context.landscape is not None
        if len(every) < MIN_ROWS:
            outcome.notes.append(f"TICA needs {MIN_ROWS} reference frames, there are {len(every)}; left out")
            return outcome
        project = fit_tica(every, self.context.landscape.lag)
        ref, gen = ([project(rows[:, 1:]) for rows in side] for side in (ref_rows, gen_rows))
        self._surface(outcome, ref, gen)
        self._clusters(outcome, ref, gen, ref_rows, gen_rows, paired=not generated.simulated)
        return outcome

    def _surface(self, outcome: Outcome, ref: list[Floats], gen: list[Floats]) -> None:
        pooled = np.concatenate(ref)
        low, high = pooled.min(axis=0), pooled.max(axis=0)
        margin = 0.05 * (high - low) + 1e-9
        edges = [np.linspace(a, b, GRID + 1) for a, b in zip(low - margin, high + margin, strict=True)]
        grids = [np.stack([_grid(block, edges) for block in side]) for side in (ref, gen)]
        n = sum(len(block) for block in gen)
        _add(outcome, "tica_jsd", compare(_flat(grids[0]), _flat(grids[1]), jsd, self.context.seed), n)
        outcome.histograms["tica"] = {
            "edges": np.stack(edges),
            "reference": grids[0].sum(axis=0),
            "generated": grids[1].sum(axis=0),
        }

    def _clusters(
        self,
        outcome: Outcome,
        ref: list[Floats],
        gen: list[Floats],
        ref_rows: list[Floats],
        gen_rows: list[Floats],
        *,
        paired: bool,
    ) -> None:
        from sklearn.cluster import KMeans

        model = KMeans(CLUSTERS, n_init=3, random_state=self.context.seed).fit(np.concatenate(ref))
        ref_labels, gen_labels = ([model.predict(block) for block in side] for side in (ref, gen))
        counts = [
            np.stack([np.bincount(block, minlength=CLUSTERS) for block in side]).astype(np.float64)
            for side in (ref_labels, gen_labels)
        ]
        seed, n = self.context.seed, int(counts[1].sum())
        _add(outcome, "cluster_jsd", compare(counts[0], counts[1], jsd, seed), n)
        outcome.histograms["clusters"] = {
            "edges": model.cluster_centers_,
            "reference": counts[0].sum(axis=0),
            "generated": counts[1].sum(axis=0),
        }
        numbers = np.concatenate([rows[:, 0] for rows in ref_rows])
        if (
            not paired
            or len(gen_rows) != len(ref_rows)
            or not np.array_equal(numbers, np.concatenate([rows[:, 0] for rows in gen_rows]))
        ):
            return
        confusion = np.zeros((len(gen), CLUSTERS, CLUSTERS))
        for block, (one, other) in enumerate(zip(ref_labels, gen_labels, strict=True)):
            np.add.at(confusion[block], (one, other), 1.0)
        _add_confusion(outcome, "cluster", confusion, seed)


def fit_tica(rows: Floats, lag: int) -> Any:
    """A projection on two TICA components (deeptime), fitted on runs of contiguous frames.

    ``rows`` are ``(n_frames, 1 + n_features)``: a frame's number, then its features.

    Where no run is longer than the lag time, the largest lag that fits is taken instead.
    """
    from deeptime.decomposition import TICA

    breaks = np.flatnonzero(np.diff(rows[:, 0]) != 1) + 1
    runs = np.split(rows[:, 1:], breaks)
    longest = max(len(run) for run in runs)
    lag = max(1, min(lag, longest // 4))
    long_enough = [run for run in runs if len(run) > lag + 1]
    model = TICA(lagtime=lag, dim=2).fit(long_enough).fetch_model()

    def project(values: Floats) -> Floats:
        components = model.transform(values)[:, :2] if len(values) else np.zeros((0, 2))
        missing = 2 - components.shape[1]
        return np.concatenate([components, np.zeros((len(components), missing))], axis=1)

    return project


def nearest_basin(surface: Floats) -> NDArray[np.int64]:
    """Number of the nearest of ``BASINS`` on the torus; ``surface`` is ``(..., 2)`` degrees."""
    difference = surface[..., None, :] - np.array(list(BASINS.values()))
    difference = (difference + 180) % 360 - 180
    return np.square(difference).sum(axis=-1).argmin(axis=-1)


def total_variation(one: Floats, other: Floats) -> Floats:
    """Half the sum of absolute differences of populations, ``(..., n)``, 0 to 1."""
    p, q = (s / np.maximum(s.sum(axis=-1, keepdims=True), 1e-300) for s in (one, other))
    return np.abs(p - q).sum(axis=-1) / 2


def _flat(blocks: NDArray[Any]) -> Floats:
    return blocks.reshape(len(blocks), -1).astype(np.float64)


def _grid(points: Floats, edges: list[Floats]) -> Floats:
    """Counts on the grid, with a rim of overflow cells."""
    cells = [np.searchsorted(edge, points[:, axis], side="right") for axis, edge in enumerate(edges)]
    size = GRID + 2
    return np.bincount(cells[0] * size + cells[1], minlength=size**2).reshape(size, size).astype(np.float64)


def _add(outcome: Outcome, name: str, found: Comparison, n: int) -> None:
    outcome.scores[name] = make_score(
        float(found.value), finite(float(found.floor)), finite(float(found.stderr)), n=n
    )


def _add_confusion(outcome: Outcome, name: str, confusion: Floats, seed: int) -> None:
    value, stderr = statistic(
        confusion, lambda s: np.trace(s, axis1=-2, axis2=-1) / np.maximum(s.sum(axis=(-2, -1)), 1), seed
    )
    n = int(confusion.sum())
    outcome.scores[f"{name}_agreement"] = make_score(
        float(value), None, finite(stderr), n=n, note="share of frames in the reference frame's own"
    )
    outcome.histograms[f"{name}_confusion"] = {"counts": confusion.sum(axis=0)}
