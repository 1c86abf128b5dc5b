"""Is it a possible structure: clashes, bonds, stereocentres, rings, peptide bonds.

All scores are counts or shares of one ensemble; their floor is the reference's own value.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import FAR, Context
from bmzoo.evaluation.metric import Blocks, Metric, Outcome, Rule, total, worst
from bmzoo.evaluation.resampling import finite, statistic
from bmzoo.evaluation.rings import out_of_plane, pierced_rings, ring_table
from bmzoo.evaluation.score import make_score

Floats = NDArray[np.float64]
CLASH = 0.12
"""nm; heavy atoms this close clash whatever they are."""
CLOSE = 0.8
"""Share of the sum of van der Waals radii below which heavy atoms are too close."""
OVERLAP = 0.04
"""nm that van der Waals spheres may overlap (Word et al., J. Mol. Biol. 285, 1711, 1999)."""
BOND_TOLERANCE = 1.3
"""Two atoms are bonded where they are closer than this times the sum of their covalent radii."""


class _Shares(Metric):
    """Numerators over a denominator, summed over blocks; ``sums`` ends with the denominator's column."""

    family = "validity"
    columns: tuple[tuple[str, str, float], ...]
    """Observable, unit and factor of every numerator; ``root`` of means of squares has unit nm."""

    def rules(self) -> Mapping[str, Rule]:
        return {"sums": total, "worst": worst}

    def _state(
        self, batch: Batch, numerators: list[Floats], denominator: Floats, bad: Floats
    ) -> dict[str, Floats]:
        """From arrays ``(n_frames, n_molecules)``; ``bad`` names the worst frame."""
        sums = np.stack([*numerators, denominator], axis=-1)
        rows = np.stack([bad.sum(axis=1), batch.indices], axis=1)
        return {"sums": batch.sum_units(sums), "worst": batch.worst(rows)}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = Outcome()
        ref, gen = reference.stack("sums"), generated.stack("sums")
        n = int(gen[:, -1].sum())
        for column, (name, unit, factor) in enumerate(self.columns):
            if not n:
                continue

            def share(sums: Floats, column: int = column, factor: float = factor, unit: str = unit) -> Floats:
                mean = sums[..., column] / np.maximum(sums[..., -1], 1e-300) * factor
                return np.sqrt(mean) if unit == "nm" else mean

            value, stderr = statistic(gen, share, self.context.seed)
            floor = float(share(ref.sum(axis=0))) if ref[:, -1].sum() else None
            outcome.scores[name] = make_score(
                float(value), floor, finite(stderr), unit=unit, n=n, note="floor is the reference's own value"
            )
        largest, frame = generated.total("worst")
        if largest > 0:
            outcome.worst[self.columns[0][0]] = f"frame {int(frame)}: {largest:.4g} in the frame"
        return outcome


class Contacts(_Shares):
    """Non-bonded atoms that are too close, per 1,000 atoms; non-bonded is more than three bonds apart.

    Overlaps count hydrogens too, but no hydrogen bonds (H on N, O or S with another N, O or S).
    """

    columns = (
        ("overlaps_per_1000", "per 1000 atoms", 1000.0),
        ("clashes_per_1000", "per 1000 atoms", 1000.0),
        ("close_contacts_per_1000", "per 1000 atoms", 1000.0),
    )

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        graph = context.topology.graph
        polar = np.isin(graph.elements, ["N", "O", "S"])
        donated = [
            graph.is_hydrogen[a] and any(polar[n] for n in graph.neighbours[a]) for a in range(graph.n_atoms)
        ]
        self.polar, self.donated = polar, np.array(donated, dtype=bool)

    def observe(self, batch: Batch) -> dict[str, Floats]:
        radii = self.context.vdw_radii
        pairs = batch.pairs
        pairs = pairs.select(pairs.distance < 2 * radii.max())
        bonded = pairs.inside & (self.context.separation[pairs.first, pairs.second] < FAR)
        pairs = pairs.select(~bonded)
        i, j, r = pairs.first, pairs.second, pairs.distance
        reach = radii[i] + radii[j]
        heavy = ~(self.context.topology.graph.is_hydrogen[i] | self.context.topology.graph.is_hydrogen[j])
        hydrogen_bond = (self.donated[i] & self.polar[j]) | (self.donated[j] & self.polar[i])
        flags = (
            (reach - r > OVERLAP) & ~hydrogen_bond,
            (r < CLASH) & heavy,
            (r < CLOSE * reach) & heavy,
        )
        counts = [
            _by_molecule(batch, pairs.frame, pairs.first_molecule, pairs.second_molecule, f) for f in flags
        ]
        atoms = np.full(counts[0].shape, float(self.context.n_atoms))
        return self._state(batch, counts, atoms, counts[0])


class Perception(_Shares):
    """Bonds perceived from coordinates against the bonds of the graph.

    ``graph_error`` = sum over pairs of |A_gen - A_ref| / sum over pairs of A_ref, the symmetric
    difference of the two sets of bonds; ``graph_recovered`` is the share of molecules without any.
    """

    columns = (
        ("graph_error", "", 1.0),
        ("bonds_broken", "per 1000 bonds", 1000.0),
        ("bonds_formed", "per 1000 bonds", 1000.0),
        ("graph_recovered", "", 1.0),
    )

    @classmethod
    def applies(cls, context: Context) -> bool:
        return len(context.bonds) > 0

    def observe(self, batch: Batch) -> dict[str, Floats]:
        radii = self.context.covalent_radii
        pairs = batch.pairs
        pairs = pairs.select(pairs.distance < BOND_TOLERANCE * 2 * radii.max())
        near = pairs.distance < BOND_TOLERANCE * (radii[pairs.first] + radii[pairs.second])
        pairs = pairs.select(near)
        listed = pairs.inside & (self.context.separation[pairs.first, pairs.second] == 1)
        ends = pairs.frame, pairs.first_molecule, pairs.second_molecule
        n_bonds = float(len(self.context.bonds))
        broken = n_bonds - _by_molecule(batch, *ends, listed)
        formed = _by_molecule(batch, *ends, ~listed)
        wrong = broken + formed
        bonds = np.full(wrong.shape, n_bonds)
        # Weighted with the bonds of a molecule, so that the common denominator gives shares.
        recovered = (wrong == 0) * n_bonds
        return self._state(batch, [wrong, broken, formed, recovered], bonds, wrong)


class Stereochemistry(_Shares):
    """Stereocentres with the right hand, and the share of racemic dyads.

    The right hand is the graph's; where the graph leaves it open, that of the reference frame that
    the CG frame came from. Centres that have neither are not counted.
    """

    columns: tuple[tuple[str, str, float], ...] = (("stereocentres_kept", "", 1.0),)

    @classmethod
    def applies(cls, context: Context) -> bool:
        return len(context.topology.graph.stereocentres) > 0

    def rules(self) -> Mapping[str, Rule]:
        return {**super().rules(), "dyads": total}

    def observe(self, batch: Batch) -> dict[str, Floats]:
        from bmzoo.molecules.stereo import hands, tacticity

        graph = self.context.topology.graph
        shape = batch.n_frames * batch.n_molecules, self.context.n_atoms, 3
        found = hands(batch.positions.reshape(shape), graph.stereocentres)
        right = np.broadcast_to(graph.chirality, found.shape)
        source = batch.positions if batch.is_reference else batch.reference
        if source is not None:
            right = np.where(right == 0, hands(source.reshape(shape), graph.stereocentres), right)
        known = right != 0
        per_molecule = batch.n_frames, batch.n_molecules
        kept = ((found == right) & known).sum(axis=1).reshape(per_molecule).astype(np.float64)
        counted = known.sum(axis=1).reshape(per_molecule).astype(np.float64)
        racemic = tacticity(graph, found).racemic
        dyads = np.stack([(racemic == 1).sum(axis=1), (racemic >= 0).sum(axis=1)], axis=-1)
        state = self._state(batch, [kept], counted, counted - kept)
        return {**state, "dyads": batch.sum_units(dyads.reshape(*per_molecule, 2))}

    def conclude(self, reference: Blocks, generated: Blocks) -> Outcome:
        outcome = super().conclude(reference, generated)
        ref, gen = reference.stack("dyads"), generated.stack("dyads")
        if gen[:, 1].sum() and ref[:, 1].sum():
            value, stderr = statistic(gen, lambda s: s[..., 0] / np.maximum(s[..., 1], 1), self.context.seed)
            floor = ref[:, 0].sum() / ref[:, 1].sum()
            note = "share of racemic dyads; floor is the reference's own value"
            n = int(gen[:, 1].sum())
            outcome.scores["tacticity_racemic"] = make_score(
                float(value), floor, finite(stderr), n=n, note=note
            )
        return outcome


class Rings(_Shares):
    """Rings with a bond through them, and how far the atoms of flat rings are out of their plane."""

    columns: tuple[tuple[str, str, float], ...] = (
        ("pierced_rings_per_1000", "per 1000 rings", 1000.0),
        ("ring_planarity", "nm", 1.0),
    )

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.rings = ring_table(context.topology.graph)
        if not self.rings.flat.any():
            self.columns = self.columns[:1]

    @classmethod
    def applies(cls, context: Context) -> bool:
        return len(ring_table(context.topology.graph).atoms) > 0

    def observe(self, batch: Batch) -> dict[str, Floats]:
        bonds = self.context.bonds.atoms
        found = [pierced_rings(x, batch.box(f), self.rings, bonds) for f, x in enumerate(batch.positions)]
        pierced = np.stack(found).astype(np.float64)
        numerators = [pierced]
        n_rings = float(len(self.rings.atoms))
        if self.rings.flat.any():
            squares = out_of_plane(batch.positions, self.rings)[..., self.rings.flat]
            # Scaled to the common denominator, all rings.
            numerators.append(squares.mean(axis=-1) * n_rings)
        return self._state(batch, numerators, np.full(pierced.shape, n_rings), pierced)


class PeptideBonds(_Shares):
    """Share of peptide bonds whose omega is nearer to cis than to trans."""

    columns = (("cis_peptides", "", 1.0),)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.omegas = omega_dihedrals(context)

    @classmethod
    def applies(cls, context: Context) -> bool:
        return len(omega_dihedrals(context)) > 0

    def observe(self, batch: Batch) -> dict[str, Floats]:
        omega = geometry.dihedrals(batch.positions, self.omegas)
        cis = (np.abs(omega) < np.pi / 2).sum(axis=-1).astype(np.float64)
        return self._state(batch, [cis], np.full(cis.shape, float(len(self.omegas))), cis)


def omega_dihedrals(context: Context) -> NDArray[np.int64]:
    """``(n, 4)`` C-C(=O)-N-C of every amide, the alpha carbon where there are several carbons."""
    graph = context.topology.graph
    rows = []
    for i, j in graph.bonds.tolist():
        for carbon, nitrogen in ((i, j), (j, i)):
            if graph.elements[carbon] != "C" or graph.elements[nitrogen] != "N":
                continue
            near = graph.neighbours[carbon]
            carbonyl = any(graph.elements[a] == "O" and graph.degrees[a] == 1 for a in near)
            before = [a for a in near if graph.elements[a] == "C"]
            after = [a for a in graph.neighbours[nitrogen] if graph.elements[a] == "C" and a != carbon]
            after = [a for a in after if graph.names[a] == "CA"] or after
            if carbonyl and len(before) == 1 and len(after) == 1 and graph.degrees[nitrogen] == 3:
                rows.append((before[0], carbon, nitrogen, after[0]))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _by_molecule(
    batch: Batch, frame: NDArray, one: NDArray, other: NDArray, flags: NDArray[np.bool_]
) -> Floats:
    """``(n_frames, n_molecules)`` number of flagged pairs, half for the molecule of each partner."""
    frame, one, other = frame[flags], one[flags], other[flags]
    size = batch.n_frames * batch.n_molecules
    counts = np.bincount(frame * batch.n_molecules + one, minlength=size)
    counts = counts + np.bincount(frame * batch.n_molecules + other, minlength=size)
    return counts.reshape(batch.n_frames, batch.n_molecules) / 2
