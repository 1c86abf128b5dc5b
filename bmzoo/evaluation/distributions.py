"""Distributions of bonds, angles, dihedrals, end-to-end distance and radius of gyration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context, Terms
from bmzoo.evaluation.histograms import Distance, count, jsd, wasserstein
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule, total
from bmzoo.evaluation.resampling import compare, finite, halves, statistic
from bmzoo.evaluation.score import make_score

Floats = NDArray[np.float64]
Coordinate = Callable[[Floats, NDArray[np.int64]], Floats]


@dataclass(frozen=True)
class Kind:
    """One kind of internal coordinate: how it is computed and on which edges."""

    name: str
    coordinate: Coordinate
    edges: Floats
    scale: float
    unit: str
    circular: bool = False


DEGREES = 180 / np.pi
BOND = Kind("bond", geometry.lengths, np.linspace(0.05, 0.25, 201), 1.0, "nm")
ANGLE = Kind("angle", geometry.angles, np.linspace(60, 180, 101), DEGREES, "degree")
PROPER = Kind("proper", geometry.dihedrals, np.linspace(-180, 180, 101), DEGREES, "degree", circular=True)
IMPROPER = Kind("improper", geometry.dihedrals, np.linspace(-180, 180, 101), DEGREES, "degree", circular=True)


class InternalCoordinates(Metric):
    """JSD and Wasserstein-1 of every class of bonds, angles, propers and impropers (by atom types).

    ``angle_jsd`` and the like are means over classes with the number of terms as weight;
    ``dihedral_jsd`` takes propers and impropers together.
    """

    family = "distributions"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        candidates: list[tuple[Kind, Terms]] = [
            (BOND, context.bonds),
            (ANGLE, context.angles),
            (PROPER, context.propers),
            (IMPROPER, context.impropers),
        ]
        self.kinds = [(kind, terms) for kind, terms in candidates if len(terms)]

    def rules(self) -> Mapping[str, Rule]:
        return {kind.name: total for kind, _ in self.kinds}

    def observe(self, batch: Batch) -> dict[str, Floats]:
        found = {}
        for kind, terms in self.kinds:
            values = kind.coordinate(batch.positions, terms.atoms) * kind.scale
            n_classes = len(terms.labels)
            groups = batch.units[:, :, None] * n_classes + terms.classes
            counts = count(values, groups, batch.n_units * n_classes, kind.edges)
            found[kind.name] = counts.reshape(batch.n_units, n_classes, -1)
        return found

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        for kind, terms in self.kinds:
            self._score(outcome, kind, terms, reference.stack(kind.name), generated.stack(kind.name))
        self._score_dihedrals(outcome, reference, generated)
        return outcome

    def _score(self, outcome: Outcome, kind: Kind, terms: Terms, ref: Floats, gen: Floats) -> None:
        width = float(kind.edges[1] - kind.edges[0])
        for name, distance, unit in (
            ("jsd", jsd, ""),
            ("w1", wasserstein(width, circular=kind.circular), kind.unit),
        ):
            found = compare(ref, gen, _with_mean(distance, terms.sizes), self.context.seed)
            whole = _with_mean(distance, terms.sizes)(gen.sum(axis=0), ref.sum(axis=0))
            labels = [f"[{label}]" for label in terms.labels] + [""]
            sizes = [*terms.sizes, terms.sizes.sum()]
            for place, (label, size) in enumerate(zip(labels, sizes, strict=True)):
                outcome.scores[f"{kind.name}_{name}{label}"] = make_score(
                    found.value[place],
                    finite(found.floor[place]),
                    finite(found.stderr[place]),
                    unit=unit,
                    n=int(size),
                    note="" if label else f"all frames against all: {whole[-1]:.4g}",
                )
        for place, label in enumerate(terms.labels):
            outcome.histograms[f"{kind.name}[{label}]"] = histogram_entry(kind.edges, ref, gen, place)

    def _score_dihedrals(self, outcome: Outcome, reference: Blocks, generated: Blocks) -> None:
        """Propers and impropers in one mean, as the published comparison lists them."""
        torsions = [(kind, terms) for kind, terms in self.kinds if kind in (PROPER, IMPROPER)]
        if not torsions:
            return
        names = [kind.name for kind, _ in torsions]
        sizes = np.concatenate([terms.sizes for _, terms in torsions])
        ref, gen = (np.concatenate([b.stack(n) for n in names], axis=1) for b in (reference, generated))
        found = compare(ref, gen, _with_mean(jsd, sizes), self.context.seed)
        whole = _with_mean(jsd, sizes)(gen.sum(axis=0), ref.sum(axis=0))[-1]
        outcome.scores["dihedral_jsd"] = make_score(
            found.value[-1],
            finite(found.floor[-1]),
            finite(found.stderr[-1]),
            n=int(sizes.sum()),
            note=f"proper and improper together; all frames against all: {whole:.4g}",
        )


class BondLengths(Metric):
    """Root mean square error of bond lengths against each bond's mean in the reference.

    Where the reference constrains its bonds their mean is the constraint length (and the median).
    """

    family = "distributions"

    def rules(self) -> Mapping[str, Rule]:
        return {"moments": total}

    @classmethod
    def applies(cls, context: Context) -> bool:
        return len(context.bonds) > 0

    def observe(self, batch: Batch) -> dict[str, Floats]:
        atoms = self.context.bonds.atoms
        radii = self.context.covalent_radii
        # Moments about a typical length keep their digits.
        deviation = geometry.lengths(batch.positions, atoms) - radii[atoms].sum(axis=1)
        ones = np.ones_like(deviation)
        return {"moments": batch.sum_units(np.stack([ones, deviation, deviation**2], axis=-1))}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        ref, gen = reference.stack("moments"), generated.stack("moments")
        outcome = Outcome()
        for name, chosen in self._selections().items():
            r, g = ref[:, chosen], gen[:, chosen]
            sums = r.sum(axis=0)
            value, stderr = statistic(g, _rmse(sums[:, 1] / sums[:, 0]), self.context.seed)
            floor = None
            if len(r) >= 2:
                first, second = (r[half].sum(axis=0) for half in halves(len(r)))
                floor = float(_rmse(second[:, 1] / second[:, 0])(first[None])[0])
            n = int(gen[:, chosen, 0].sum())
            outcome.scores[name] = make_score(value, floor, finite(stderr), unit="nm", n=n)
        return outcome

    def _selections(self) -> dict[str, NDArray[np.int64]]:
        held = self.context.constrained
        chosen = {"bond_rmse": np.arange(len(held))}
        if held.any() and not held.all():
            chosen["bond_rmse_constrained"] = np.flatnonzero(held)
        return chosen


class ChainSize(Metric):
    """End-to-end distance (the two heavy atoms farthest apart along bonds) and radius of gyration."""

    family = "distributions"

    def rules(self) -> Mapping[str, Rule]:
        return {"end_to_end": total, "gyration": total}

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        first, last, bonds = farthest_atoms(context)
        self.ends = np.array([[first, last]])
        reach = 0.15 * (bonds + 1)
        self.edges = {
            "end_to_end": np.linspace(0.0, reach, 51),
            "gyration": np.linspace(0.0, reach / 2, 51),
        }

    @classmethod
    def applies(cls, context: Context) -> bool:
        return farthest_atoms(context)[2] >= 3

    def observe(self, batch: Batch) -> dict[str, Floats]:
        x = batch.positions
        masses = self.context.topology.graph.masses
        weights = masses / masses.sum()
        centre = np.einsum("fmax,a->fmx", x, weights)
        offset = x - centre[:, :, None]
        gyration = np.sqrt(np.einsum("fmax,fmax,a->fm", offset, offset, weights))
        values = {"end_to_end": geometry.lengths(x, self.ends)[..., 0], "gyration": gyration}
        return {
            name: count(value, batch.units, batch.n_units, self.edges[name]) for name, value in values.items()
        }

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        for name, edges in self.edges.items():
            ref, gen = reference.stack(name)[:, None], generated.stack(name)[:, None]
            width = float(edges[1] - edges[0])
            for suffix, distance, unit in (("jsd", jsd, ""), ("w1", wasserstein(width), "nm")):
                found = compare(ref, gen, distance, self.context.seed)
                outcome.scores[f"{name}_{suffix}"] = make_score(
                    found.value[0],
                    finite(found.floor[0]),
                    finite(found.stderr[0]),
                    unit=unit,
                    n=int(gen.sum()),
                )
            outcome.histograms[name] = histogram_entry(edges, ref, gen, 0)
        return outcome


def histogram_entry(edges: Floats, reference: Floats, generated: Floats, place: int) -> dict[str, Floats]:
    """Arrays to store: edges, counts with overflow bins at both ends, and the reference's halves."""
    entry = {
        "edges": edges,
        "reference": reference[:, place].sum(axis=0),
        "generated": generated[:, place].sum(axis=0),
    }
    if len(reference) >= 2:
        entry["reference_halves"] = np.stack(
            [reference[half, place].sum(axis=0) for half in halves(len(reference))]
        )
    return entry


def farthest_atoms(context: Context) -> tuple[int, int, int]:
    """The two heavy atoms farthest apart along bonds in the first connected part, and how far."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    graph = context.topology.graph
    heavy = ~graph.is_hydrogen
    rows, columns = graph.bonds.T if len(graph.bonds) else np.zeros((2, 0), dtype=np.int64)
    kept = heavy[rows] & heavy[columns]
    links = csr_array((np.ones(kept.sum()), (rows[kept], columns[kept])), shape=(graph.n_atoms,) * 2)

    def farthest(start: int) -> tuple[int, int]:
        order, parent = breadth_first_order(links, start, directed=False)
        depth = np.zeros(graph.n_atoms, dtype=np.int64)
        for atom in order[1:]:
            depth[atom] = depth[parent[atom]] + 1
        deepest = int(depth[order].max())
        return int(min(a for a in order if depth[a] == deepest)), deepest

    start = int(np.argmax(heavy))
    # Twice breadth first is exact on trees and near enough with small rings.
    first, _ = farthest(start)
    last, bonds = farthest(first)
    return first, last, bonds


def _with_mean(distance: Distance, sizes: Floats) -> Distance:
    """Appends the mean over classes, weighted by their number of terms, to the distances."""

    def extended(one: Floats, other: Floats) -> Floats:
        values = distance(one, other)
        weights = np.where(np.isnan(values), 0.0, sizes)
        mean = (np.nan_to_num(values) * weights).sum(axis=-1, keepdims=True)
        return np.concatenate(
            [values, mean / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-30)], axis=-1
        )

    return extended


def _rmse(mean: Floats) -> Callable[[Floats], Floats]:
    def rmse(moments: Floats) -> Floats:
        n, first, second = np.moveaxis(moments, -1, 0)
        squares = second - 2 * mean * first + n * mean**2
        return np.sqrt(np.maximum(squares.sum(axis=-1), 0) / n.sum(axis=-1))

    return rmse
