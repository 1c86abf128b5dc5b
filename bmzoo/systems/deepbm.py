"""Imports the layout in which the authors of the voxel GAN published their snapshots.

A folder holds ``aa`` and, usually, ``cg`` frames (an xtc, a gro, or a folder of gro files), and there is
a topology (``*.itp``, ``*.map``) in it, in its ``topology`` folder, or beside it.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.lattice import minimum_image
from bmzoo.frames.trajectory import Trajectory
from bmzoo.frames.whole import whole_molecules
from bmzoo.frames.writers import open_writer
from bmzoo.molecules.formats.any import read_molecule
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.provenance import sha256
from bmzoo.systems import load_system, system_states

Progress = Callable[[int, str], None]


def import_deepbm(folder: Path, output: Path, *, system: str, progress: Progress | None = None) -> str:
    """Writes a reference folder (split ``test``) from published frames.

    Args:
        folder: one state's folder, such as ``sps/313K``; a temperature in its name is the state.
        output: folder to create.
        system: name of the system that the frames are of.

    Returns:
        A sentence on what was found: frames, and how far our beads are from the published ones.

    Raises:
        InputError: no atomistic frames, frames or itp of another molecule, an existing output.
    """
    if output.exists():
        raise InputError(f"{output} exists already; choose another --output, or remove it")
    atoms = Trajectory(_find(folder, "aa"))
    name = system.partition(":")[0]
    state = system.partition(":")[2] or _state(folder, name)
    topology = load_system(f"{name}:{state}").topology
    n_molecules = topology.count_molecules(atoms.n_particles, beads=False)
    itp = _check_topology(folder, topology.graph)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as scratch:
        partial = Path(scratch) / output.name
        partial.mkdir()
        beads: list[np.ndarray] = []
        with open_writer(partial / "test.xtc", topology.graph, n_molecules) as writer:
            for count, frame in enumerate(whole_molecules(atoms, topology, beads=False), start=1):
                writer.write(frame)
                beads.append(topology.mapping.apply(frame.positions))
                if progress is not None:
                    progress(count, "")
        deviation = _compare(folder, beads)
        provenance = _provenance(folder, partial / "test.xtc", name, state, topology, atoms, deviation, itp)
        (partial / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")
        os.replace(partial, output)
    return (
        f"wrote {len(beads)} frames of {name}:{state} to {output}; {deviation['sentence']}; "
        f"use them with: bmzoo benchmark --systems {name}:{state} --data {output}"
    )


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.xtc", folder / name, folder / f"{name}.gro"):
        if candidate.exists():
            return candidate
    raise InputError(f"{folder} holds no {name}.xtc, no {name}.gro and no folder {name} of gro files")


def _state(folder: Path, system: str) -> str:
    states = system_states(system)
    found = re.search(r"(\d+)K", folder.resolve().name)
    if found is None:
        return states[0]
    if found[0] not in states:
        raise InputError(f"{folder} is named after {found[0]}; {system} has the states {', '.join(states)}")
    return found[0]


def _check_topology(folder: Path, graph: MolecularGraph) -> str:
    """Compares the published itp, if there is one, with the system's own graph."""
    places = (folder, folder / "topology", folder.parent, folder.parent / "topology")
    found = [p for place in places for p in sorted(place.glob("*.itp")) if not p.stem.endswith("_cg")]
    if not found:
        return "none found"
    published, _ = read_molecule(found[:1])
    if published.elements != graph.elements or not np.array_equal(published.bonds, graph.bonds):
        raise InputError(f"{found[0]} describes another molecule than the system {graph.name}")
    return found[0].name


def _compare(folder: Path, beads: list[np.ndarray]) -> dict[str, Any]:
    """Distances between our beads and the published ones, also for frames shifted by one."""
    try:
        coarse = list(Trajectory(_find(folder, "cg")))
    except InputError:
        return {"sentence": "no published beads to compare with"}
    best: dict[str, Any] = {}
    for shift in (0, -1, 1):
        matched = [(beads[i], coarse[i + shift]) for i in range(len(beads)) if 0 <= i + shift < len(coarse)]
        if not matched or len(matched[0][0]) != len(matched[0][1]):
            continue
        distances = np.array([np.linalg.norm(_difference(*pair), axis=1) for pair in matched])
        rms = float(np.sqrt((distances**2).mean()))
        if not best or rms < best["rms_nm"]:
            best = {"shift": shift, "rms_nm": rms, "max_nm": float(distances.max())}
    if not best:
        return {"sentence": "the published beads are of another number, not compared"}
    shifted = f"; the published beads are shifted by {best['shift']} frames" if best["shift"] else ""
    best["sentence"] = (
        f"our beads are {best['rms_nm']:.5f} nm from the published ones "
        f"(root mean square; {best['max_nm']:.5f} at most){shifted}"
    )
    return best


def _difference(ours: np.ndarray, theirs: Frame) -> np.ndarray:
    difference = np.asarray(ours - theirs.positions, dtype=np.float64)
    return difference if theirs.box is None else minimum_image(difference, theirs.box)


def _provenance(
    folder: Path,
    file: Path,
    system: str,
    state: str,
    topology: Topology,
    atoms: Trajectory,
    deviation: dict[str, Any],
    itp: str,
) -> dict[str, Any]:
    times = [frame.time for frame in Trajectory(file)]
    intervals = {round(b - a, 6) for a, b in pairwise(times)}
    return {
        "system": system,
        "state": state,
        "temperature": topology.temperature,
        "n_atoms": atoms.n_particles,
        "source": f"imported from {folder} (published by the authors of the voxel GAN; no licence)",
        "topology_compared_with": itp,
        "beads": deviation,
        "splits": {
            "test": {
                "file": "test.xtc",
                "runs": [len(times)],
                "interval_ps": intervals.pop() if len(intervals) == 1 else None,
                "sha256": sha256(file),
            }
        },
    }
