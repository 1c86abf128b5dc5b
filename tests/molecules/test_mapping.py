"""Mappings: building them, our YAML, deepBM files, and which format a file is in."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.molecules.formats.mapping_yaml import parse_yaml, write_yaml
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Bead, Mapping, Rule, assign_owners, bead_bonds

DIMER = MolecularGraph.from_smiles("CC(c1ccccc1)CCc1ccccc1", name="dimer")
PAGE = Path(__file__).parents[2] / "docs" / "mapping-format.md"
BUTANE = MolecularGraph.from_smiles("CCCC", name="butane")
TWO_BEADS = """
beads:
  - name: X
    atoms: [C1, C2]
  - name: Y
    atoms: [C3, C4]
"""


def example() -> str:
    found = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    return found.group(1)


def equal(one: Mapping, other: Mapping) -> bool:
    return (
        (one.bead_names, one.bead_types, one.rules) == (other.bead_names, other.bead_types, other.rules)
        and np.array_equal(one.weights.toarray(), other.weights.toarray())
        and np.array_equal(one.owners, other.owners)
        and np.array_equal(one.bonds, other.bonds)
    )


def test_the_example_of_the_page() -> None:
    found = parse_yaml(example(), DIMER, "dimer.yaml")
    assert found.bead_names == ("A1", "B1", "A2", "B2")
    assert found.bead_types == ("A", "B", "A", "B")
    assert found.bonds.tolist() == [[0, 1], [0, 2], [2, 3]]
    assert found.rules == (Rule("chiral", (19, 1, 0, 2, 8)),)
    assert found.owners[[0, 1, 8, 9]].tolist() == [0, 0, 2, 2]
    assert found.owners[16:20].tolist() == [0] * 4  # hydrogens of C1, which have no bead, and of C2
    carbon, hydrogen = DIMER.masses[0], DIMER.masses[-1]
    row = found.weights.toarray()[2]
    np.testing.assert_allclose(row[[8, 1, 9]], [carbon, carbon / 2, carbon / 2])
    np.testing.assert_allclose(row.sum(), 2 * carbon + 3.5 * hydrogen)


def test_the_example_gives_the_published_kind_of_beads() -> None:
    found = parse_yaml(example(), DIMER, "dimer.yaml")
    positions = np.random.default_rng(0).normal(size=(2 * DIMER.n_atoms, 3))
    beads = found.apply(positions).reshape(2, 4, 3)
    second = positions[DIMER.n_atoms :]
    np.testing.assert_allclose(beads[1, 0], second[0])
    ring = [i for i in range(DIMER.n_atoms) if found.weights.toarray()[1, i] > 0]
    np.testing.assert_allclose(beads[1, 1], np.average(second[ring], axis=0, weights=DIMER.masses[ring]))


@pytest.mark.parametrize("name", ["dimer.yaml", "dimer.map"])
def test_yaml_is_known_by_its_name_or_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(example())
    found = Mapping.from_map(tmp_path / name, DIMER)
    assert equal(found, parse_yaml(example(), DIMER, ""))
    assert name in found.source


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    atoms = st.lists(st.integers(0, DIMER.n_atoms - 1), min_size=1, max_size=5, unique=True)
    beads = []
    for i in range(draw(st.integers(1, 4))):
        members = draw(atoms)
        weight = st.floats(0.1, 20)
        weights = draw(st.lists(weight, min_size=len(members), max_size=len(members)))
        beads.append(Bead(f"B{i % 3}", draw(st.sampled_from("AB")), tuple(members), tuple(weights)))
    owner = st.dictionaries(st.integers(0, DIMER.n_atoms - 1), st.integers(0, len(beads) - 1), max_size=4)
    return Mapping.from_beads(DIMER, beads, owners=draw(owner), rules=[Rule("assign", (0, 3, 5))])


@settings(max_examples=30, deadline=None)
@given(mappings())
def test_yaml_round_trip(tmp_path_factory: pytest.TempPathFactory, mapping: Mapping) -> None:
    path = tmp_path_factory.mktemp("yaml") / "m.yaml"
    write_yaml(mapping, DIMER, path)
    assert equal(Mapping.from_map(path, DIMER), mapping)


def test_atoms_of_several_residues() -> None:
    chain = MolecularGraph(
        name="chain",
        elements=("C",) * 4,
        names=("C1", "C2") * 2,
        types=("C",) * 4,
        masses=np.full(4, 12.0),
        bonds=np.array([(0, 1), (1, 2), (2, 3)]),
        residue_ids=np.array([1, 1, 2, 2]),
        residue_names=("A", "A", "B", "B"),
    )
    text = "beads: [{name: X, atoms: ['1:C1', 2]}, {name: Y, atoms: [2:C1, 2:C2], weights: geometry}]"
    found = parse_yaml(text, chain, "x")
    np.testing.assert_array_equal(found.weights.toarray(), [[12, 12, 0, 0], [0, 0, 1, 1]])
    with pytest.raises(InputError, match="2 atoms of chain are named 'C1'; write '1:C1' or the number"):
        parse_yaml("beads: [{name: X, atoms: [C1]}]", chain, "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            TWO_BEADS.replace("atoms: [C3", "atom: [C3"),
            "x.yaml, line 6: unknown key 'atom'; did you mean 'atoms'",
        ),
        (TWO_BEADS + "bond: []", "line 7: unknown key 'bond'; did you mean 'bonds'"),
        (TWO_BEADS.replace("C4", "CC4"), "x.yaml, bead Y: butane has no atom 'CC4'; did you mean 'C4'"),
        (TWO_BEADS.replace("C4", "15"), "there is no atom 15, butane has 14"),
        (TWO_BEADS.replace("C4", "NO"), "put names such as NO and ON into quotes"),
        (TWO_BEADS.replace("[C3, C4]", "[]"), "line 6: beads.2.atoms: list should have at least 1 item"),
        (TWO_BEADS.replace("[C3, C4]", "[C3, C3]"), "names an atom twice"),
        (TWO_BEADS.replace("name: Y", "type: Y"), "'beads.2.name' is missing"),
        (TWO_BEADS + "    weights: [1]", "has 2 atoms but 1 weights"),
        (TWO_BEADS + "    weights: [1, -1]", "greater than or equal to 0"),
        (TWO_BEADS + "    weights: [0, 0]", "not all zero"),
        (TWO_BEADS + "    shares: {C1: 0.5}", "'C1' is not among its atoms"),
        (TWO_BEADS + "bonds: [[X, Z]]", "there is no bead 'Z'"),
        (TWO_BEADS + "bonds: [[1, 3]]", "no bead 3 of 2"),
        (TWO_BEADS + "bonds: [[X, X]]", "no bond can join beads 1 and 1"),
        (TWO_BEADS + "owners: {C1: 7}", "no bead 7"),
        (TWO_BEADS + "rules: [{chiral: [C1, C2]}]", "'chiral' needs at least 4 atoms"),
        (TWO_BEADS + "rules: [{chirl: [C1, C2]}]", "rules.1.chirl"),
        ("beads: [", "this is not YAML"),
        ("- 1", "expected a YAML mapping"),
        ("molecule: x", "'beads' is missing"),
    ],
)
def test_mistakes_in_yaml_are_named(text: str, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        parse_yaml(text, BUTANE, "x.yaml")


def test_bonds_come_from_shared_and_from_bonded_atoms() -> None:
    weights = Mapping.from_beads(BUTANE, [Bead("A", "A", (0,), (1.0,)), Bead("B", "B", (3,), (1.0,))]).weights
    assert bead_bonds(BUTANE, np.array([0] * 7 + [1] * 7), weights).tolist() == [[0, 1]]
    owners = assign_owners(BUTANE, weights)
    assert owners[:4].tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(owners[4:], owners[[BUTANE.neighbours[h][0] for h in range(4, 14)]])
    shared = [
        Bead("A", "A", (0, 1), (1.0, 0.5)),
        Bead("B", "B", (1,), (2.0,)),
        Bead("C", "C", (2, 3), (1, 1)),
    ]
    found = Mapping.from_beads(BUTANE, shared)
    assert found.owners[:4].tolist() == [0, 1, 2, 2]
    assert found.bonds.tolist() == [[0, 1], [1, 2]]
    assert Mapping.from_beads(BUTANE, shared, bonds=[(2, 0)]).bonds.tolist() == [[0, 2]]


def test_ties_go_to_the_earlier_bead_and_unreachable_atoms_are_named() -> None:
    tied = [Bead("A", "A", (0, 1), (1.0, 0.5)), Bead("B", "B", (1, 2), (0.5, 1.0))]
    assert Mapping.from_beads(BUTANE, tied).owners[1] == 0
    pair = MolecularGraph.from_smiles("C.O")
    with pytest.raises(InputError, match=r"atom 2 \(O1\) is not bonded to any atom that has a bead"):
        Mapping.from_beads(pair, [Bead("A", "A", (0,), (1.0,))])


def deepbm(owners: list[int]) -> str:
    rows = "\n".join(f"{i} C\t{bead}   {'AB'[bead % 2]} ; x" for i, bead in enumerate(owners, start=1))
    return f"[map]\n{rows}\n[/map]\n\n[align]\n1 2\n[/align]\n"


def test_deepbm(tmp_path: Path) -> None:
    owners = [1, 1, 2, 2, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    (tmp_path / "b.map").write_text(deepbm(owners))
    found = Mapping.from_map(tmp_path / "b.map", BUTANE)
    assert found.bead_types == ("B", "A")
    assert (found.owners + 1).tolist() == owners
    np.testing.assert_allclose(found.weights.toarray().sum(axis=0), BUTANE.masses)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (deepbm([1] * 13), "lists 13 atoms, the molecule butane has 14"),
        (deepbm([1] * 13 + [3]), "bead 2 has no atoms"),
        (deepbm([1] * 14).replace("B ;", ";", 1), "line 2: expected 'atom type bead bead-type'"),
        (deepbm([1] * 14).replace("\n3 C", "\n4 C"), "line 4: expected atom 3, found 4"),
        (deepbm([1] * 14).replace("B ;", "A ;", 1), "bead 1 is of type A"),
        ("[ block ]\n", "vermouth"),
        ("<cg_molecule/>", "VOTCA"),
        ("[ to ]\nmartini\n[ atoms ]\n1 A B\n", "add '[ molecule ]'"),
        ("hello", "no mapping that bmzoo knows"),
    ],
)
def test_mistakes_in_map_files_are_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "b.map").write_text(text)
    with pytest.raises(InputError, match=re.escape(words)):
        Mapping.from_map(tmp_path / "b.map", BUTANE)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        Mapping.from_map(tmp_path / "none.map", BUTANE)
    with pytest.raises(InputError, match=r"holds no \.map files"):
        Mapping.from_map(tmp_path, BUTANE)
    (tmp_path / "b.map").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        Mapping.from_map(tmp_path / "b.map", BUTANE)
