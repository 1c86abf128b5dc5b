"""The molecular graph against rdkit, against brute force, and against bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import AllChem

from bmzoo.errors import InputError
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.topological import symmetry_classes


def make(n_atoms: int, bonds: list[tuple[int, int]], **changes: object) -> MolecularGraph:
    values: dict[str, object] = {
        "name": "X",
        "elements": ("C",) * n_atoms,
        "names": tuple(f"C{i}" for i in range(n_atoms)),
        "types": ("C",) * n_atoms,
        "masses": np.full(n_atoms, 12.0),
        "bonds": np.array(bonds, dtype=np.int64).reshape(-1, 2),
        "residue_ids": np.ones(n_atoms, dtype=np.int64),
        "residue_names": ("X",) * n_atoms,
    }
    return MolecularGraph(**(values | changes))  # type: ignore[arg-type]


@st.composite
def graphs(draw: st.DrawFn) -> MolecularGraph:
    n = draw(st.integers(1, 9))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    bonds = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=14)) if pairs else []
    return make(n, bonds)


def test_counts_of_butane() -> None:
    butane = MolecularGraph.from_smiles("CCCC")
    assert butane.n_atoms == 14
    assert len(butane.bonds) == 13
    assert len(butane.angles) == 24
    assert len(butane.dihedrals) == 27
    assert len(butane.impropers) == 0
    assert butane.rings == ()
    assert butane.names[:5] == ("C1", "C2", "C3", "C4", "H1")


def test_styrene_has_one_ring_and_an_improper_for_every_flat_carbon() -> None:
    styrene = MolecularGraph.from_smiles("C=Cc1ccccc1")
    assert styrene.rings == ((2, 3, 4, 5, 6, 7),)
    assert styrene.in_ring.sum() == 6
    assert styrene.impropers[:, 0].tolist() == list(range(8))
    assert styrene.impropers[2].tolist() == [2, 1, 3, 7]


def test_naphthalene_has_two_six_rings() -> None:
    assert [len(r) for r in MolecularGraph.from_smiles("c1ccc2ccccc2c1").rings] == [6, 6]


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_terms_match_brute_force(graph: MolecularGraph) -> None:
    bonded = {frozenset(b) for b in graph.bonds.tolist()}
    n = range(graph.n_atoms)

    def joined(i: int, j: int) -> bool:
        return frozenset((i, j)) in bonded

    assert {tuple(a) for a in graph.angles.tolist()} == {
        (i, j, k) for j in n for i in n for k in n if i < k and joined(i, j) and joined(j, k)
    }
    assert {tuple(d) for d in graph.dihedrals.tolist()} == {
        (i, j, k, m)
        for j in n for k in n for i in n for m in n
        if j < k and len({i, j, k, m}) == 4 and joined(i, j) and joined(j, k) and joined(k, m)
    }  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 4))
def test_topological_distances_match_floyd(graph: MolecularGraph, k: int) -> None:
    shortest = np.full((graph.n_atoms,) * 2, 99)
    np.fill_diagonal(shortest, 0)
    for i, j in graph.bonds:
        shortest[i, j] = shortest[j, i] = 1
    for m in range(graph.n_atoms):
        shortest = np.minimum(shortest, shortest[:, m, None] + shortest[None, m])
    expected = np.where(shortest <= k, shortest, 0)
    np.testing.assert_array_equal(graph.topological_distances(k).toarray(), expected)
    same = shortest < 99
    np.testing.assert_array_equal(graph.components[:, None] == graph.components[None], same)


def test_components_are_numbered_by_first_atom() -> None:
    assert make(5, [(0, 3), (1, 4)]).components.tolist() == [0, 1, 2, 0, 1]


def test_symmetry_classes_see_the_length_of_the_arms() -> None:
    chain = make(9, [(i, i + 1) for i in range(8)])
    assert chain.symmetry_classes[3] == chain.symmetry_classes[5]
    assert len(set(chain.symmetry_classes.tolist())) == 5


@settings(max_examples=25, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_symmetry_classes_do_not_depend_on_numbering(graph: MolecularGraph, random: object) -> None:
    order = list(range(graph.n_atoms))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = make(graph.n_atoms, [(order[i], order[j]) for i, j in graph.bonds.tolist()])
    theirs = symmetry_classes(moved.elements, moved.neighbours)[order]
    pairs = set(zip(graph.symmetry_classes.tolist(), theirs.tolist(), strict=True))
    assert len(pairs) == len(set(theirs.tolist())) == len(set(graph.symmetry_classes.tolist()))


def test_bonds_are_put_in_order() -> None:
    assert make(3, [(2, 1), (1, 0)]).bonds.tolist() == [[0, 1], [1, 2]]


def test_an_atom_alone() -> None:
    atom = make(1, [])
    assert atom.angles.shape == (0, 3)
    assert atom.dihedrals.shape == (0, 4)
    assert atom.rings == ()
    assert atom.stereocentres.shape == (0, 5)
    assert atom.components.tolist() == [0]


@pytest.mark.parametrize(
    ("bonds", "words"),
    [([(0, 3)], "between atoms 1 and 4"), ([(1, 1)], "bonded to itself"), ([(0, 1), (1, 0)], "listed twice")],
)
def test_bad_bonds_are_named(bonds: list[tuple[int, int]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(3, bonds)


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="2 names"):
        make(3, [], names=("A", "B"))
    with pytest.raises(InputError, match="0 stereocentres, but 1 hands"):
        make(3, [], chirality=np.ones(1, dtype=np.int8))


@pytest.mark.parametrize("smiles", ["C1CC", "", "C*"])
def test_bad_smiles_are_refused(smiles: str) -> None:
    with pytest.raises(InputError, match="SMILES"):
        MolecularGraph.from_smiles(smiles)


ALANINE = "CC(=O)N[C@@H](C)C(=O)NC"


def alanine_pdb(*, connect: bool) -> tuple[str, MolecularGraph]:
    molecule = Chem.AddHs(Chem.MolFromSmiles(ALANINE))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    text = Chem.MolToPDBBlock(molecule)
    lines = [line for line in text.splitlines() if connect or not line.startswith("CONECT")]
    return "\n".join(lines), MolecularGraph.from_smiles(ALANINE)


def test_pdb_with_conect_records(tmp_path: Path) -> None:
    text, expected = alanine_pdb(connect=True)
    path = tmp_path / "ala.pdb"
    path.write_text(text)
    found = MolecularGraph.from_pdb(path)
    assert found.elements == expected.elements
    np.testing.assert_array_equal(found.bonds, expected.bonds)
    np.testing.assert_array_equal(found.chirality, expected.chirality)
    assert (found.name, found.names[0]) == ("ala", "C1")
    np.testing.assert_allclose(found.masses, expected.masses)


def test_pdb_without_bonds_is_guessed_and_says_so(tmp_path: Path) -> None:
    text, expected = alanine_pdb(connect=False)
    (tmp_path / "ala.pdb").write_text(text)
    with pytest.warns(UserWarning, match="22 of 22 atoms have no CONECT"):
        found = MolecularGraph.from_pdb(tmp_path / "ala.pdb")
    np.testing.assert_array_equal(found.bonds, expected.bonds)


def test_bad_pdb(tmp_path: Path) -> None:
    (tmp_path / "x.pdb").write_text("nothing here\n")
    with pytest.raises(InputError, match="no ATOM or HETATM"):
        MolecularGraph.from_pdb(tmp_path / "x.pdb")
    with pytest.raises(InputError, match="there is no file"):
        MolecularGraph.from_pdb(tmp_path / "y.pdb")
