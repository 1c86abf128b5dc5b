"""The equivariant flow on particles that are beads: their kinds, and the hands of four in a row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from bmzoo.backends.checkpoints import topology_hash
from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.data import TrainingSet
from bmzoo.backends.equivariant.graph import frame_part
from bmzoo.backends.equivariant.model import Equivariant
from bmzoo.backends.equivariant.prior import Prior
from bmzoo.backends.equivariant.tables import ELEMENTS, make_tables
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.molecules.beads import chain_graph, merge_consecutive
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.polystyrene_beads import MIRROR, bead_chain, blob_chain, build_topology
from bmzoo.molecules.topology import Topology
from bmzoo.systems import load_system

SMALL = EquivariantConfig(layers=2, scalars=8, vectors=4, pseudovectors=2, hidden=8, atoms=60)
BOX = np.diag([2.1, 2.2, 2.3])
N = 3
"""Chains."""


def _blobs(graph: MolecularGraph) -> Topology:
    return Topology(graph, merge_consecutive(graph, 6))


def _renamed(graph: MolecularGraph, names: dict[str, str]) -> MolecularGraph:
    return replace(graph, types=tuple(names.get(t, t) for t in graph.types))


def _walk(topology: Topology, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Particles and beads of random chains, bonds as of atoms."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((N, topology.n_atoms, 3))
    steps *= 0.146 / np.linalg.norm(steps, axis=-1, keepdims=True)
    atoms = rng.uniform(0, 2, (N, 1, 3)) + np.cumsum(steps, 1)
    return atoms, topology.mapping.apply(atoms.reshape(-1, 3)).reshape(N, -1, 3)


def _velocities(topology: Topology, atoms: np.ndarray, beads: np.ndarray, box: np.ndarray) -> np.ndarray:
    """In double precision, with the weights that the seed gives, ``(N, n_atoms, 3)``."""
    torch.manual_seed(0)
    model = Equivariant(topology, SMALL)
    model.module.double()
    x = model.field.tensor(atoms.reshape(-1, 3))
    part = frame_part(model.tables, model.settings, beads, box)
    with torch.no_grad():
        return model.field(model.field.graph([part], x), x, 0.7).numpy().reshape(atoms.shape)


def test_it_turns_with_the_beads() -> None:
    topology = build_topology(9)
    atoms, beads = _walk(topology)
    turn = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    one, other = (_velocities(topology, atoms @ r, beads @ r, BOX @ r) for r in (np.eye(3), turn))
    assert np.abs(one).max() > 1e-3
    assert np.abs(one @ turn - other).max() < 1e-9


def test_a_mirror_image_is_one_with_mirrored_types() -> None:
    topology = build_topology(9)
    image = _blobs(_renamed(topology.graph, dict(MIRROR)))
    atoms, beads = _walk(topology)
    one = _velocities(topology, atoms, beads, BOX)
    assert np.abs(one + _velocities(image, -atoms, -beads, -BOX)).max() < 1e-10
    assert np.abs(one + _velocities(topology, -atoms, -beads, -BOX)).max() > 1e-3
    assert np.abs(one - _velocities(image, atoms, beads, BOX)).max() > 1e-3


def test_a_chain_can_be_read_from_either_end() -> None:
    topology = build_topology(9)
    graph = topology.graph
    other = _blobs(replace(graph, types=graph.types[::-1], masses=graph.masses[::-1]))
    atoms, beads = _walk(topology)
    one = _velocities(topology, atoms, beads, BOX)
    assert np.abs(one[:, ::-1] - _velocities(other, atoms[:, ::-1], beads[:, ::-1], BOX)).max() < 1e-10


def test_chains_of_one_type_have_no_hands() -> None:
    system = load_system("blobs:s4")
    for topology in (system.topology, _blobs(blob_chain(12)), _blobs(replace(blob_chain(12), mirror=MIRROR))):
        tables = make_tables(topology)
        assert not len(tables.centres)
        assert not tables.features[:, : len(ELEMENTS)].any()
        atoms, beads = _walk(topology)
        one, other = (_velocities(topology, s * atoms, s * beads, s * BOX) for s in (1, -1))
        assert np.abs(one + other).max() < 1e-10


def test_types_that_are_their_own_images_have_no_hands() -> None:
    tables = make_tables(_blobs(replace(bead_chain(6), mirror={})))
    assert not len(tables.centres)
    alike = _blobs(replace(_renamed(bead_chain(6), {"A2": "A1", "B2": "B1"}), mirror={}))
    assert not len(make_tables(alike).centres)


def test_kinds_go_by_mass_and_images_are_one() -> None:
    tables = make_tables(build_topology(6))
    assert np.argwhere(tables.features[:, : len(ELEMENTS)]).tolist() == [[k, 0] for k in range(1, 12, 2)]
    assert (tables.features[:, len(ELEMENTS)] == 1).all()
    others = {"A1": "Z1", "A2": "Z2", "B1": "Y1", "B2": "Y2"}
    mirror = {others[one]: others[other] for one, other in MIRROR.items()}
    renamed = make_tables(_blobs(replace(_renamed(bead_chain(6), others), mirror=mirror)))
    assert np.array_equal(renamed.features, tables.features)
    assert np.array_equal(renamed.centres, tables.centres)
    many = chain_graph("X", [f"T{k:02}" for k in range(24)], np.arange(1.0, 25.0))
    columns = make_tables(_blobs(many)).features[:, : len(ELEMENTS)]
    assert columns.sum(1).tolist() == [0] + 23 * [1]
    assert columns[len(ELEMENTS) :, -1].all()


def test_hands_alternate_with_the_monomers_and_are_no_stereocentres() -> None:
    topology = build_topology(6)
    tables = make_tables(topology)
    assert tables.hands.tolist() == [1, 1, -1, -1, 1, 1, -1, -1, 1]
    assert (tables.centres[:, 1:] == np.arange(9)[:, None] + np.arange(4)).all()
    assert tables.runs.all()
    assert not tables.flat.any()
    assert not len(topology.graph.stereocentres)
    assert not any(make_tables(load_system(name).topology).runs.any() for name in ("sps", "adp"))


def test_data_do_not_turn_hands_of_beads() -> None:
    """Dihedrals of random chains have either sign; those of one chain agree with themselves."""
    topology = build_topology(6)
    tables = make_tables(topology)
    atoms, beads = (x[:1] for x in _walk(topology))
    assert (tables.observed_hands(atoms) == -tables.hands).any()
    pair = PairedFrames(*(Frame(x.reshape(-1, 3), box=BOX) for x in (beads, atoms)))
    found = TrainingSet(tables, SMALL, Prior(tables, SMALL), [pair], seed=0).tables
    assert np.array_equal(found.hands, tables.hands)


def test_a_mirror_image_goes_both_ways() -> None:
    with pytest.raises(InputError, match="mirror image"):
        replace(bead_chain(2), mirror={"A1": "A2"})


def test_the_fingerprint_of_a_molecule_knows_no_images() -> None:
    topology = build_topology(6)
    assert topology_hash(topology) == topology_hash(_blobs(replace(topology.graph, mirror={})))
