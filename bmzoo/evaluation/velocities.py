"""How fast atoms move from frame to frame: what frame-by-frame methods lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context
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
OF_ATOMS = ("velocity", "internal_velocity")
OF_BEADS = ("bead_velocity", "internal_bead_velocity")


class Velocities(Metric):
    """Distribution of intra-frame velocities: displacement between successive frames over their interval.

    Wasserstein-1 in nm/ps, of all atoms and of heavy atoms and hydrogens on their own. ``velocity`` is
    the displacement as it is, ``internal_velocity`` what is left of it when the earlier molecule is
    superposed on the later one by its heavy atoms: beads give the motion of whole molecules away, and
    where that is fast it hides what a method does inside them. ``bead_velocity`` and
    ``internal_bead_velocity`` are the same of the beads that the atoms give: what was given of the
    motion. All samples count: each is a trajectory (Shmilovich et al., J. Phys. Chem. A 126, 9124, 2022).
    """

    family = "kinetics"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.matrix = context.topology.mapping.matrix.toarray()

    def rules(self) -> Mapping[str, Rule]:
        return {**TIMING, **dict.fromkeys((*OF_ATOMS, *OF_BEADS), total)}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        moved = displacements(batch)
        inside = internal(batch.samples[:, batch.follows], moved, ~self.context.topology.graph.is_hydrogen)
        hydrogen = self.context.topology.graph.is_hydrogen.astype(np.int64)
        alike = np.zeros(len(self.matrix), dtype=np.int64)
        counts = {}
        for of_atoms, of_beads, part in zip(OF_ATOMS, OF_BEADS, (moved, inside), strict=True):
            counts[of_atoms] = _count(batch, part, hydrogen, len(KINDS))
            given = np.einsum("ba,...ax->...bx", self.matrix, part)
            counts[of_beads] = _count(batch, given, alike, 1)
        return {**timing(batch), **counts}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        reason = obstacle(reference, generated)
        if reason is not None:
            outcome.notes.append(reason)
            return outcome
        edges = 10**EXPONENTS / interval_of(reference)
        kinds = (*(f"[{kind}]" for kind in KINDS), "")
        for name in OF_ATOMS:
            ref, gen = (_with_all(side.stack(name)) for side in (reference, generated))
            self._compare(outcome, name, edges, ref, gen, kinds)
        for name in OF_BEADS:
            ref, gen = (side.stack(name) for side in (reference, generated))
            self._compare(outcome, name, edges, ref, gen, ("",))
        return outcome

    def _compare(
        self, outcome: Outcome, name: str, edges: Floats, ref: Floats, gen: Floats, kinds: Sequence[str]
    ) -> None:
        """Scores and histograms of ``(n_blocks, n_kinds, n_bins)`` counts."""
        found = compare(ref, gen, wasserstein_between(edges), self.context.seed)
        for place, kind in enumerate(kinds):
            n = int(gen[:, place].sum())
            if not n or not ref[:, place].any():
                continue
            outcome.scores[f"{name}_w1{kind}"] = make_score(
                found.value[place],
                finite(found.floor[place]),
                finite(found.stderr[place]),
                unit="nm/ps",
                n=n,
            )
            outcome.histograms[f"{name}{kind}"] = histogram_entry(edges, ref, gen, place)


def _count(batch: Batch, moved: Floats, kinds: NDArray[np.int64], n_kinds: int) -> Floats:
    """``(n_units, n_kinds, n_bins)`` displacements by size; ``kinds`` of the particles that moved."""
    distance = np.log10(np.maximum(geometry.norm(moved), 1e-30))
    groups = batch.units[batch.follows][:, :, None] * n_kinds + kinds
    counts = count(distance, groups, batch.n_units * n_kinds, EXPONENTS)
    return counts.reshape(batch.n_units, n_kinds, -1)


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


def internal(positions: Floats, moved: Floats, fitted: NDArray[np.bool_]) -> Floats:
    """What is left of displacements without the motion of the molecules as rigid bodies.

    Args:
        positions: ``(..., n_atoms, 3)`` after the displacement.
        moved: the displacement.
        fitted: ``(n_atoms,)`` atoms that are superposed.
    """
    now = positions.reshape(-1, *positions.shape[-2:])
    then = now - moved.reshape(now.shape)
    rotation, a, b = geometry.superpose(then[:, fitted], now[:, fitted])
    return (now - ((then - a) @ rotation + b)).reshape(moved.shape)


def wasserstein_between(edges: Floats) -> Distance:
    """Wasserstein-1 between histograms with overflow bins, of any widths, in the unit of the ``(n,)`` edges.

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
