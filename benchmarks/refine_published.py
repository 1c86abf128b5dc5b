"""Refines the published polystyrene frames and says how good they get.

    python benchmarks/refine_published.py --frames 10
    python benchmarks/refine_published.py --start energy_minimised_2020 --frames 3

Published snapshots (Stieffenhofer, Wand, Bereau 2020) are read from ``--data``, in order: frame i of the
start and of ``cg.xtc``; the reference is all of ``aa.xtc``. Jensen-Shannon divergences in base 2 over 100
bins, angles 60 to 180 degrees, dihedrals and impropers -180 to 180, by classes of atom types, averaged with
the number of terms as weight. Energies are means over those of the reference. The first row is the floor:
as many frames of the reference, spread evenly, against the others.
"""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np
from _common import SHARED, new_parser
from numpy.typing import NDArray

from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import read_frames
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.forcefield import ForceField
from bmzoo.simulation.refine import Refiner, RefineSettings
from bmzoo.systems import sps

Floats = NDArray[np.floating]
COLUMNS = ("angle JSD", "dihedral JSD", "angle energy", "improper energy", "bond RMSE nm")


def main() -> None:
    parser = new_parser(__doc__, data=SHARED / "sps" / "568K", seed=0)
    parser.add_argument("--state", default="568K", choices=["568K", "313K"])
    parser.add_argument(
        "--start", default="voxel_gan_2020", help="voxel_gan_2020, energy_minimised_2020 or aa"
    )
    parser.add_argument("--refine", default="thermalise", help="as of 'bmzoo backmap --refine'")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()

    topology = sps.load(options.state).topology
    assert topology.force_field is not None
    score = Scorer(topology.force_field)
    reference = [
        f.positions for f in whole_molecules(read_frames(options.data / "aa.xtc"), topology, beads=False)
    ]
    chosen = slice(options.first, options.first + options.frames)
    starts = list(whole_molecules(read_frames(options.data / f"{options.start}.xtc"), topology, beads=False))
    beads = list(whole_molecules(read_frames(options.data / "cg.xtc"), topology, beads=True))
    starts, beads = starts[chosen], beads[chosen]

    some = np.unique(np.linspace(0, len(reference) - 1, options.frames).astype(int))
    rest = [x for k, x in enumerate(reference) if k not in some] or reference
    print(" " * 22, *(f"{column:>16}" for column in COLUMNS))
    report("floor", score([reference[k] for k in some], rest))
    report(options.start, score([frame.positions for frame in starts], reference))
    refiner = Refiner(topology, RefineSettings.parse(options.refine), seed=options.seed)
    report(options.refine, score(refine(refiner, starts, beads), reference))


def refine(refiner: Refiner, starts: list[Frame], beads: list[Frame]) -> list[Floats]:
    """Refined frames; a line a frame says how it went."""
    found: list[Floats] = []
    for atoms, coarse in zip(starts, beads, strict=True):
        cpu = time.process_time()
        result = refiner.refine(atoms, coarse)
        print(
            f"  frame {atoms.index}: {result.message or 'relaxed'}, {result.seconds:.1f} s "
            f"({time.process_time() - cpu:.1f} s CPU), {result.mirrored} mirrored, "
            f"{result.wrong_hands} of the wrong hand left, CG RMSD {result.bead_rmsd:.1e} nm",
            flush=True,
        )
        found.append(np.asarray(result.frame.positions, dtype=np.float64))
    return found


def report(name: str, row: tuple[float, ...]) -> None:
    print(f"{name:22}", *(f"{value:16.4f}" for value in row), flush=True)


class Scorer:
    """The figures of a row: two divergences, two ratios of mean energies, and the bond error."""

    def __init__(self, field: ForceField) -> None:
        self.field = field

    def __call__(self, generated: list[Floats], reference: list[Floats]) -> tuple[float, ...]:
        ours, theirs = self._measure(generated), self._measure(reference)
        bends = [self._divergences(self.field.angles, ours[0], theirs[0], (60, 180))]
        turns = [
            self._divergences(self.field.dihedrals, ours[1], theirs[1], (-180, 180)),
            self._divergences(self.field.impropers, ours[2], theirs[2], (-180, 180)),
        ]
        return (
            _weighted(bends),
            _weighted(turns),
            self._angle_energy(ours[0]) / self._angle_energy(theirs[0]),
            self._improper_energy(ours[2]) / self._improper_energy(theirs[2]),
            float(np.sqrt(np.square(ours[3] - self.field.bond_r0).mean())),
        )

    def _measure(self, frames: list[Floats]) -> tuple[Floats, ...]:
        """Angles, dihedrals, impropers in degrees and bonds in nm, ``(n_molecules, n_terms)``."""
        x = np.concatenate([frame.reshape(-1, self.field.n_atoms, 3) for frame in frames])
        bonds = np.linalg.norm(x[:, self.field.bonds[:, 0]] - x[:, self.field.bonds[:, 1]], axis=-1)
        turns = (_dihedrals(x, rows) for rows in (self.field.dihedrals, self.field.impropers))
        return (_angles(x, self.field.angles), *turns, bonds)

    def _divergences(
        self, rows: NDArray[np.int64], ours: Floats, theirs: Floats, limits: tuple[float, float]
    ) -> list[tuple[int, float]]:
        """Number of terms and divergence of every class of atom types."""
        classes = defaultdict(list)
        for term, row in enumerate(rows.tolist()):
            types = tuple(self.field.types[atom] for atom in row)
            classes[min(types, types[::-1])].append(term)
        return [(len(t), _divergence(ours[:, t], theirs[:, t], limits)) for t in classes.values()]

    def _angle_energy(self, degrees: Floats) -> float:
        return float((self.field.angle_k * (np.radians(degrees) - self.field.angle_theta0) ** 2).mean())

    def _improper_energy(self, degrees: Floats) -> float:
        return float((self.field.improper_k * np.radians(degrees) ** 2).mean())


def _weighted(rows: list[list[tuple[int, float]]]) -> float:
    counts, values = zip(*(row for group in rows for row in group), strict=True)
    return float(np.average(values, weights=counts))


def _divergence(ours: Floats, theirs: Floats, limits: tuple[float, float]) -> float:
    p, q = (np.histogram(values, 100, limits)[0].astype(float) for values in (ours, theirs))
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    return float(sum(np.sum(h[h > 0] * np.log2(h[h > 0] / middle[h > 0])) for h in (p, q)) / 2)


def _angles(x: Floats, rows: NDArray[np.int64]) -> Floats:
    a, b, c = (x[:, rows[:, k]] for k in range(3))
    left, right = a - b, c - b
    sine = np.linalg.norm(np.cross(left, right), axis=-1)
    return np.degrees(np.arctan2(sine, (left * right).sum(-1)))


def _dihedrals(x: Floats, rows: NDArray[np.int64]) -> Floats:
    a, b, c, d = (x[:, rows[:, k]] for k in range(4))
    first, axis, last = b - a, c - b, d - c
    before, after = np.cross(first, axis), np.cross(axis, last)
    sine = np.linalg.norm(axis, axis=-1) * (first * after).sum(-1)
    return np.degrees(np.arctan2(sine, (before * after).sum(-1)))


if __name__ == "__main__":
    main()
