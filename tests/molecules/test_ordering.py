"""Orders of generation: for any graph a permutation that grows from what is there."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Bead, Mapping
from bmzoo.molecules.ordering import Kind, Ordering, atom_order

KINDS = get_args(Kind)


def system(elements: str, bonds: list[tuple[int, int]], owners: list[int]) -> tuple[MolecularGraph, Mapping]:
    n = len(elements)
    graph = MolecularGraph(
        name="X",
        elements=tuple(elements),
        names=tuple(f"{e}{i}" for i, e in enumerate(elements)),
        types=tuple(elements),
        masses=np.ones(n),
        bonds=np.array(bonds, dtype=np.int64).reshape(-1, 2),
        residue_ids=np.ones(n, dtype=np.int64),
        residue_names=("X",) * n,
    )
    beads = []
    for bead in range(max(owners) + 1):
        atoms = tuple(a for a, owner in enumerate(owners) if owner == bead)
        beads.append(Bead(f"B{bead}", "B", atoms, (1.0,) * len(atoms)))
    return graph, Mapping.from_beads(graph, beads)


def one_bead_an_atom(bonds: list[tuple[int, int]], n: int) -> tuple[MolecularGraph, Mapping]:
    return system("C" * n, bonds, list(range(n)))


@st.composite
def systems(draw: st.DrawFn, *, connected: bool) -> tuple[MolecularGraph, Mapping]:
    """A random molecule whose beads are connected pieces, with hydrogens hung on it."""
    n = draw(st.integers(1, 10))
    bonds = {(draw(st.integers(0, i - 1)), i) for i in range(1, n) if connected or draw(st.booleans())}
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    if pairs:
        bonds |= set(draw(st.lists(st.sampled_from(pairs), max_size=3)))
    parents = {j: i for i, j in sorted(bonds)}
    owners: list[int] = []
    for atom in range(n):
        joins = atom in parents and draw(st.booleans())
        owners.append(owners[parents[atom]] if joins else max(owners, default=-1) + 1)
    hydrogens = draw(st.lists(st.integers(0, n - 1), max_size=6))
    bonds |= {(parent, n + h) for h, parent in enumerate(hydrogens)}
    shuffled = draw(st.permutations(range(n + len(hydrogens))))
    elements = ["C"] * n + ["H"] * len(hydrogens)
    owners += [owners[parent] for parent in hydrogens]
    moved_elements, moved_owners = [""] * len(shuffled), [0] * len(shuffled)
    for old, new in enumerate(shuffled):
        moved_elements[new], moved_owners[new] = elements[old], owners[old]
    return system("".join(moved_elements), [(shuffled[i], shuffled[j]) for i, j in bonds], moved_owners)


def same(one: Ordering, other: Ordering) -> bool:
    return all(
        np.array_equal(getattr(one, what), getattr(other, what))
        for what in ("beads", "predecessors", "heavy", "hydrogens")
    )


@settings(max_examples=60, deadline=None)
@given(systems(connected=False), st.sampled_from(KINDS), st.integers(0, 3))
def test_every_order_is_a_deterministic_permutation(
    built: tuple[MolecularGraph, Mapping], kind: Kind, seed: int
) -> None:
    graph, mapping = built
    order = atom_order(graph, mapping, kind, seed)
    assert sorted(order.beads) == list(range(mapping.n_beads))
    assert sorted(order.atoms) == list(range(graph.n_atoms))
    assert not graph.is_hydrogen[order.heavy].any()
    assert graph.is_hydrogen[order.hydrogens].all()
    assert same(order, atom_order(graph, mapping, kind, seed))
    rank = np.argsort(order.beads)
    for atoms in (order.heavy, order.hydrogens):
        assert (np.diff(rank[mapping.owners[atoms]]) >= 0).all()
    bonds = set(map(tuple, mapping.bonds.tolist()))
    for bead, before in enumerate(order.predecessors.tolist()):
        if before >= 0:
            assert tuple(sorted((bead, before))) in bonds
            assert rank[before] < rank[bead]


@settings(max_examples=60, deadline=None)
@given(systems(connected=True), st.sampled_from(KINDS))
def test_connected_molecules_grow_from_what_is_placed(
    built: tuple[MolecularGraph, Mapping], kind: Kind
) -> None:
    graph, mapping = built
    order = atom_order(graph, mapping, kind)
    assert (order.predecessors == -1).sum() == 1
    placed = set(order.heavy[:1].tolist())
    for atom in order.atoms[1:].tolist():
        assert placed & set(graph.neighbours[atom])
        placed.add(atom)


def test_a_chain_starts_at_its_end() -> None:
    graph, mapping = one_bead_an_atom([(0, 2), (2, 1), (1, 3)], 4)
    order = atom_order(graph, mapping)
    assert order.beads.tolist() == [0, 2, 1, 3]
    assert order.predecessors.tolist() == [-1, 2, 0, 1]


def test_a_ring_depth_and_breadth_first() -> None:
    graph, mapping = one_bead_an_atom([(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)], 5)
    assert atom_order(graph, mapping).beads.tolist() == [0, 1, 2, 3, 4]
    assert atom_order(graph, mapping, "breadth-first").beads.tolist() == [0, 1, 4, 2, 3]


def test_a_star_of_two_bead_arms() -> None:
    bonds = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (3, 6)]
    graph, mapping = one_bead_an_atom(bonds, 7)
    assert atom_order(graph, mapping).beads.tolist() == [4, 1, 0, 2, 5, 3, 6]
    assert atom_order(graph, mapping, "breadth-first").beads.tolist() == [4, 1, 0, 2, 3, 5, 6]


def test_separate_molecules_come_one_after_another() -> None:
    graph, mapping = one_bead_an_atom([(0, 2), (1, 3)], 4)
    order = atom_order(graph, mapping)
    assert order.beads.tolist() == [0, 2, 1, 3]
    assert order.predecessors.tolist() == [-1, -1, 0, 1]


def test_all_heavy_atoms_come_before_hydrogens() -> None:
    graph = MolecularGraph.from_smiles("CCO")
    beads = [Bead("A", "A", (0,), (1.0,)), Bead("B", "B", (1, 2), (1.0, 1.0))]
    order = atom_order(graph, Mapping.from_beads(graph, beads))
    assert order.heavy.tolist() == [0, 1, 2]
    assert order.hydrogens.tolist() == [3, 4, 5, 6, 7, 8]


def test_random_orders_depend_on_the_seed() -> None:
    graph, mapping = one_bead_an_atom([(0, i) for i in range(1, 9)], 9)
    orders = {tuple(atom_order(graph, mapping, "random", seed).beads.tolist()) for seed in range(5)}
    assert len(orders) > 1


def test_an_unknown_kind_is_named() -> None:
    graph, mapping = one_bead_an_atom([], 1)
    with pytest.raises(InputError, match="did you mean 'breadth-first'"):
        atom_order(graph, mapping, "breath-first")  # type: ignore[arg-type]
