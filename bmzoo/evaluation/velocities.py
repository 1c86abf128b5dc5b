"""How fast atoms move from frame to frame: what frame-by-frame methods lose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.distributions import histogram_entry
from bmzoo.evaluation.histograms import Distance, count, normalise
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule, total
from bmzoo.evaluation.resampling import compare, finite
from bmzoo.evaluation.score import make_score
from bmzoo.evaluation.trajectories import TIMING, interval_of, obstacle, timing
from bmzoo.frames.lattice import minimum_image

Floats = NDArray[np.float64]
# Displacements in nm, sixty bins a decade: from a femtosecond's to half a box's.
EXPONENTS = np.linspace(-4.0, 1.0, 301)
KINDS = ("heavy", "hydrogen")


class Velocities(Metric):
    """Distribution of intra-frame velocities: displacement between successive frames over their interval.

    Wasserstein-1 in nm/ps, of all atoms and of heavy atoms and hydrogens on their own. All samples
    count: each is a trajectory (Shmilovich et al., J. Phys. Chem. A 126, 9124, 2022).
    """

    family = "kinetics"

    def rules(self) -> Mapping[str, Rule]:
        return {**TIMING, "speeds": total}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        moved = displacements(batch)
        distance = np.log10(np.maximum(geometry.norm(moved), 1e-30))
        kind = self.context.topology.graph.is_hydrogen.astype(np.int64)
        groups = batch.units[batch.follows][:, :, None] * len(KINDS) + kind
        counts = count(distance, groups, batch.n_units * len(KINDS), EXPONENTS)
        return {**timing(batch), "speeds": counts.reshape(batch.n_units, len(KINDS), -1)}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        reason = obstacle(reference, generated)
        if reason is not None:
            outcome.notes.append(reason)
            return outcome
        edges = 10**EXPONENTS / interval_of(reference)
        ref, gen = (_with_all(side.stack("speeds")) for side in (reference, generated))
        found = compare(ref, gen, wasserstein_between(edges), self.context.seed)
        for place, name in enumerate((*(f"[{kind}]" for kind in KINDS), "")):
            n = int(gen[:, place].sum())
            if not n or not ref[:, place].any():
                continue
            outcome.scores[f"velocity_w1{name}"] = make_score(
                found.value[place],
                finite(found.floor[place]),
                finite(found.stderr[place]),
                unit="nm/ps",
                n=n,
            )
            outcome.histograms[f"velocity{name}"] = histogram_entry(edges, ref, gen, place)
        return outcome


def displacements(batch: Batch) -> Floats:
    """``(n_samples, n_following, n_molecules, n_atoms, 3)`` nm, since the frame before.

    The shortest periodic image where there is a box: molecules may be whole at any place.
    """
    x = batch.samples
    first = x[:, :1] if batch.before is None else batch.before[:, None]
    moved = (x - np.concatenate([first, x[:, :-1]], axis=1))[:, batch.follows]
    if batch.boxes is not None:
        for place, frame in enumerate(np.flatnonzero(batch.follows).tolist()):
            moved[:, place] = minimum_image(moved[:, place], batch.box(frame))
    return moved


def wasserstein_between(edges: Floats) -> Distance:
    """Wasserstein-1 between histograms with overflow bins, of any widths, in the unit of the edges.

    The area between the cumulative distributions, which are exact at the edges; what lies beyond
    them counts as lying at them.
    """

    def distance(one: Floats, other: Floats) -> Floats:
        difference = np.abs(np.cumsum(normalise(one) - normalise(other), axis=-1)[..., :-1])
        filled = (one.sum(axis=-1) > 0) & (other.sum(axis=-1) > 0)
        return np.where(filled, np.trapezoid(difference, edges, axis=-1), np.nan)

    return distance


def _with_all(counts: Floats) -> Floats:
    """Appends the sum over kinds of atoms."""
    return np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
