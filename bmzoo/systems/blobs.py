"""The melt of ``fritz`` as blobs of three monomers: the target of morphing, at the resolution of ``kg``.

Its frames are a fifth as large as the melt, so that blobs are as far apart as atoms, whose lengths networks
are made for (``scale: 0.2`` of morphing); ``bmzoo coarse-grain --system fritz`` gives them in nanometres.
Its particles are blobs; its state says how many of them are merged into a bead, for the backmappers that
put blobs back (the g_s of :mod:`bmzoo.backends.morphing`). All states have the same frames.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bmzoo.errors import InputError
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import write_frames
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.polystyrene_beads import blob_chain, build_blob_topology, build_topology
from bmzoo.systems.reference import Reference
from bmzoo.systems.system import System, chosen_state, embedded

TITLE = "Polystyrene, three monomers a blob"
STATES = ("s2", "s4", "s6")
SCALE = 0.2
"""Lengths of the frames in those of the melt."""
DATA = Path(__file__).parent / "data" / "blobs" / "496K"


def load(state: str | None = None) -> System:
    """Blobs, 2, 4 or 6 of them a bead.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = chosen_state("blobs", state, STATES)
    return System(
        name="blobs",
        state=chosen,
        title=f"{TITLE}, {chosen[1:]} blobs a bead",
        topology=build_blob_topology(int(chosen[1:])),
        periodic=True,
        reference=embedded(DATA),
    )


def build(output: Path, source: Path | None = None) -> Path:
    """Maps a reference folder of ``fritz`` (the embedded one by default) onto blobs.

    Raises:
        InputError: ``output`` exists, or there are no frames to map.
    """
    from bmzoo.simulation.provenance import environment, sha256
    from bmzoo.systems.fritz import DATA as FRITZ

    if output.exists():
        raise InputError(f"{output} exists already; choose another --output, or remove it")
    reference = Reference(source or FRITZ / "496K")
    topology, labels = build_topology(), blob_chain()
    given = reference.provenance
    part = output.with_name(f".{output.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    splits = {}
    for name in reference.splits:
        atoms = whole_molecules(reference.frames(name), topology, beads=False)
        path = part / f"{name}.xtc"
        write_frames(path, map(_scaled, coarse_grain(atoms, topology.mapping)), labels)
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
        "mapped_from": {"system": given["system"], "seed": given["seed"], "scale": SCALE},
        "force_field": given["force_field"],
        "splits": splits,
        "generalisation": None,
        **environment(("numpy", "MDAnalysis")),
    }
    (part / "provenance.json").write_text(json.dumps(record, indent=1) + "\n")
    part.rename(output)
    return output


def _scaled(frame: Frame) -> Frame:
    assert frame.box is not None
    return frame.with_positions(SCALE * frame.positions, box=SCALE * frame.box)
