"""Chains of beads compared: our polystyrene with the published melts, morphed chains with their target.

    python benchmarks/coarse_chains.py beads --published ../shared/data/fritz/cg_AB
    python benchmarks/coarse_chains.py morphing --s 2,4,6 --set settings.width=0.1

``beads``: the embedded melts of ``fritz`` against the published ones (gro files), and both against the
atomistic melt that the model was made from. ``morphing``: the Kremer-Grest melt before and after morphing,
against the blobs that are its target (with --published, the published melts as blobs, to try it on another
target). Divergences are Jensen-Shannon, base 2, 60 bins over both samples; g(r) is the mean absolute
difference to 1.1 nm (beads) or 2 nm (blobs). "overstretched" are bonds longer than the target's longest;
the Kuhn length is the mean square end-to-end distance over the mean contour. With --map local environments
are compared, too: SOAP of every blob with all that is around it to 2 nm, and with its own chain only; a
sketch-map and clusters fitted to the target alone, divergences of populations on both, and the floor of two
halves of the target.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _common import table, write_json
from numpy.typing import NDArray

from bmzoo.backends.loading import load_backmapper
from bmzoo.backends.morphing.model import stretched
from bmzoo.evaluation import environments
from bmzoo.frames.datasets import coarse_grain, pairs
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import read_frames
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.beads import identity_mapping
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.polystyrene_beads import MIRROR, bead_chain, blob_chain, build_topology
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.inversion import inner_terms, measure
from bmzoo.simulation.iterative_inversion import InversionSettings, PairCounter, divergence
from bmzoo.systems import load_system

BOND_OF_ATOMS = 0.14
"""nm."""
Floats = NDArray[np.float64]
Samples = dict[str, dict[Any, Floats]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("beads", "morphing"))
    parser.add_argument("--published", type=Path, help="folder of gro files, two beads a monomer")
    parser.add_argument("--s", default="2,4,6")
    parser.add_argument("--scheme", default="A")
    parser.add_argument("--generator", default="fragments")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--frames", type=int, default=12, help="of the Kremer-Grest melt")
    parser.add_argument("--map", action="store_true", help="compare local environments (morphing)")
    parser.add_argument("--landmarks", type=int, default=100)
    parser.add_argument("--clusters", type=int, help="by default chosen by the silhouette")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rows = beads(options) if options.what == "beads" else morphing(options)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    print(table(columns, [[_text(row.get(key)) for key in columns] for row in rows]))
    if options.output:
        write_json(options.output, {"what": options.what, "rows": rows})


def beads(options: argparse.Namespace) -> list[dict[str, Any]]:
    graph = bead_chain()
    sps = load_system("sps:568K")
    assert sps.reference is not None
    mapped = list(
        coarse_grain(
            whole_molecules(sps.reference.frames("train"), sps.topology, beads=False), sps.topology.mapping
        )
    )
    ours = list(_embedded("fritz"))
    theirs = list(_published(options.published)) if options.published else ours
    counter = PairCounter(graph, MIRROR, InversionSettings(cutoff=1.1, excluded=4))
    short = PairCounter(bead_chain(10), MIRROR, InversionSettings(cutoff=1.1, excluded=4))
    wanted = _samples(theirs, graph), counter(theirs)
    rows = []
    for name, frames, own, count in (
        ("sps:568K, mapped", mapped, bead_chain(10), short),
        ("fritz", ours, graph, counter),
        ("published", theirs, graph, counter),
    ):
        found = _samples(frames, own)
        row = {"melt": name, "frames": len(frames), **_divergences(found, wanted[0])}
        row["g(r)"] = float(np.abs(count(frames) - wanted[1]).mean())
        if own is graph:
            row |= _sizes(_blobs(frames))
        rows.append(row)
    return rows


def morphing(options: argparse.Namespace) -> list[dict[str, Any]]:
    graph = blob_chain()
    topology = Topology(graph, identity_mapping(graph), None, None)
    target = _blobs(_published(options.published)) if options.published else list(_embedded("blobs"))
    kg = load_system("kg")
    assert kg.reference is not None
    given = list(kg.reference.frames("test"))[: options.frames]
    density = np.mean([len(f) / np.linalg.det(np.asarray(f.box)) for f in target])
    scaled = []
    for f in given:
        assert f.box is not None
        factor = (len(f) / np.linalg.det(f.box) / density) ** (1 / 3)
        scaled.append(f.with_positions(f.positions * factor, box=f.box * factor))
    counter = PairCounter(graph, {}, InversionSettings(cutoff=2.0, bin=0.02, excluded=2))
    wanted, g = _samples(target, graph, 0), counter(target)
    longest = max(float(values.max()) for values in wanted["bonds"].values())
    surfaces = [_Surface(target, topology, options, around) for around in (True, False) if options.map]

    def row(name: str, frames: Sequence[Frame]) -> dict[str, Any]:
        samples = _samples(frames, graph, 0)
        found = {"chains": name, **_divergences(samples, wanted)}
        found |= {"g(r)": float(np.abs(counter(frames) - g).mean()), **_sizes(frames)}
        found["overstretched"] = sum(int((values > longest).sum()) for values in samples["bonds"].values())
        for surface in surfaces:
            found |= surface(frames)
        return found

    rows = [row("target", target), row("Kremer-Grest", scaled)]
    for s in options.s.split(","):
        settings = [f"s={s}", f"scheme={options.scheme}", f"generator={options.generator}", *options.settings]
        library = pairs(target, topology.mapping)
        model = load_backmapper("morphing", topology, settings=settings, library=library)
        start = time.perf_counter()
        drawn = list(model.backmap(given, seed=1))
        seconds = (time.perf_counter() - start) / len(drawn)
        rows.append(row(f"scheme {options.scheme}, s={s}", drawn) | {"s/frame": seconds})
    return rows


class _Surface:
    """Local environments of blobs against the target's, with other chains around them or without."""

    def __init__(
        self, target: Sequence[Frame], topology: Topology, options: argparse.Namespace, around: bool
    ) -> None:
        from landscapes import Landscape, fit

        self.topology, self.around = topology, around
        self.groups = environments.bead_groups(topology, 1)
        # SOAP's lengths are those of atoms
        bonds = np.diff(np.concatenate([f.positions.reshape(-1, 32, 3) for f in target]), axis=1)
        self.scale = BOND_OF_ATOMS / float(np.linalg.norm(bonds, axis=-1).mean())
        found = self._described(target)
        self.landscape = Landscape(fit(found.vectors, options, 0, options.clusters), found.frames, 0)

    def __call__(self, frames: Sequence[Frame]) -> dict[str, float | None]:
        scores, _, _ = self.landscape.scores(self._described(frames))
        name = "map" if self.around else "chain map"
        return {
            f"{name} JSD": scores["map_jsd"]["value"],
            f"{name} floor": scores["map_jsd"]["floor"],
            f"{name}, clusters": scores["cluster_jsd"]["value"],
        }

    def _described(self, frames: Sequence[Frame]) -> environments.Environments:
        small = [stretched(f, self.scale) for f in frames]
        return environments.describe(small, self.topology, self.groups, surroundings=self.around)


def _embedded(name: str) -> Iterator[Frame]:
    system = load_system(name)
    assert system.reference is not None
    for split in system.reference.splits:
        yield from whole_molecules(system.reference.frames(split), system.topology, beads=False)


def _published(folder: Path) -> Iterator[Frame]:
    yield from whole_molecules(read_frames(folder), build_topology(), beads=False)


def _blobs(frames: Sequence[Frame] | Iterator[Frame]) -> list[Frame]:
    return list(coarse_grain(frames, build_topology().mapping))


def _samples(frames: Sequence[Frame], graph: MolecularGraph, skip: int = 1) -> Samples:
    chains = np.concatenate([f.positions.reshape(-1, graph.n_atoms, 3) for f in frames])
    mirror = MIRROR if "A1" in graph.types else {}
    kinds = ("bonds", "angles", "dihedrals")
    return {what: measure(chains, inner_terms(graph, mirror, what, skip), what) for what in kinds}


def _divergences(
    found: dict[str, dict[Any, Floats]], wanted: dict[str, dict[Any, Floats]]
) -> dict[str, float]:
    return {
        f"{what} JSD": float(np.mean([divergence(values, wanted[what][key]) for key, values in of.items()]))
        for what, of in found.items()
    }


def _sizes(frames: Sequence[Frame]) -> dict[str, float]:
    """nm, of blobs: root mean square end-to-end distance and radius of gyration, contour and Kuhn length."""
    x = np.concatenate([f.positions.reshape(-1, 32, 3) for f in frames])
    ends = ((x[:, -1] - x[:, 0]) ** 2).sum(-1).mean()
    inside = ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(-1).mean()
    contour = np.linalg.norm(np.diff(x, axis=1), axis=-1).sum(axis=1).mean()
    return {
        "end-to-end nm": float(np.sqrt(ends)),
        "Rg nm": float(np.sqrt(inside)),
        "contour nm": float(contour),
        "Kuhn nm": float(ends / contour),
    }


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
