"""Samples of one CG frame against the reference atoms, and against one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.conditional import conditional_spread, owned_beads
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule, priorities, sample, total
from bmzoo.evaluation.resampling import finite, halves, statistic
from bmzoo.evaluation.score import make_score
from bmzoo.frames.lattice import minimum_image
from bmzoo.molecules.labels import LikeAtoms

Floats = NDArray[np.float64]


class PairedRMSD(Metric):
    """RMSD of molecules to the reference atoms without superposition: mean and minimum over samples.

    Like atoms (the hydrogens of a methyl, the edges of a phenyl ring) are exchanged where that is nearer.

    It has no floor: two right samples of one CG frame differ too (see ``diversity``).
    """

    family = "ensemble"
    pairing = "reference"

    def rules(self) -> Mapping[str, Rule]:
        return {"sums": total}

    def observe(self, batch: Batch) -> dict[str, Floats]:
        if batch.reference is None:
            return {}
        heavy = ~self.context.topology.graph.is_hydrogen
        columns = []
        like = self.context.like_atoms
        squares = np.stack([_squared_displacements(batch, x, batch.reference, like) for x in batch.samples])
        for chosen in (slice(None), heavy):
            rmsd = np.sqrt(squares[..., chosen].mean(axis=-1))
            columns += [rmsd.mean(axis=0), rmsd.min(axis=0)]
        columns.append(np.ones_like(columns[0]))
        return {"sums": batch.sum_units(np.stack(columns, axis=-1))}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        sums = generated.stack("sums")
        values, errors = statistic(sums, lambda s: s[..., :-1] / s[..., -1:], self.context.seed)
        outcome = Outcome()
        names = ("rmsd_mean", "rmsd_min", "rmsd_heavy_mean", "rmsd_heavy_min")
        for name, value, error in zip(names, values, errors, strict=True):
            outcome.scores[name] = make_score(value, None, finite(error), unit="nm", n=int(sums[:, -1].sum()))
        return outcome


class Diversity(Metric):
    """Spread of the samples of one CG frame over that of the reference's conditional ensemble.

    The generated spread is the root mean squared distance between atoms of two samples, bead by
    bead. The reference's is estimated from pairs of frames whose beads nearly agree around that
    bead, extrapolated to exact agreement (:mod:`bmzoo.evaluation.conditional`). It is conditioned
    on the beads nearby only, so it is an upper bound, close where bonded neighbours decide. Which of
    several like atoms bears which number does not count, on either side.
    1 is right, 0 is collapse, above 1 is noise.
    """

    family = "ensemble"

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.beads = owned_beads(context)

    def rules(self) -> Mapping[str, Rule]:
        # At most about 16 MB over all blocks.
        rows = int(np.clip(2**19 // (24 * self.context.n_atoms), 2, 150))
        return {"spread": total, "molecules": sample(rows)}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        if batch.is_reference:
            return {"molecules": self._molecules(batch)}
        if len(batch.samples) < 2:
            return {}
        pairs = [(i, j) for i in range(len(batch.samples)) for j in range(i)]
        samples, like = batch.samples, self.context.like_atoms
        squares = np.mean(
            [_squared_displacements(batch, samples[i], samples[j], like) for i, j in pairs], axis=0
        )
        by_bead = np.stack([squares[..., owned].mean(axis=-1) for owned in self.beads.values()], axis=-1)
        ones = np.ones((*by_bead.shape[:2], 1))
        return {"spread": batch.sum_units(np.concatenate([by_bead, ones], axis=-1))}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        rows = reference.rows("molecules")
        sizes = np.array([len(owned) for owned in self.beads.values()], dtype=np.float64)
        weights = sizes / sizes.sum()
        spread = generated.stack("spread")
        n = int(spread[:, -1].sum())
        if "spread" not in reference.cache:
            found = conditional_spread(self.context, self.beads, np.concatenate(rows))
            reference.cache["spread"] = (*found, self._floor(rows, weights))
        expected, note, floor = reference.cache["spread"]
        if generated.simulated:
            expected, note = None, "the reference's spread is known for the reference's own beads only"
        if expected is None:
            value, error = statistic(
                spread, lambda s: np.sqrt(s[..., :-1] @ weights / s[..., -1]), self.context.seed
            )
            outcome.scores["diversity_nm"] = make_score(
                float(value), None, finite(error), unit="nm", n=n, note=note
            )
            return outcome

        def ratio(sums: Floats) -> Floats:
            return np.sqrt((sums[..., :-1] / sums[..., -1:]) @ weights / (expected @ weights))

        value, error = statistic(spread, ratio, self.context.seed)
        outcome.scores["diversity"] = make_score(float(value), floor, finite(error), n=n, note=note)
        mean = spread[:, :-1].sum(axis=0) / spread[:, -1].sum()
        names = self.context.topology.mapping.bead_names
        for place, bead in enumerate(self.beads):
            outcome.scores[f"diversity[{bead + 1}-{names[bead]}]"] = make_score(
                float(np.sqrt(mean[place] / expected[place])),
                n=n,
                note="spread of the bead's atoms, 1 is right",
            )
        return outcome

    def _floor(self, rows: list[Floats], weights: Floats) -> float | None:
        if len(rows) < 2:
            return None
        found = []
        for half in halves(len(rows)):
            spread, _ = conditional_spread(self.context, self.beads, np.concatenate([rows[b] for b in half]))
            if spread is None:
                return None
            found.append(float(np.sqrt(spread @ weights)))
        return found[0] / found[1]

    def _molecules(self, batch: Batch) -> list[Floats]:
        """Rows (priority, number of the frame, molecule, coordinates) by block."""
        ranks = priorities(batch.numbers, batch.n_molecules, self.context.seed)
        shape = ranks.shape
        number = np.broadcast_to(batch.numbers[:, None], shape)
        molecule = np.broadcast_to(np.arange(batch.n_molecules), shape)
        rows = np.concatenate(
            [np.stack([ranks, number, molecule], axis=-1), batch.positions.reshape(*shape, -1)], axis=-1
        )
        return batch.split_rows(rows.reshape(ranks.size, -1), batch.units.ravel())


def _squared_displacements(batch: Batch, one: Floats, other: Floats, like: LikeAtoms) -> Floats:
    """``(n_frames, n_molecules, n_atoms)`` nm^2, minimum image, like atoms exchanged where that is nearer."""
    displacement = other - one
    if batch.boxes is not None:
        displacement = np.stack(
            [minimum_image(d, box) for d, box in zip(displacement, batch.boxes, strict=True)]
        )
    displacement = like.nearest(one + displacement, one) - one
    return np.einsum("fmax,fmax->fma", displacement, displacement)
