"""Like atoms are numbered by one rule, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from bmzoo.molecules.labels import LikeAtoms
from bmzoo.molecules.mapping import Mapping
from bmzoo.molecules.topology import Topology
from bmzoo.systems import load_system


def one_frame(name: str) -> tuple[Topology, np.ndarray]:
    system = load_system(name)
    assert system.reference is not None
    topology = system.topology
    atoms = next(system.reference.frames("test", 0, 1)).positions.reshape(-1, topology.n_atoms, 3)
    return topology, atoms


def one_bead(topology: Topology) -> Topology:
    """The same molecule, every atom alike to the mapping."""
    weights = csr_array(topology.graph.masses[None])
    owners = np.zeros(topology.n_atoms, dtype=np.int64)
    mapping = Mapping("one", ("A",), ("A",), weights, owners, np.zeros((0, 2), dtype=np.int64))
    return replace(topology, mapping=mapping)


@pytest.mark.parametrize("name", ["adp", "cln", "octane"])
def test_exchanged_hydrogens_are_numbered_back(name: str) -> None:
    topology, atoms = one_frame(name)
    graph, like = topology.graph, LikeAtoms(one_bead(topology))
    known = like.same_hands(atoms)
    assert like.same_hands(known) is known
    exchanged = known.copy()
    groups = 0
    for near in graph.neighbours:
        hydrogens = [atom for atom in near if graph.is_hydrogen[atom]]
        if len(near) == 4 and len(hydrogens) > 1:
            groups += 1
            exchanged[:, hydrogens[-2:]] = known[:, hydrogens[-2:][::-1]]
    assert groups > 1
    assert np.abs(exchanged - known).max() > 0.1
    np.testing.assert_array_equal(like.same_hands(exchanged), known)
    np.testing.assert_array_equal(np.sort(known, axis=1), np.sort(atoms, axis=1))
    heavy = ~graph.is_hydrogen
    np.testing.assert_array_equal(known[:, heavy], atoms[:, heavy])


def test_methyls_of_an_isopropyl_have_a_hand() -> None:
    """Mirror images of cumene are one molecule."""
    topology, atoms = one_frame("cumene")
    topology = one_bead(topology)
    graph, like = topology.graph, LikeAtoms(topology)
    known, mirrored = (like.same_hands(x) for x in (atoms, atoms * [-1, 1, 1]))
    (centre,) = (a for a, near in enumerate(graph.neighbours) if sum(graph.degrees[near,] == 4) == 2)
    a, b, c, d = graph.neighbours[centre]
    signs = []
    for found in (known, mirrored):
        triple = np.cross(found[:, b] - found[:, a], found[:, c] - found[:, a])
        signs.extend(np.sign((triple * (found[:, d] - found[:, a])).sum(-1)))
    assert len(set(signs)) == 1
    lengths = np.linalg.norm(mirrored[:, graph.bonds[:, 0]] - mirrored[:, graph.bonds[:, 1]], axis=-1)
    assert lengths.max() < 0.17


def test_rotations_of_a_methyl_group_stay() -> None:
    """The three hydrogens may be anywhere on their circle, in this order."""
    topology, atoms = one_frame("adp")
    graph, like = topology.graph, LikeAtoms(topology)
    atoms = like.same_hands(atoms)
    near = next(n for n in graph.neighbours if len(n) == 4)
    hydrogens = [a for a in near if graph.is_hydrogen[a]]
    assert len(hydrogens) == 3
    turned = atoms.copy()
    turned[:, hydrogens] = atoms[:, np.roll(hydrogens, 1)]
    np.testing.assert_array_equal(like.same_hands(turned), turned)


@pytest.mark.parametrize(("name", "groups"), [("sps", 10), ("cumene", 1), ("cln", 5), ("adp", 0)])
def test_flat_groups_turned_by_half_a_circle(name: str, groups: int) -> None:
    """Phenyl rings, two tyrosines, three carboxylates; the indole has no such axis."""
    topology, atoms = one_frame(name)
    graph, like = topology.graph, LikeAtoms(topology)
    orders = [exchange.order for exchange in like._sides]
    assert len(orders) == groups
    known = like.same_sides(atoms)
    for order in orders:
        np.testing.assert_array_equal(graph.symmetry_classes[order], graph.symmetry_classes)
        bonds = {tuple(sorted(bond)) for bond in order[graph.bonds].tolist()}
        assert bonds == set(map(tuple, graph.bonds.tolist()))
        np.testing.assert_array_equal(like.same_sides(atoms[:, order]), known)


@pytest.mark.parametrize("name", ["octane", "cumene", "sps"])
def test_beads_stay_where_they_are(name: str) -> None:
    """Of a methyl group one hydrogen may count for two beads, and cumene's methyls lie in different ones."""
    topology, atoms = one_frame(name)
    like, flat = LikeAtoms(topology), atoms.reshape(-1, 3)
    for numbered in (like.same_hands, like.same_sides):
        moved = numbered(atoms).reshape(-1, 3)
        np.testing.assert_allclose(topology.mapping.apply(moved), topology.mapping.apply(flat), atol=1e-6)


@pytest.mark.parametrize("name", ["adp", "cln", "cumene", "octane", "sps"])
def test_nearest_undoes_every_exchange(name: str) -> None:
    """All six ways of a methyl group, rings and hydrogens, each molecule in its own way."""
    topology, atoms = one_frame(name)
    topology, rng = one_bead(topology), np.random.default_rng(0)
    graph, like = topology.graph, LikeAtoms(topology)
    exchanged = atoms.copy()
    for molecule in exchanged:
        for order in (x.order for x in (*like._sides, *like._hands)):
            if rng.random() < 0.5:
                molecule[:] = molecule[order]
        for near in graph.neighbours:
            hydrogens = [atom for atom in near if graph.is_hydrogen[atom]]
            if len(near) == 4 and len(hydrogens) > 1:
                molecule[hydrogens] = molecule[rng.permutation(hydrogens)]
    assert np.abs(exchanged - atoms).max() > 0.1
    nudged = exchanged + 0.001 * rng.standard_normal(exchanged.shape)
    np.testing.assert_allclose(like.nearest(nudged, atoms), atoms, atol=0.01)
    np.testing.assert_array_equal(like.nearest(exchanged, atoms), atoms)
    np.testing.assert_array_equal(like.nearest(atoms[0], atoms[0]), atoms[0])
