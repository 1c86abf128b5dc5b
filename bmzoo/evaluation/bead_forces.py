"""Bead forces: atomistic forces summed over beads, and how far two ensembles of them are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bmzoo.errors import InputError
from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.histograms import count, jsd
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule, priorities, sample
from bmzoo.evaluation.resampling import compare, finite
from bmzoo.evaluation.score import Score, make_score
from bmzoo.frames.lattice import perpendicular_widths
from bmzoo.molecules.mapping import Mapping as BeadMapping
from bmzoo.simulation.atom_forces import AtomForces
from bmzoo.simulation.openmm_system import reduced_box

Floats = NDArray[np.float64]
N_BINS = 60
VALUES_PER_BLOCK = 16_384


@dataclass(frozen=True)
class BeadForces:
    """Bead positions and the forces on them.

    Attributes:
        positions: ``(n_frames, n_molecules, n_beads, 3)`` nm, molecules whole.
        forces: the same shape, kJ/mol/nm.
    """

    positions: Floats
    forces: Floats


@dataclass(frozen=True, eq=False)
class Components:
    """Which numbers are taken of the force on beads: none of them depends on how the molecule is turned.

    Its size, for every bead; and its component along every bond to another bead, outwards.
    Classes are types of beads (``A``) and pairs of them (``A-B``: on A, along the bond to B).
    """

    labels: tuple[str, ...]
    size_class: NDArray[np.int64]
    """``(n_beads,)``"""
    ends: NDArray[np.int64]
    """``(2 * n_bonds, 2)`` bead, and its neighbour."""
    end_class: NDArray[np.int64]

    @classmethod
    def of(cls, mapping: BeadMapping) -> Components:
        types = mapping.bead_types
        ends = np.concatenate([mapping.bonds, mapping.bonds[:, ::-1]]).reshape(-1, 2)
        names = [f"{types[i]}-{types[j]}" for i, j in ends.tolist()]
        labels = tuple(sorted(set(types))) + tuple(sorted(set(names)))
        place = {label: k for k, label in enumerate(labels)}
        return cls(
            labels,
            np.array([place[t] for t in types], dtype=np.int64),
            ends,
            np.array([place[n] for n in names], dtype=np.int64),
        )

    @property
    def classes(self) -> NDArray[np.int64]:
        return np.concatenate([self.size_class, self.end_class])

    def __call__(self, found: BeadForces) -> Floats:
        """``(n_frames, n_molecules, n_beads + 2 * n_bonds)`` kJ/mol/nm."""
        x, f = found.positions, found.forces
        bond = x[..., self.ends[:, 1], :] - x[..., self.ends[:, 0], :]
        length = np.maximum(np.linalg.norm(bond, axis=-1), 1e-12)
        along = np.einsum("...ex,...ex->...e", f[..., self.ends[:, 0], :], bond) / length
        return np.concatenate([np.linalg.norm(f, axis=-1), along], axis=-1)


class BeadForceDivergence(Metric):
    """Jensen-Shannon divergence of the forces on beads, by type of bead and bond.

    A coarse-grained model is good where the forces of its backmapped frames, summed over beads, are
    those of the reference: Stieffenhofer et al., Front. Chem. 10, 982757 (2022). Molecules are drawn at
    random, about ``VALUES_PER_BLOCK`` numbers a block.
    """

    family = "forces"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        mapping = context.topology.mapping
        self.components, self.shares = Components.of(mapping), bead_shares(mapping)
        self._forces = AtomForces(context.topology)

    @classmethod
    def applies(cls, context: Context) -> bool:
        return context.topology.force_field is not None

    def rules(self) -> Mapping[str, Rule]:
        return {"molecules": sample(max(16, VALUES_PER_BLOCK // len(self.components.classes)))}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        if not self._usable(batch):
            none = np.zeros((0, 1 + len(self.components.classes)))
            return {"molecules": [none] * batch.n_units}
        values = self.components(self._evaluate(batch))
        ranks = priorities(batch.numbers, batch.n_molecules, self.context.seed)
        rows = np.concatenate([ranks[..., None], values], axis=-1).reshape(-1, 1 + values.shape[-1])
        return {"molecules": batch.split_rows(rows, batch.units.ravel())}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        sides = [[rows[:, 1:] for rows in side.rows("molecules")] for side in (reference, generated)]
        if not all(len(rows) for rows in (*sides[0], *sides[1])):
            return Outcome(notes=["bead forces need boxes at least twice as wide as the cutoff; left out"])
        return _divergence(self.components, sides[0], sides[1], self.context.seed)

    def _usable(self, batch: Batch) -> bool:
        """Whether OpenMM takes such boxes; it does not look beyond the nearest image."""
        field = self.context.topology.force_field
        if batch.boxes is None or field is None:
            return field is not None
        if field.cutoff is None:
            return False
        return all(perpendicular_widths(reduced_box(box)).min() > 2 * field.cutoff for box in batch.boxes)

    def _evaluate(self, batch: Batch) -> BeadForces:
        x = batch.positions
        forces = np.stack([self._forces(x[k], batch.box(k)) for k in range(batch.n_frames)])
        mapping = self.context.topology.mapping
        shape = (*x.shape[:2], mapping.n_beads, 3)
        return BeadForces(mapping.apply(x.reshape(-1, 3)).reshape(shape), sum_over_beads(forces, self.shares))


def bead_shares(mapping: BeadMapping) -> csr_array:
    """``(n_beads, n_atoms)`` what share of an atom's force each bead bears; every column sums to one.

    An atom belongs to the beads that it has weight in, in proportion; one without weight to its owner.
    """
    weights = np.abs(mapping.weights.toarray()).astype(np.float64)
    total = weights.sum(axis=0)
    alone = np.flatnonzero(total == 0)
    weights[mapping.owners[alone], alone] = total[alone] = 1.0
    return csr_array(weights / total)


def sum_over_beads(forces: Floats, shares: csr_array) -> Floats:
    """``(..., n_beads, 3)`` of forces on atoms ``(..., n_atoms, 3)``."""
    wide = np.moveaxis(forces, -2, 0).reshape(forces.shape[-2], -1)
    summed = (shares @ wide).reshape(shares.shape[0], *forces.shape[:-2], 3)
    found: Floats = np.moveaxis(summed, 0, -2)
    return found


def bead_force_divergence(
    mapping: BeadMapping, reference: BeadForces, generated: BeadForces, *, seed: int = 0
) -> dict[str, Score]:
    """How far the bead forces of two ensembles are apart, to rank coarse-grained models by.

    Neither the frames nor their number have to agree: the second ensemble may come from a simulation of
    the coarse-grained model, backmapped, or from that model's own force field.

    Args:
        mapping: types of beads and their bonds.
        reference, generated: positions and forces of all beads, see :class:`BeadForces`.
        seed: of the bootstrap.

    Returns:
        As of the metric ``forces``: ``bead_force_jsd``, and by class ``bead_force_jsd[A]``, ``[A-B]``.

    Raises:
        InputError: positions and forces that do not belong together or to the mapping.
    """
    components = Components.of(mapping)
    sides = []
    for side in (reference, generated):
        if side.positions.shape != side.forces.shape or side.forces.shape[2:] != (mapping.n_beads, 3):
            raise InputError(
                f"bead positions {side.positions.shape} and forces {side.forces.shape} should both be "
                f"(n_frames, n_molecules, {mapping.n_beads}, 3)"
            )
        if not side.forces.size:
            raise InputError("there are no frames to take bead forces from")
        sides.append(list(components(side)))
    return _divergence(components, sides[0], sides[1], seed).scores


def _divergence(
    components: Components, reference: Sequence[Floats], generated: Sequence[Floats], seed: int
) -> Outcome:
    """Scores from blocks of rows, one a molecule."""
    outcome = Outcome()
    classes, labels = components.classes, components.labels
    low, high = _ranges(np.concatenate(reference), classes, len(labels))
    edges = np.linspace(0.0, 1.0, N_BINS + 1)

    def histograms(blocks: Sequence[Floats]) -> Floats:
        scaled = [(rows - low[classes]) / (high - low)[classes] for rows in blocks]
        return np.stack([count(rows, classes[None], len(labels), edges) for rows in scaled])

    ref, gen = histograms(reference), histograms(generated)
    sizes = np.bincount(classes, minlength=len(labels)).astype(np.float64)
    share = sizes / sizes.sum()

    def by_class_and_mean(one: Floats, other: Floats) -> Floats:
        each = jsd(one, other)
        return np.concatenate([each, (each * share).sum(axis=-1, keepdims=True)], axis=-1)

    found = compare(ref, gen, by_class_and_mean, seed)
    numbers = [*gen.sum(axis=(0, 2)).tolist(), gen.sum()]
    names = [*(f"bead_force_jsd[{label}]" for label in labels), "bead_force_jsd"]
    for place, name in enumerate(names):
        outcome.scores[name] = make_score(
            float(found.value[place]),
            finite(float(found.floor[place])),
            finite(float(found.stderr[place])),
            n=int(numbers[place]),
        )
    for place, label in enumerate(labels):
        outcome.histograms[f"bead_force[{label}]"] = {
            "edges": low[place] + (high - low)[place] * edges,
            "reference": ref[:, place].sum(axis=0),
            "generated": gen[:, place].sum(axis=0),
        }
    return outcome


def _ranges(rows: Floats, classes: NDArray[np.int64], n_classes: int) -> tuple[Floats, Floats]:
    """Lower and upper edge of every class: nearly all of the reference, a tenth wider on either side."""
    low, high = np.zeros(n_classes), np.ones(n_classes)
    for place in range(n_classes):
        ends = np.quantile(rows[:, classes == place], [0.001, 0.999])
        margin = max(0.1 * float(ends[1] - ends[0]), 1e-9)
        low[place], high[place] = ends[0] - margin, ends[1] + margin
    return low, high
