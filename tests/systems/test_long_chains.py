"""Polystyrene of other numbers of monomers than the published one, and atoms for beads of ``fritz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bmzoo.backends.loading import load_backmapper, weights_matching
from bmzoo.backends.voxel_gan.model import VoxelGAN
from bmzoo.errors import InputError
from bmzoo.frames.datasets import pairs
from bmzoo.frames.frame import Frame
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules import polystyrene as ps
from bmzoo.molecules import polystyrene_beads
from bmzoo.molecules.stereo import hands, tacticity
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.polystyrene_chain import chain_from_torsions
from bmzoo.systems import load_system, recipes, sps
from bmzoo.target import Target, default_backend

TERMS = ("bonds", "angles", "dihedrals", "impropers", "exclusions", "constraints")


def straight(topology: Topology, seed: int = 0) -> np.ndarray:
    """Chains that are nearly all trans, ``(n_atoms, 3)`` nm."""
    rng = np.random.default_rng(seed)
    n_torsions = 2 * ps.count_monomers(topology.n_atoms) - 3
    return chain_from_torsions(topology.graph, np.pi + 0.1 * rng.standard_normal(n_torsions), rng)


def terms(topology: Topology, name: str, atoms: dict[int, int]) -> set[tuple[int, ...]]:
    """Terms among some atoms, renumbered, read from the lower end."""
    rows = getattr(topology.force_field, name).tolist()
    kept = [tuple(atoms[a] for a in row) for row in rows if all(a in atoms for a in row)]
    return {min(row, row[::-1]) for row in kept}


@pytest.mark.parametrize("n", [3, 96])
def test_ends_and_middle_are_those_of_ten_monomers(n: int) -> None:
    """From the front the first monomers are those of the published chain, from the back the last ones."""
    chain, known = ps.build_topology(496.0, n), ps.build_topology(568.0)
    assert (chain.n_atoms, chain.n_beads) == (16 * n + 2, 2 * n)
    assert len(chain.graph.bonds) == chain.n_atoms - 1 + n  # a ring a monomer
    count = min(n, 9) - 1
    inner = {a: a for a in range(16 * count)} | {16 * n: 160}
    assert terms(chain, "bonds", inner) == terms(known, "bonds", {a: a for a in [*range(16 * count), 160]})
    for name in TERMS:
        front = {a: a for a in range(16 * count)}
        assert terms(chain, name, front) == terms(known, name, front), name
        back = {16 * n - a: 160 - a for a in range(1, 16 * count + 1)} | {16 * n + 1: 161}
        assert terms(chain, name, back) == terms(known, name, {a: a for a in back.values()}), name
    for name in ("types", "elements"):
        ours, theirs = getattr(chain.graph, name), getattr(known.graph, name)
        assert ours[: 16 * count] == theirs[: 16 * count]
        assert ours[-16 * count :] == theirs[-16 * count :]
    assert chain.graph.masses.sum() == pytest.approx(n * ps.build_graph(10).masses[16:32].sum() + 2 * 1.008)


@pytest.mark.parametrize("n", [3, 96])
def test_beads_of_a_chain(n: int) -> None:
    mapping, graph = ps.build_topology(496.0, n).mapping, ps.build_graph(n)
    weights = mapping.weights.toarray()
    assert np.allclose(mapping.matrix.toarray().sum(axis=1), 1)
    # half of a CH counts for either A bead beside it; the first A is its carbon alone
    inner = np.arange(16, 16 * (n - 1))
    assert np.allclose(weights.sum(axis=0)[inner], graph.masses[inner])
    assert np.flatnonzero(weights[0]).tolist() == [1]
    assert np.bincount(mapping.owners).tolist() == [6, 11, *[5, 11] * (n - 2), 6, 11]
    kinds = [t[0] for t in polystyrene_beads.bead_chain(n).types]
    assert list(mapping.bead_types) == kinds


@pytest.mark.parametrize("n", [2, 3, 11, 96])
def test_hands(n: int) -> None:
    graph = ps.build_graph(n)
    assert len(graph.stereocentres) == n - 1
    assert np.array_equal(graph.chirality[:9], ps.build_graph().chirality[: n - 1])
    if n > 2:
        assert tacticity(graph, graph.chirality).racemic_fraction == 1.0
    x = straight(ps.build_topology(496.0, n))[None]
    assert np.array_equal(hands(x, graph.stereocentres)[0], graph.chirality)
    centres, numbered = ps.numbered_hands(n)
    assert np.array_equal(hands(x, centres)[0], numbered)


def test_too_short() -> None:
    with pytest.raises(InputError, match="at least two monomers, not 1"):
        ps.build_topology(496.0, 1)


def test_system(tmp_path: Path) -> None:
    system = load_system(f"sps:{sps.LONG}")
    assert system.topology.temperature == 496.0
    assert system.topology.n_beads == load_system("fritz").topology.n_atoms == 192
    assert system.reference is None
    assert default_backend(Target(system.topology, system)) == "fragments"
    for backend in ("equivariant", "voxel_gan"):
        assert weights_matching(backend, system.topology, "sps", system.state) is None
        found = weights_matching(backend, system.topology, "sps", system.state, kin=system.kin)
        assert found is not None
        assert found.name == "sps-568K"
    with pytest.raises(InputError, match="no recipe for sps:496K-96mers"):
        recipes.build(f"sps:{sps.LONG}", "tiny", tmp_path / "new")


@pytest.mark.parametrize("backend", ["equivariant", "voxel_gan", "fragments"])
def test_weights_and_library_of_short_chains(backend: str) -> None:
    topology, short = ps.build_topology(496.0, 12), load_system("sps:568K")
    assert short.reference is not None
    atoms = np.stack([straight(topology, seed) + np.array([0.0, 1.5 * seed, 0.0]) for seed in (1, 2)])
    beads = topology.mapping.apply(atoms.reshape(-1, 3))
    frames = whole_molecules(short.reference.frames("train", 0, 1), short.topology, beads=False)
    model = load_backmapper(
        backend,
        topology,
        library=pairs(frames, short.topology.mapping) if backend == "fragments" else None,
        library_of=short.topology,
        system="sps",
        kin=short.topology,
    )
    (frame,) = model.backmap([Frame(beads)], seed=1)
    x = np.asarray(frame.positions, dtype=np.float64).reshape(2, -1, 3)
    assert np.array_equal(hands(x, topology.graph.stereocentres), np.stack([topology.graph.chirality] * 2))
    gap = topology.mapping.apply(x.reshape(-1, 3)) - beads
    assert np.sqrt(np.square(gap).sum(axis=1).mean()) < 0.02
    i, j = topology.graph.bonds.T
    lengths = np.linalg.norm(x[:, i] - x[:, j], axis=2)
    assert np.abs(lengths - topology.force_field.bond_r0).max() < 0.05  # type: ignore[union-attr]


def test_hydrogens_are_numbered_as_in_training() -> None:
    """The hands of CH2 groups that a network has met are those that it is asked for in another chain."""
    short, long = ps.build_topology(568.0), ps.build_topology(496.0, 12)
    trained = load_backmapper("voxel_gan", short, system="sps")
    other = load_backmapper("voxel_gan", long, system="sps", kin=short)
    assert isinstance(trained, VoxelGAN)
    assert isinstance(other, VoxelGAN)
    known, found = (model.observer.hand.numpy() for model in (trained, other))
    assert np.array_equal(found[: 9 * 16], known[: 9 * 16])
    assert np.array_equal(found[-2 * 16 - 2 :], known[-2 * 16 - 2 :])
    assert np.array_equal(found[9 * 16 : 10 * 16], known[7 * 16 : 8 * 16])


def test_nothing_else_learns_from_short_chains() -> None:
    short, long = ps.build_topology(568.0), ps.build_topology(496.0, 12)
    with pytest.raises(InputError, match="needs atomistic reference frames of PS1"):
        load_backmapper("morphing", long, library=[], library_of=short)
