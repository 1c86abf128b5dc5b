"""Beads as particles: what the generators of morphing are trained on.

Polystyrene of two beads a monomer (``fritz``) as blobs of three monomers, the resolution of ``kg``, and
tetracosane (``tcs``) as beads of four carbons, the resolution of ``tcs:martini``. A state says how many
particles are merged into a bead, for the backmappers that put them back (the g_s of
:mod:`bmzoo.backends.morphing`). States of one liquid share frames.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bmzoo.folders import work_folder
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.trajectory import write_frames
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules import liquids, polystyrene_beads
from bmzoo.molecules.beads import bead_graph, merge_consecutive
from bmzoo.molecules.topology import Topology
from bmzoo.systems.reference import Reference
from bmzoo.systems.system import System, chosen_state, embedded

TITLE = "Beads as particles"
STATES = ("s2", "s4", "s6", "tcs-s2", "tcs-s3")
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Liquid:
    """What is mapped.

    Attributes:
        title: of its beads.
        topology: atoms, or finer beads, with these beads.
        frames: reference folder, below ``DATA``.
        mapped: reference folder of the beads, below ``DATA``.
    """

    title: str
    topology: Callable[[], Topology]
    frames: str
    mapped: str


LIQUIDS = {
    "": Liquid(
        "Polystyrene, three monomers a blob",
        polystyrene_beads.build_topology,
        "fritz/496K",
        "blobs/496K",
    ),
    "tcs": Liquid(
        "Tetracosane, four carbons a bead",
        lambda: liquids.build_topology("tcs", 400.0),
        "tcs/400K",
        "blobs/tcs-400K",
    ),
}
"""By what states begin with."""


def load(state: str | None = None) -> System:
    """Beads of polystyrene (``s2``) or tetracosane (``tcs-s2``), so many of them merged into one.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = chosen_state("blobs", state, STATES)
    liquid, s = _liquid(chosen), int(chosen.rpartition("s")[2])
    fine = liquid.topology()
    graph = bead_graph(fine)
    return System(
        name="blobs",
        state=chosen,
        title=f"{liquid.title}, {s} of them merged",
        topology=Topology(graph, merge_consecutive(graph, s, alike=True), None, fine.temperature),
        periodic=True,
        reference=embedded(DATA / liquid.mapped),
    )


def build(output: Path, source: Path | None = None, *, state: str = STATES[0]) -> Path:
    """Maps a reference folder of the state's liquid (the embedded one by default) onto beads.

    Raises:
        InputError: ``output`` exists or cannot be written, or there are no frames to map.
    """
    with work_folder(output, {"system": "blobs", "state": state}, resume=False) as work:
        _map(Reference(source or DATA / _liquid(state).frames), state, work / "reference")
        os.replace(work / "reference", output)
    return output


def _map(reference: Reference, state: str, folder: Path) -> None:
    from bmzoo.simulation.provenance import environment, sha256

    liquid = _liquid(state)
    topology = liquid.topology()
    labels = bead_graph(topology)
    given = reference.provenance
    folder.mkdir()
    splits = {}
    for name in reference.splits:
        atoms = whole_molecules(reference.frames(name), topology, beads=False)
        path = folder / f"{name}.xtc"
        write_frames(path, coarse_grain(atoms, topology.mapping), labels)
        kept = {
            k: v for k, v in reference.split(name).items() if k in ("runs", "interval_ps", "seed", "note")
        }
        splits[name] = {"file": path.name, **kept, "sha256": sha256(path)}
    n_chains = given["n_molecules"]
    record = {
        "system": "blobs",
        "state": given["state"],
        "preset": given["preset"],
        "temperature": given["temperature"],
        "n_atoms": n_chains * labels.n_atoms,
        "n_molecules": n_chains,
        "mapped_from": {"system": given["system"], "seed": given["seed"]},
        "force_field": given["force_field"],
        "splits": splits,
        "generalisation": None,
        **environment(("numpy", "MDAnalysis")),
    }
    (folder / "provenance.json").write_text(json.dumps(record, indent=1) + "\n")


def _liquid(state: str) -> Liquid:
    return LIQUIDS[state.rpartition("-")[0]]
