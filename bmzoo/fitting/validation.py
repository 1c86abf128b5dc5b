"""How good a model is, by the evaluation's scores on held-out frames; no loss has a say in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bmzoo.backends.backmapper import Backmapper
from bmzoo.errors import InputError, unknown
from bmzoo.evaluation.evaluate import FAMILIES, Evaluation, Result
from bmzoo.fitting.data import Material
from bmzoo.frames.datasets import coarse_grain
from bmzoo.molecules.topology import Topology
from bmzoo.pipeline import generate

OVERALL = ("jsd_ratio", "jsd")
CHEAP = ("distributions", "packing")
SMALLEST = 1e-4
"""Divergences below this count as this: the ratio of two noises says nothing."""
OBSERVABLES = (
    "distributions/bond_jsd",
    "distributions/angle_jsd",
    "distributions/proper_jsd",
    "distributions/improper_jsd",
    "distributions/end_to_end_jsd",
    "distributions/gyration_jsd",
    "packing/g_inter_jsd",
    "packing/g_intra_jsd",
)


class Validation:
    """Backmaps held-out frames of every system and scores them.

    ``jsd_ratio``: geometric mean of value over floor of the divergences in ``OBSERVABLES``, so that
    each counts by the factor by which it is off; ``jsd``: their mean. Bonds are left out where the
    reference constrains all of them: only rounding gives them a width. Any single score of the
    evaluation, ``family/observable``, will do too, the smaller the better.

    Args:
        models: one a system.
        material: their frames.
        score: what is minimised.
        seed: of the backmapping.

    Raises:
        InputError: an unknown score.
    """

    def __init__(
        self, models: Sequence[Backmapper], material: Sequence[Material], score: str, seed: int
    ) -> None:
        family = score.partition("/")[0]
        if score not in OVERALL and (family not in FAMILIES or "/" not in score):
            raise unknown("score", score, (*OVERALL, *(f"{name}/..." for name in FAMILIES)))
        families = CHEAP if score in OVERALL else tuple(dict.fromkeys((*CHEAP, family)))
        self.score, self.seed = score, seed
        self.parts = [_Part(m, data, families) for m, data in zip(models, material, strict=True)]

    def __call__(self) -> dict[str, float]:
        """``score``, the mean over the systems, and ``system/observable`` for each.

        Raises:
            InputError: a score that the evaluation does not give for these frames.
        """
        overall, found = [], {}
        for part in self.parts:
            result = part.run(self.seed)
            overall.append(math.inf if result is None else self._overall(result, part.material))
            for name, (value, _) in divergences(result).items() if result else ():
                found[f"{part.material.label}/{name}"] = value
            found[f"{part.material.label}/score"] = overall[-1]
        return {"score": float(np.mean(overall)), **found}

    def _overall(self, result: Result, material: Material) -> float:
        label, topology = material.label, material.topology
        if self.score not in OVERALL:
            if self.score not in result.scores:
                raise InputError(
                    f"the evaluation of {label} gives no score '{self.score}'; it gives "
                    f"{', '.join(name for name in result.scores if '[' not in name)}"
                )
            return result.scores[self.score].value
        found = dict(divergences(result))
        if bonds_are_constrained(topology):
            found.pop("bond_jsd", None)
        if self.score == "jsd":
            return float(np.mean([value for value, _ in found.values()]))
        ratios = [
            max(value, SMALLEST) / max(floor, SMALLEST)
            for value, floor in found.values()
            if floor is not None
        ]
        if not ratios:
            raise InputError(
                f"{label}: a single molecule in a single frame has no floor to compare with; raise "
                "training.validation_frames, or set training.score to jsd"
            )
        return float(np.exp(np.mean(np.log(ratios))))


def bonds_are_constrained(topology: Topology) -> bool:
    """Whether the force field constrains every bond."""
    field, bonds = topology.force_field, topology.graph.bonds
    return field is not None and len(bonds) > 0 and len(field.constraints) >= len(bonds)


def divergences(result: Result) -> Mapping[str, tuple[float, float | None]]:
    """Value and floor of the ``OBSERVABLES``; means over the classes where only these have scores."""
    found: dict[str, tuple[float, float | None]] = {}
    for name in OBSERVABLES:
        scores = [result.scores[name]] if name in result.scores else []
        scores = scores or [s for key, s in result.scores.items() if key.startswith(f"{name}[")]
        if not scores:
            continue
        floors = [score.floor for score in scores if score.floor is not None]
        floor = float(np.mean(floors)) if len(floors) == len(scores) else None
        found[name.partition("/")[2]] = (float(np.mean([score.value for score in scores])), floor)
    return found


class _Part:
    """One system: its frames, and the reference's side of the scores."""

    def __init__(self, model: Backmapper, material: Material, families: Sequence[str]) -> None:
        self.model, self.material = model, material
        self.atoms = material.held_out_frames()
        self.coarse = list(coarse_grain(self.atoms, material.topology.mapping))
        self.evaluation = Evaluation(material.topology, families=families)
        self.prepared = self.evaluation.prepare(self.atoms)

    def run(self, seed: int) -> Result | None:
        """Scores, or ``None`` if a position is no number."""
        frames = list(generate(self.model, self.coarse, seed=seed))
        if not all(np.isfinite(frame.positions).all() for frame in frames):
            return None
        return self.evaluation.score(self.prepared, frames, reference=self.atoms, coarse=self.coarse)
