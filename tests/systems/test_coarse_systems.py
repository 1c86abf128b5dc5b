"""Coarse-grained polystyrene: model, chains grown from it, embedded melts, and the published ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bmzoo.backends.checkpoints import topology_hash
from bmzoo.backends.composed import bead_topology
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import read_frames, write_frames
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.beads import merge_consecutive
from bmzoo.molecules.polystyrene_beads import MIRROR, bead_chain, build_topology
from bmzoo.molecules.tabulated import TabulatedModel, stretches, terms_of
from bmzoo.simulation.chain_growth import draw_chain
from bmzoo.simulation.inversion import measure
from bmzoo.simulation.kremer_grest_melt import internal_distances
from bmzoo.simulation.tabulated_melt import typical
from bmzoo.systems import load_system
from bmzoo.systems.blobs import build as build_blobs
from bmzoo.systems.fritz import MODEL
from bmzoo.systems.recipes import build
from bmzoo.systems.reference import Reference


def test_classes_of_the_chain() -> None:
    """Mirror images share potentials: two classes of each kind, dihedrals of both hands in each."""
    graph = bead_chain(6)
    for what, n in (("bonds", 2), ("angles", 2), ("dihedrals", 2), ("spans", 2)):
        terms = terms_of(graph, MIRROR, what)
        assert len(terms.keys) == n
    assert set(terms_of(graph, MIRROR, "dihedrals").signs.tolist()) == {1, -1}
    assert len(stretches(graph, 4)) == graph.n_atoms - 4


def test_mapped_and_published_chains_have_the_same_hands(shared_data: Path) -> None:
    """The bead types follow the published numbering: dihedrals of every class are where ours are."""
    sps = load_system("sps:568K")
    assert sps.reference is not None
    atoms = whole_molecules(sps.reference.frames("test", 0, 4), sps.topology, beads=False)
    ours = np.concatenate([f.positions.reshape(-1, 20, 3) for f in coarse_grain(atoms, sps.topology.mapping)])
    found = read_frames(shared_data / "fritz" / "cg_AB" / "1.gro")
    theirs = next(whole_molecules(found, build_topology(), beads=False)).positions.reshape(-1, 192, 3)
    for n_monomers, chains in ((10, ours), (96, theirs)):
        values = measure(chains, terms_of(bead_chain(n_monomers), MIRROR, "dihedrals"), "dihedrals")
        for angles in values.values():
            counts, edges = np.histogram(np.degrees(angles), 24, (-180, 180))
            assert edges[counts.argmax()] in (-135.0, -120.0)


def test_grown_chains_are_as_wide_as_in_the_melt() -> None:
    model, graph = TabulatedModel.load(MODEL), bead_chain(24)
    rng = np.random.default_rng(5)
    chains = np.array([draw_chain(model, graph, 496.0, rng) for _ in range(25)])
    bonds = np.linalg.norm(np.diff(chains, axis=1), axis=-1)
    assert bonds.mean() == pytest.approx(0.363, abs=0.005)
    # of the atomistic melt: 0.141 nm^2 a bond over 12 bonds
    assert internal_distances(chains)[11] / 12 == pytest.approx(0.14, rel=0.25)


def test_walks_chosen_are_typical() -> None:
    """The few chains of a melt have the size of many; chosen at random they would not."""
    rng = np.random.default_rng(8)
    pool = np.cumsum(rng.standard_normal((96, 60, 3)), axis=1)
    expected = internal_distances(pool)
    found = internal_distances(typical(pool, 24, rng))
    assert found[[9, 29, 58]] == pytest.approx(expected[[9, 29, 58]], rel=0.06)


def test_tiny_build_and_its_blobs(tmp_path: Path) -> None:
    pytest.importorskip("openmm")
    folder = build("fritz", "tiny", tmp_path / "fritz", seed=2)
    reference = Reference(folder)
    frames = list(reference.frames("train"))
    assert len(frames) == 2
    assert len(frames[0]) == 2 * 192
    assert len(frames[0]) / np.linalg.det(frames[0].box) == pytest.approx(12.0166, rel=1e-4)
    assert reference.split("train")["checks"]["bond"]["longest"] < 0.45
    mapped = Reference(build_blobs(tmp_path / "blobs", folder))
    blobs = list(mapped.frames("train"))
    expected = build_topology().mapping.apply(frames[1].positions)
    assert blobs[1].positions == pytest.approx(expected, abs=1e-4)
    assert blobs[1].box == pytest.approx(frames[1].box, abs=1e-4)


def test_beads_of_tetracosane(tmp_path: Path) -> None:
    """Two molecules of any shape: beads are particles, and what morphing merges is what is trained."""
    topology = load_system("tcs").topology
    x = np.random.default_rng(3).normal(0, 0.3, (2 * topology.n_atoms, 3))
    source = tmp_path / "tcs"
    source.mkdir()
    write_frames(source / "train.xtc", [Frame(x, 3 * np.eye(3))])
    splits = {"train": {"file": "train.xtc", "runs": [1], "interval_ps": 1.0, "seed": 1}}
    of = {"system": "tcs", "state": "400K", "preset": "small", "seed": 1, "temperature": 400.0}
    record = {**of, "n_molecules": 2, "force_field": "OPLS-AA", "splits": splits}
    (source / "provenance.json").write_text(json.dumps(record))
    folder = build_blobs(tmp_path / "beads", source, state="tcs-s3")
    system = load_system("blobs:tcs-s3", data=folder)
    assert system.reference is not None
    assert (system.topology.n_atoms, system.topology.n_beads) == (6, 2)
    (frame,) = system.reference.frames("train")
    assert len(frame) == 12
    (whole,) = whole_molecules([Frame(x.round(3), 3 * np.eye(3))], topology, beads=False)
    expected = topology.mapping.apply(whole.positions)
    assert frame.positions == pytest.approx(expected, abs=2e-3)
    beads = bead_topology(topology)
    of_martini = load_system("tcs:martini").topology
    for model in (beads, of_martini):
        merged = replace(model, mapping=merge_consecutive(model.graph, 3, alike=True))
        assert topology_hash(merged) == topology_hash(system.topology)


@pytest.mark.parametrize("name", ["fritz", "blobs:s2", "blobs:s4", "blobs:s6"])
def test_embedded_frames(name: str) -> None:
    system = load_system(name)
    if system.reference is None:
        pytest.skip(f"no frames of {name} are embedded yet")
    topology = system.topology
    frame = next(system.reference.frames("train"))
    assert topology.count_molecules(len(frame), beads=False) == 24
    if name.startswith("blobs"):
        s = int(system.state[1:])
        assert topology.n_atoms == 32
        assert topology.n_beads == {2: 16, 4: 8, 6: 5}[s]
