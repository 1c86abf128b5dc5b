"""Energies of the reference's own force field: Lennard-Jones, bonded, total, equipartition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.histograms import count, jsd, sample_wasserstein
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule, priorities, sample, total
from bmzoo.evaluation.pairs import Pairs
from bmzoo.evaluation.resampling import compare_samples, finite, halves, statistic
from bmzoo.evaluation.score import make_score

if TYPE_CHECKING:
    from bmzoo.representations.energies import Energies

Floats = NDArray[np.float64]
MOLECULE_TERMS = ("lj", "angle", "dihedral", "improper")
"""Energies of molecules: Lennard-Jones with everything around (1-4 pairs apart), and bonded terms."""
FRAME_TERMS = ("non_bonded", "angle", "dihedral", "improper", "total")
"""Energies of frames."""
ROWS_PER_BLOCK = 2048
TAIL = 0.999
LARGEST = 1e15
"""kJ/mol; overlapping atoms count with this, so that all figures stay finite."""


class Energetics(Metric):
    """Energies per molecule and per frame, and the equipartition ratios.

    Up to ``ROWS_PER_BLOCK`` molecules and frames a block are kept, drawn at random.
    ``*_energy_per_atom`` are medians over frames; their floor is the reference's own value.
    ``equipartition_*`` are mean energies over the reference's.
    """

    family = "energetics"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._energies: Energies | None = None
        field = context.topology.force_field
        assert field is not None
        self.field = field
        improper = field.dihedral_improper
        self.present = {
            "lj": bool((field.epsilon > 0).any()),
            "angle": len(field.angles) > 0,
            "dihedral": bool((~improper).any()),
            "improper": len(field.impropers) + int(improper.sum()) > 0,
            "non_bonded": True,
            "total": True,
        }

    @classmethod
    def applies(cls, context: Context) -> bool:
        return context.topology.force_field is not None

    def rules(self) -> Mapping[str, Rule]:
        return {"molecules": sample(ROWS_PER_BLOCK), "frames": sample(ROWS_PER_BLOCK), "sums": total}

    def observe(self, batch: Batch) -> Mapping[str, Any]:
        molecules, frames = self._evaluate(batch)
        rows = np.stack([molecules[name] for name in MOLECULE_TERMS], axis=-1)
        ranks = priorities(batch.numbers, batch.n_molecules, self.context.seed)
        per_molecule = np.concatenate([ranks[..., None], rows], axis=-1).reshape(-1, 1 + len(MOLECULE_TERMS))
        n_atoms = batch.n_molecules * self.context.n_atoms
        per_frame = np.stack([ranks[:, 0], *(frames[name] / n_atoms for name in FRAME_TERMS)], axis=1)
        ones = np.ones((batch.n_frames, batch.n_molecules, 1))
        return {
            "molecules": batch.split_rows(per_molecule, batch.units.ravel()),
            "frames": batch.split_rows(per_frame, batch.frame_units),
            "sums": batch.sum_units(np.concatenate([ones, rows], axis=-1)),
        }

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        for column, name in enumerate(MOLECULE_TERMS, start=1):
            if self.present[name]:
                self._distribution(
                    outcome, name, reference.rows("molecules"), generated.rows("molecules"), column
                )
        if self.present["lj"]:
            self._tail(outcome, reference, generated)
        for column, name in enumerate(FRAME_TERMS, start=1):
            if self.present[name]:
                self._median(outcome, name, reference, generated, column)
        if all(len(rows) for rows in reference.rows("frames") + generated.rows("frames")):
            place = 1 + FRAME_TERMS.index("total")
            self._distribution(outcome, "total", reference.rows("frames"), generated.rows("frames"), place)
        self._equipartition(outcome, reference, generated)
        return outcome

    def _evaluate(self, batch: Batch) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Energies of molecules ``(n_frames, n_molecules)`` and of frames ``(n_frames,)``, kJ/mol."""
        import torch

        from bmzoo.representations.energies import Energies
        from bmzoo.representations.pairs import Pairs as Listed

        if self._energies is None:
            self._energies = Energies(self.field)
        x = torch.as_tensor(batch.positions.reshape(batch.n_frames, -1, 3))
        with torch.no_grad():
            if self.field.cutoff is None:
                terms = self._energies.per_molecule(x)
                found = {name: _tame(value) for name, value in terms.items()}
                whole = {name: _tame(value) for name, value in self._energies.terms(x).items()}
            else:
                none = Listed(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))
                found = {
                    name: _tame(value) for name, value in self._energies.per_molecule(x, pairs=none).items()
                }
                whole = {name: value.sum(axis=1) for name, value in found.items()}
                listed = self._non_bonded(batch)
                found["lennard_jones"] = listed.pop("molecules")
                whole |= listed
        molecules = {
            "lj": found["lennard_jones"],
            "angle": found["angle"],
            "dihedral": found["dihedral"],
            "improper": found["dihedral_improper"] + found["improper"],
        }
        frames = {name: molecules[name].sum(axis=1) for name in ("angle", "dihedral", "improper")}
        frames["non_bonded"] = sum(whole.get(n, 0.0) for n in ("lennard_jones", "coulomb", "pairs", "gb"))
        frames["total"] = sum(frames.values()) + whole["bond"] - self._held_bond_energy(batch)
        return molecules, frames

    def _held_bond_energy(self, batch: Batch) -> Floats:
        """``(n_frames,)`` kJ/mol of bonds that the reference constrains: none of its energy."""
        held = {tuple(sorted(pair)) for pair in self.field.constraints.tolist()}
        chosen = np.array([tuple(sorted(pair)) in held for pair in self.field.bonds.tolist()], dtype=bool)
        stretch = geometry.lengths(batch.positions, self.field.bonds[chosen]) - self.field.bond_r0[chosen]
        energy: Floats = (0.5 * self.field.bond_k[chosen] * stretch**2).sum(axis=(1, 2))
        return energy

    def _non_bonded(self, batch: Batch) -> dict[str, Floats]:
        """Lennard-Jones and Coulomb energy by frame, and of every molecule with all around it."""
        import torch

        from bmzoo.representations import interactions as physics

        pairs, field = batch.pairs, self.field
        assert field.cutoff is not None
        left_out = pairs.inside & self._excluded()[pairs.first, pairs.second]
        pairs = pairs.select(~left_out & (pairs.distance < field.cutoff))
        r = torch.as_tensor(pairs.distance)
        sigma, epsilon = self._mixed(pairs)
        lj = _tame(physics.lennard_jones(r, torch.as_tensor(sigma), torch.as_tensor(epsilon)))
        krf, crf = physics.reaction_field(field.cutoff, field.reaction_field)
        product = torch.as_tensor(field.charges[pairs.first] * field.charges[pairs.second])
        coulomb = _tame(physics.coulomb(r, product, krf, crf))
        shape = batch.n_frames, batch.n_molecules
        one = pairs.frame * batch.n_molecules + pairs.first_molecule
        other = pairs.frame * batch.n_molecules + pairs.second_molecule
        size = shape[0] * shape[1]
        # An intermolecular pair counts in full for both partners.
        shared = _added(one, lj, size) + _added(other, lj * (one != other), size)
        return {
            "molecules": shared.reshape(shape),
            "lennard_jones": _added(pairs.frame, lj, shape[0]),
            "coulomb": _added(pairs.frame, coulomb, shape[0]),
        }

    def _mixed(self, pairs: Pairs) -> tuple[Floats, Floats]:
        """``(n_pairs,)`` sigma and epsilon, looked up by kinds of atoms."""
        field = self.field
        kinds, kind = np.unique(np.stack([field.sigma, field.epsilon], axis=1), axis=0, return_inverse=True)
        sigma, epsilon = kinds.T
        both = (sigma[:, None] + sigma) / 2
        if field.combination == "geometric":
            both = np.sqrt(sigma[:, None] * sigma)
        place = kind.reshape(-1)[pairs.first] * len(kinds) + kind.reshape(-1)[pairs.second]
        return both.ravel()[place], np.sqrt(epsilon[:, None] * epsilon).ravel()[place]

    def _excluded(self) -> NDArray[np.bool_]:
        table = np.zeros((self.context.n_atoms,) * 2, dtype=bool)
        for rows in (self.field.exclusions, self.field.pairs):
            table[rows[:, 0], rows[:, 1]] = table[rows[:, 1], rows[:, 0]] = True
        return table

    def _distribution(
        self, outcome: Outcome, name: str, ref: list[Floats], gen: list[Floats], column: int
    ) -> None:
        one, other = ([rows[:, column] for rows in side] for side in (ref, gen))
        edges = reference_edges(np.concatenate(one))
        unit = "kJ/mol per atom" if name == "total" else "kJ/mol"
        n = sum(len(rows) for rows in other)
        for suffix, distance, what in (
            ("w1", sample_wasserstein, unit),
            ("jsd", lambda a, b: float(jsd(_histogram(a, edges), _histogram(b, edges))), ""),
        ):
            value, floor, stderr = compare_samples(one, other, distance, self.context.seed)
            outcome.scores[f"{name}_{suffix}"] = make_score(value, floor, stderr, unit=what, n=n)
        outcome.histograms[name] = {
            "edges": edges,
            "reference": _histogram(np.concatenate(one), edges),
            "generated": _histogram(np.concatenate(other), edges),
            "reference_halves": np.stack(
                [_histogram(np.concatenate([one[b] for b in h]), edges) for h in halves(len(one)) if h]
            )
            if len(one) > 1
            else np.zeros((0, len(edges) + 1)),
        }

    def _tail(self, outcome: Outcome, reference: Blocks, generated: Blocks) -> None:
        one, other = ([rows[:, 1] for rows in side.rows("molecules")] for side in (reference, generated))

        def share(found: Floats, expected: Floats) -> float:
            return float((found > np.quantile(expected, TAIL)).mean())

        value, floor, stderr = compare_samples(one, other, share, self.context.seed)
        outcome.scores["lj_tail"] = make_score(
            value,
            floor,
            stderr,
            n=sum(len(rows) for rows in other),
            note="share of molecules above the reference's 99.9 % quantile",
        )

    def _median(self, outcome: Outcome, name: str, reference: Blocks, generated: Blocks, column: int) -> None:
        ref = np.concatenate([rows[:, column] for rows in reference.rows("frames")])
        gen = np.concatenate([rows[:, column] for rows in generated.rows("frames")])
        rng = np.random.default_rng(self.context.seed)
        stderr = None
        if len(gen) >= 4:
            stderr = float(np.std([np.median(rng.choice(gen, len(gen))) for _ in range(40)], ddof=1))
        outcome.scores[f"{name}_energy_per_atom"] = make_score(
            float(np.median(gen)),
            float(np.median(ref)),
            stderr,
            unit="kJ/mol",
            n=len(gen),
            note="median over frames; floor is the reference's own value",
        )

    def _equipartition(self, outcome: Outcome, reference: Blocks, generated: Blocks) -> None:
        ref, gen = reference.stack("sums"), generated.stack("sums")
        for column, name in enumerate(MOLECULE_TERMS, start=1):
            expected = ref[:, column].sum() / ref[:, 0].sum()
            if name == "lj" or not self.present[name] or expected == 0:
                continue

            def ratio(sums: Floats, column: int = column, expected: float = expected) -> Floats:
                return sums[:, column] / sums[:, 0] / expected

            value, stderr = statistic(gen, ratio, self.context.seed)
            floor = None
            if len(ref) > 1:
                one, other = (ratio(ref[half].sum(axis=0)[None])[0] for half in halves(len(ref)))
                floor = float(one / other)
            outcome.scores[f"equipartition_{name}"] = make_score(
                float(value), floor, finite(stderr), n=int(gen[:, 0].sum()), note="1 is right"
            )


def reference_edges(values: Floats, n_bins: int = 50) -> Floats:
    """Evenly spaced edges over the reference's range, a tenth of it wider on either side."""
    low, high = float(values.min()), float(values.max())
    margin = max(0.1 * (high - low), 1e-9 * max(abs(low), abs(high), 1.0))
    return np.linspace(low - margin, high + margin, n_bins + 1)


def _histogram(values: Floats, edges: Floats) -> Floats:
    return count(values, np.zeros(1, dtype=np.int64), 1, edges)[0]


def _added(places: NDArray[Any], values: Floats, size: int) -> Floats:
    return np.bincount(places, values, size).astype(np.float64)


def _tame(values: Any) -> Floats:
    """A numpy array without infinities."""
    array = values.detach().cpu().numpy()
    return np.nan_to_num(array, nan=LARGEST, posinf=LARGEST, neginf=-LARGEST).clip(-LARGEST, LARGEST)
