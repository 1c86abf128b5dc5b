"""Atoms for published melts of coarse-grained polystyrene: chains of 96 monomers, two beads each.

    python benchmarks/long_chains.py [--published ../shared/data/fritz/cg_AB] [--frames 1] [--chains N]

Backends with the weights and the library of short chains (system ``sps:496K-96mers``), raw and refined,
against the embedded test frames of ``sps:568K``: other chains at another temperature, so that nothing
pairs and nothing is zero. Divergences are those of the evaluation, Jensen-Shannon, base 2, by class of
bonded terms, and their means with the reference's numbers of terms as weights; of two harmonic terms at 496
and 568 K it is 0.0017. g(r) is between carbons of other chains, or of monomers as far apart along the chain
as no two of a short one are: mean absolute difference, 100 bins to 1 nm. Floors are between the halves of the
reference. Writes long_chains.json and the frames into --output.

--hold 100,40,20: raw frames after runs of 0.15 ps, one going on where the other ended, in which springs of
these frequencies (1/ps) hold the beads, which refinement holds at 400 and then puts back exactly: how far
they must give way until atoms are at ease.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from _common import (
    SHARED,
    joined,
    new_parser,
    provenance,
    provenance_line,
    refusals,
    set_threads,
    table,
    weights_label,
    write_json,
)
from _models import embedded, published
from _scoring import refined
from numpy.typing import NDArray

from bmzoo.evaluation.evaluate import Evaluation, Result
from bmzoo.evaluation.histograms import jsd
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.lattice import box_volume
from bmzoo.frames.periodic import nearest_image_of, neighbour_pairs
from bmzoo.frames.trajectory import write_frames
from bmzoo.molecules import polystyrene
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.held_beads import HeldBeads
from bmzoo.simulation.projection import BeadConstraints
from bmzoo.simulation.refine import FRICTION, STIFF, TIMESTEP
from bmzoo.systems import load_system
from bmzoo.target import load_backmapper

Floats = NDArray[np.float64]
Cells = dict[str, float | None]

SYSTEM, REFERENCE = "sps:496K-96mers", "sps:568K"
FAMILIES = ("distributions", "consistency", "validity")
EDGES = np.linspace(0.0, 1.0, 101)
"""nm."""
VALIDITY = {
    "right hand %": ("validity/stereocentres_kept", 100.0),
    "overlaps /1000": ("validity/overlaps_per_1000", 1.0),
    "clashes /1000": ("validity/clashes_per_1000", 1.0),
    "pierced rings /1000": ("validity/pierced_rings_per_1000", 1.0),
    "broken bonds /1000": ("validity/bonds_broken", 1.0),
}
CLASSES = ("angle[C-C-C]", "angle[C-C-C_AR]", "proper[C-C-C-C]")
"""Told on their own: the backbone, and how phenyls stand on it."""
RELEASED = 150
"""Steps of a run with softer springs."""


@dataclass(frozen=True, eq=False)
class Side:
    """Atomistic frames with their beads, and what the evaluation says of them alone."""

    topology: Topology
    atoms: list[Frame]
    beads: list[Frame]

    @cached_property
    def result(self) -> Result:
        """Compared with one of themselves: only counts and scores that need no reference are read."""
        evaluation = Evaluation(self.topology, families=FAMILIES)
        return evaluation.run(self.atoms[:1], self.atoms, coarse=self.beads, simulated=True)

    def counts(self, key: str) -> Floats:
        """Histogram of a class of terms."""
        found: Floats = self.result.histograms[f"distributions/{key}"]["generated"]
        return found

    def classes(self, kind: str) -> dict[str, float]:
        """Number of terms of every class of a kind, ``bond``, ``angle``, ``proper`` or ``improper``."""
        begin, keys = f"distributions/{kind}[", self.result.histograms
        labels = [key.removeprefix("distributions/") for key in keys if key.startswith(begin)]
        return {label: float(self.counts(label).sum()) for label in labels}

    @property
    def bond_rmse(self) -> float:
        """nm, from the lengths that the force field holds."""
        field, n = self.topology.force_field, self.topology.n_atoms
        assert field is not None
        squares = []
        for frame in self.atoms:
            x = np.asarray(frame.positions, dtype=np.float64).reshape(-1, n, 3)
            lengths = np.linalg.norm(x[:, field.bonds[:, 0]] - x[:, field.bonds[:, 1]], axis=2)
            squares.append(np.square(lengths - field.bond_r0).mean())
        return float(np.sqrt(np.mean(squares)))

    @cached_property
    def radial(self) -> Floats:
        """``(n_bins,)`` g(r) of carbons that do not belong to one another's stretch of a chain."""
        return np.mean([self._radial(frame) for frame in self.atoms], axis=0)

    def _radial(self, frame: Frame) -> Floats:
        n, chosen = self.topology.n_atoms, np.array(self.topology.graph.elements) == "C"
        carbons = np.flatnonzero(np.tile(chosen, len(frame) // n))
        chain, atom = np.divmod(carbons, n)
        monomer = np.minimum(atom // polystyrene.MONOMER, polystyrene.count_monomers(n) - 1)
        found = neighbour_pairs(frame.positions[carbons], frame.box, EDGES[-1])
        i, j = found.first, found.second
        apart = (chain[i] != chain[j]) | (np.abs(monomer[i] - monomer[j]) >= polystyrene.N_MONOMERS)
        counts = np.histogram(found.distances[apart], EDGES)[0]
        own = np.abs(np.subtract.outer(monomer[chain == 0], monomer[chain == 0])) < polystyrene.N_MONOMERS
        n_pairs = (len(carbons) ** 2 - int(own.sum()) * (len(frame) // n)) / 2
        assert frame.box is not None
        shells = 4 / 3 * np.pi * np.diff(EDGES**3) / box_volume(frame.box)
        g: Floats = counts / (n_pairs * shells)
        return g


def compare(side: Side, reference: Side) -> Cells:
    """A row of the table."""
    cells: Cells = {}
    scores = side.result.scores
    for label, (key, factor) in VALIDITY.items():
        cells[label] = factor * scores[key].value
    cells["bond RMSE nm"] = side.bond_rmse
    found: dict[str, float] = {}
    for kind in ("angle", "proper", "improper"):
        found |= {key: float(jsd(side.counts(key), reference.counts(key))) for key in reference.classes(kind)}
    cells["angle JSD"] = _mean(found, reference.classes("angle"))
    cells["dihedral JSD"] = _mean(found, reference.classes("proper") | reference.classes("improper"))
    cells |= {key: found[key] for key in CLASSES}
    cells["C-C g(r)"] = float(np.abs(side.radial - reference.radial).mean())
    cells["CG RMSD nm"] = scores["consistency/cg_rmsd"].value
    return cells


def _mean(found: dict[str, float], sizes: dict[str, float]) -> float:
    return float(np.average([found[key] for key in sizes], weights=list(sizes.values())))


def released(
    topology: Topology, frame: Frame, beads: Frame, frequencies: Sequence[float], seed: int
) -> list[Frame]:
    """A raw frame after runs with softer and softer springs on its beads; bonds as long as they are held."""
    n, field = topology.n_atoms, topology.force_field
    assert field is not None
    assert topology.temperature is not None
    own = topology.mapping.apply(frame.positions).reshape(-1, topology.n_beads, 3)
    given = np.asarray(beads.positions, dtype=np.float64)
    near = nearest_image_of(own, given.reshape(own.shape), frame.box)
    atoms = np.asarray(frame.positions, dtype=np.float64).reshape(-1, n, 3) + (near - own)[:, :1]
    engine = HeldBeads(topology, len(atoms), frame.box, 1)
    engine.load(atoms.reshape(-1, 3), frame.box, given, STIFF)
    engine.minimise(30)
    constraints = BeadConstraints(topology.mapping, field.masses, field.constraints, field.constraint_r0)
    rng, found = np.random.default_rng(seed), []
    for frequency in frequencies:
        engine.hold(frequency)
        engine.langevin(RELEASED, TIMESTEP, topology.temperature, FRICTION, rng)
        x = engine.positions().reshape(atoms.shape)
        x = constraints(x, topology.mapping.apply(x.reshape(-1, 3)).reshape(own.shape))
        found.append(frame.with_positions(x.reshape(-1, 3)))
    return found


def run(options: argparse.Namespace) -> None:
    """Every backend, raw and refined, as it is done."""
    threads = set_threads(options.threads)
    system, short = load_system(SYSTEM), load_system(REFERENCE)
    n_beads = system.topology.n_beads
    beads = [_first(frame, options.chains * n_beads) for frame in published(options.published)]
    beads = beads[: options.frames]
    whole = embedded(short, ["test"])[:: options.every]
    halves = [
        Side(short.topology, part, list(coarse_grain(part, short.topology.mapping)))
        for part in (whole, whole[::2], whole[1::2])
    ]
    reference = halves[0]
    rows: list[dict[str, Any]] = [
        {"backend": "sps:568K", "refinement": "none", **compare(reference, reference)},
        {"backend": "sps:568K, halves", "refinement": "none", **compare(*halves[1:])},
    ]
    weights = {}
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.backends.split(","):
        model = load_backmapper(name, system)
        weights[name] = weights_label(name, None, system)
        began = time.process_time()
        raw = list(model.backmap(beads, seed=options.seed))
        drawing = (time.process_time() - began) / len(raw)
        for how in options.refine.split(","):
            began = time.process_time()
            atoms, notes = refined(system.topology, raw, beads, how, threads=threads, seed=options.seed)
            cpu = drawing + (time.process_time() - began) / len(raw)
            write_frames(options.output / f"{name}-{how}.xtc", atoms, system.topology.graph)
            row = compare(Side(system.topology, atoms, beads), reference)
            rows.append({"backend": name, "refinement": how, **row, "CPU s/frame": cpu})
            _print(rows[-1:])
            print(*notes, sep="\n", flush=True)
        frequencies = [float(f) for f in options.hold.split(",") if f]
        eased = [
            released(system.topology, a, b, frequencies, options.seed)
            for a, b in zip(raw, beads, strict=True)
        ]
        for frequency, *atoms in zip(frequencies, *eased, strict=True):
            row = compare(Side(system.topology, atoms, beads), reference)
            rows.append({"backend": name, "refinement": f"held at {frequency:g} 1/ps", **row})
            _print(rows[-1:])
    size = f"{len(beads)} frames of {len(beads[0]) // n_beads} chains"
    found = {**provenance(seed=options.seed, threads=threads, weights=joined(weights)), "rows": rows}
    write_json(options.output / "long_chains.json", {**found, "beads": size})
    _print(rows)
    print(f"{size}. {provenance_line(found)}")


def _print(rows: Sequence[dict[str, Any]]) -> None:
    header = list(rows[-1])
    print(table(header, [[_text(row.get(key)) for key in header] for row in rows]), flush=True)


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str("" if value is None else value)


def _first(frame: Frame, n_particles: int) -> Frame:
    return frame.with_positions(frame.positions[:n_particles]) if n_particles else frame


def main() -> None:
    parser = new_parser(__doc__, seed=1, threads=1, output=Path("long_chains"))
    parser.add_argument("--published", type=Path, default=SHARED / "fritz" / "cg_AB")
    parser.add_argument("--frames", type=int, default=1, help="(default %(default)s)")
    parser.add_argument("--every", type=int, default=1, help="so many reference frames: every one, or fewer")
    parser.add_argument("--chains", type=int, default=0, help="only the first so many of every frame")
    parser.add_argument("--backends", default="equivariant,voxel_gan,fragments")
    parser.add_argument("--refine", default="none,thermalise")
    parser.add_argument("--hold", default="", help="frequencies of springs on beads, see above")
    with refusals():
        run(parser.parse_args())


if __name__ == "__main__":
    main()
