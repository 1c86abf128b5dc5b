"""Folders with the files that pages name, small: what somebody who pastes the commands would have."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import shown

from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import read_frames, write_frames
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.pipeline import backmap_frames, write_beads
from bmzoo.systems import load_system
from bmzoo.target import load_backmapper, resolve_target

FORCE_FIELD = """\
[ defaults ]
1 3 yes 0.5 0.5
[ atomtypes ]
CT  6  12.011  0.0  A  0.35  0.276
HC  1   1.008  0.0  A  0.25  0.126
[ bondtypes ]
CT CT 1 0.153 2.2e5
CT HC 1 0.109 2.8e5
[ angletypes ]
CT CT CT 1 112.7 488.0
CT CT HC 1 110.7 314.0
HC CT HC 1 107.8 276.0
[ dihedraltypes ]
X  CT CT X  9 0.0 0.6 3
"""
FEW = "few"
"""Folder of the few training frames that a page's system is trained on."""
OWN = "molecule: butane\nbeads:\n  - {name: A, atoms: [C1, C2]}\n  - {name: B, atoms: [C3, C4]}\n"


def itp(graph: MolecularGraph, *, terms: bool = True) -> str:
    """A GROMACS topology; ``terms`` are those of FORCE_FIELD's hydrocarbons."""
    kinds = {"C": "CT", "H": "HC"} if terms else {}
    columns = (graph.elements, graph.names, graph.residue_ids, graph.residue_names, graph.masses)
    atoms = zip(*columns, strict=True)
    lines = ["[ moleculetype ]", "BUT 3", "[ atoms ]"]
    lines += [
        f"{k} {kinds.get(element, element)} {residue} {called} {name} {k} 0.0 {mass}"
        for k, (element, name, residue, called, mass) in enumerate(atoms, start=1)
    ]
    several = {"bonds": graph.bonds}
    several |= {"angles": graph.angles, "dihedrals": graph.dihedrals} if terms else {}
    for section, rows in several.items():
        function = 9 if section == "dihedrals" else 1
        lines += [f"[ {section} ]", *(f"{' '.join(map(str, row + 1))} {function}" for row in rows)]
    return "\n".join(lines) + "\n"


def own_molecule(folder: Path) -> None:
    """Butane: topology, mapping, and a trajectory of four molecules in a box, thermalised."""
    (folder / "mol.itp").write_text(itp(MolecularGraph.from_smiles("CCCC", "BUT")))
    (folder / "forcefield.itp").write_text(FORCE_FIELD)
    (folder / "mol.yaml").write_text(OWN)
    files = [folder / "forcefield.itp", folder / "mol.itp"]
    topology = resolve_target(None, files, folder / "mol.yaml", temperature=300.0, cutoff=1.2).topology
    model = load_backmapper("geometric", topology=topology)
    beads = list(_pairs_of_beads(12))
    atoms = list(backmap_frames(iter(beads), topology, model, refine="thermalise:0.05"))
    for name, frames in (("md.xtc", atoms), ("held_out.xtc", atoms[:6])):
        write_frames(folder / name, frames, topology.graph)
    cg = list(coarse_grain(atoms, topology.mapping))
    write_beads(cg, folder / "cg.xtc", topology)
    write_beads(cg[:1], folder / "cg.gro", topology)


def _pairs_of_beads(n_frames: int) -> Iterator[Frame]:
    rng = np.random.default_rng(0)
    for index in range(n_frames):
        places = np.array([[x, y, 1.0] for x in (0.7, 2.1) for y in (0.7, 2.1)])
        ways = rng.standard_normal((4, 3))
        ways *= rng.normal(0.24, 0.01, (4, 1)) / np.linalg.norm(ways, axis=1, keepdims=True)
        beads = np.stack([places, places + ways], axis=1).reshape(-1, 3)
        yield Frame(beads, 2.8 * np.eye(3), time=float(index), index=index)


def cut(system: str, split: str, path: Path, n_molecules: int, n_frames: int, *, beads: bool = False) -> None:
    """The first molecules of the first embedded frames."""
    found = load_system(system)
    assert found.reference is not None
    n = n_molecules * found.topology.n_atoms
    frames = [f.with_positions(f.positions[:n]) for f in found.reference.frames(split, 0, n_frames)]
    path.parent.mkdir(exist_ok=True)
    if beads:
        whole = coarse_grain(frames, found.topology.mapping, found.topology.graph.bonds)
        write_beads(whole, path, found.topology)
    else:
        write_frames(path, frames, found.topology.graph)


def few(folder: Path, system: str, n_molecules: int, n_frames: int) -> None:
    """Some of the training frames, for ``data`` of a training."""
    cut(system, "train", folder / FEW / "train.xtc", n_molecules, n_frames)
    splits = {"train": {"file": "train.xtc", "runs": [n_frames], "interval_ps": 1.0}}
    (folder / FEW / "provenance.json").write_text(json.dumps({"system": system, "splits": splits}))


def shorten(path: Path, n_particles: int) -> None:
    """The same file with so many particles in every frame."""
    frames = [f.with_positions(f.positions[:n_particles]) for f in read_frames(path)]
    write_frames(path, frames)


def own_beads(folder: Path) -> None:
    """A coarse-grained model of one's own, and beads of the target that it shall look like."""
    shutil.copy(_embedded("tcs:martini") / "test.xtc", folder / "model.xtc")
    graph = load_system("tcs:martini").topology.graph
    rows = [f"{k} C1 1 TCS {name} {k} 0.0 72.0" for k, name in enumerate(graph.names, start=1)]
    bonds = [f"{i + 1} {j + 1} 1" for i, j in graph.bonds.tolist()]
    head = ["[ moleculetype ]", "TCS 1", "[ atoms ]"]
    (folder / "model.itp").write_text("\n".join([*head, *rows, "[ bonds ]", *bonds]) + "\n")
    owners = [f"{k} C1 {k} C1" for k in range(1, graph.n_atoms + 1)]
    (folder / "model.map").write_text("\n".join(["[map]", *owners]) + "\n")
    cut("tcs", "train", folder / "target.xtc", 48, 4, beads=True)


def _embedded(system: str) -> Path:
    reference = load_system(system).reference
    assert reference is not None
    return reference.folder


def readme(folder: Path) -> None:
    own_molecule(folder)
    cut("sps", "test", folder / "md.xtc", 2, 4)
    cut("sps", "test", folder / "cg.xtc", 2, 4, beads=True)
    few(folder, "sps", 2, 2)
    results(folder)


def results(folder: Path) -> None:
    """Two benchmarks, and one whose report is to be written."""
    kept = max((shown.ROOT / "benchmarks" / "results").glob("*.json"))
    for name in ("before", "after", "FOLDER"):
        (folder / name).mkdir()
        shutil.copy(kept, folder / name / "results.json")


def own_system(folder: Path) -> None:
    own_molecule(folder)
    (config,) = shown.blocks(shown.ROOT / "docs" / "own-system.md", "yaml")
    (folder / "mol-equivariant.yaml").write_text(config)


def training(folder: Path) -> None:
    cut("adp", "test", folder / "cg.xtc", 1, 3, beads=True)
    few(folder, "adp", 1, 100)


def reference_data(folder: Path) -> None:
    cut("tcs:martini", "test", folder / "tcs-martini" / "test.xtc", 4, 1)
    cut("tcs", "train", folder / "tcs" / "train.xtc", 4, 4)


def morphing(folder: Path) -> None:
    for name, system in (("kg", "kg"), ("martini", "tcs:martini")):
        shutil.copytree(_embedded(system), folder / name)
    shutil.copy(folder / "kg" / "test.xtc", folder / "kg12000.xtc")
    own_beads(folder)


def nothing(folder: Path) -> None:
    pass


WORKSPACES = {
    "README.md": readme,
    "docs/cg_simulations.md": nothing,
    "docs/morphing.md": morphing,
    "docs/own-system.md": own_system,
    "docs/reference-data.md": reference_data,
    "docs/report.md": results,
    "docs/training.md": training,
}
"""Pages whose commands are run, and who makes the files that these begin with."""
