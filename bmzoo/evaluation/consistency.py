"""Do the generated atoms give back the CG frame?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule, total, worst
from bmzoo.evaluation.resampling import finite, statistic
from bmzoo.evaluation.score import make_score
from bmzoo.frames.lattice import minimum_image


class CoarseRMSD(Metric):
    """RMSD in nm between M(generated) and the CG frame given: mean over samples, largest, by bead type.

    The floor is the same between M(reference) and the CG frame: the rounding of files, or what the
    CG frames were made with otherwise. There is no ratio to a floor below a thousandth of an angstrom.
    """

    family = "consistency"
    pairing = "coarse"

    def rules(self) -> Mapping[str, Rule]:
        return {"squares": total, "floor": total, "count": total, "worst": worst}

    def observe(self, batch: Batch) -> dict[str, NDArray[np.float64]]:
        if batch.coarse is None:
            return {}
        found = [_squared_errors(batch, sample, batch.coarse) for sample in batch.samples]
        squares = np.mean(found, axis=0)
        rows = np.stack([np.sqrt(squares.mean(axis=(1, 2))), batch.indices], axis=1)
        ones = np.ones((batch.n_frames, batch.n_molecules))
        state = {
            "squares": batch.sum_units(squares),
            "count": batch.sum_units(ones),
            "worst": batch.worst(rows),
        }
        if batch.reference is not None:
            state["floor"] = batch.sum_units(_squared_errors(batch, batch.reference, batch.coarse))
        return state

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        n = int(generated.total("count"))
        types = np.array(self.context.topology.mapping.bead_types)
        every = np.ones(len(types), dtype=bool)
        for name, chosen in [("", every), *((f"[{t}]", types == t) for t in sorted(set(types)))]:
            value, stderr = self._rmsd(generated, "squares", chosen)
            floor = self._rmsd(generated, "floor", chosen)[0] if "floor" in generated.states[0] else None
            score = make_score(value, floor, stderr, unit="nm", n=n)
            if floor is not None and floor < 1e-4:
                score = replace(score, ratio=None)
            outcome.scores[f"cg_rmsd{name}"] = score
        largest, frame = generated.total("worst")
        outcome.scores["cg_rmsd_max"] = make_score(largest, unit="nm", n=n, note=f"frame {int(frame)}")
        outcome.worst["cg_rmsd"] = f"frame {int(frame)}: {largest:.4g} nm"
        return outcome

    def _rmsd(self, blocks: Blocks, key: str, chosen: NDArray[np.bool_]) -> tuple[float, float | None]:
        squares = blocks.stack(key)[:, chosen].mean(axis=1)
        both = np.stack([squares, blocks.stack("count")], axis=1)
        value, stderr = statistic(both, lambda sums: np.sqrt(sums[:, 0] / sums[:, 1]), self.context.seed)
        return float(value), finite(stderr)


def _squared_errors(
    batch: Batch, atoms: NDArray[np.float64], coarse: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``(n_frames, n_molecules, n_beads)`` squared displacements, nm^2."""
    beads = batch.context.topology.mapping.apply(atoms.reshape(-1, 3)).reshape(coarse.shape)
    displacement = beads - coarse
    if batch.boxes is not None:
        displacement = np.stack(
            [minimum_image(d, box) for d, box in zip(displacement, batch.boxes, strict=True)]
        )
    return np.einsum("fmbx,fmbx->fmb", displacement, displacement)
