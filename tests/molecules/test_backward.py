"""Backward's residue-level maps: dialect, weights, modifiers, choice of block, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.molecules.formats.backward_map import parse_backward, read_blocks
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping, Rule

# Heavy atoms of glycerol, H left out: C1(O1)-C2(O2)-C3(O3); two residues A and B make a dimer.
NAMES = ("C1", "O1", "C2", "O2", "C3", "O3")


def glycerols(residues: tuple[str, ...] = ("GOL",)) -> MolecularGraph:
    bonds = [(0, 1), (0, 2), (2, 3), (2, 4), (4, 5)]
    n, every = len(residues), []
    for r in range(n):
        every += [(i + 6 * r, j + 6 * r) for i, j in bonds]
    every += [(6 * r + 5, 6 * r + 6) for r in range(n - 1)]
    return MolecularGraph(
        name="X",
        elements=tuple(name[0] for name in NAMES) * n,
        names=NAMES * n,
        types=NAMES * n,
        masses=np.tile([12.0, 16.0], 3 * n),
        bonds=np.array(every),
        residue_ids=np.repeat(np.arange(1, n + 1), 6),
        residue_names=tuple(name for name in residues for _ in range(6)),
    )


PLAIN = """
; a comment
[ Molecule ]
GOL
[MARTINI]
P1 P2   ; two beads
[ mapping ]
charmm36 gromos
[ atoms ]
  1 C1 P1
  2 O1            ; as the line before
  3 C2 P1 P1 P1 P2
  4 O2
  5 C3 P2
  6 O3 P2
[ chiral ]
 O2 C2 C1 C3
[out]
 O3 C3 C2
"""


def weights(mapping: Mapping) -> np.ndarray:
    return mapping.weights.toarray()


def test_repeats_are_shares_and_an_empty_list_repeats_the_line_before() -> None:
    found = parse_backward({"gol.map": PLAIN}, glycerols())
    expected = [[12, 16, 9, 12, 0, 0], [0, 0, 3, 4, 12, 16]]
    np.testing.assert_allclose(weights(found), expected)
    assert found.bead_names == ("P1", "P2")
    assert found.owners.tolist() == [0, 0, 0, 0, 1, 1]
    assert found.bonds.tolist() == [[0, 1]]
    assert found.rules == (Rule("chiral", (3, 2, 0, 4)), Rule("out", (5, 4, 2)))


def test_every_residue_gets_its_beads() -> None:
    found = parse_backward({"gol.map": PLAIN}, glycerols(("GOL", "GOL")))
    assert found.bead_names == ("P1", "P2", "P1", "P2")
    assert found.bonds.tolist() == [[0, 1], [1, 2], [2, 3]]
    np.testing.assert_allclose(weights(found)[2:, 6:], weights(found)[:2, :6])
    assert found.rules[2] == Rule("chiral", (9, 8, 6, 10))


def test_several_residues_in_one_file_and_in_several(tmp_path: Path) -> None:
    other = PLAIN.replace("GOL", "ABC DEF").replace("P1", "Q1")
    graph = glycerols(("GOL", "DEF"))
    together = parse_backward({"all.map": PLAIN + other}, graph)
    assert together.bead_names == ("P1", "P2", "Q1", "P2")
    (tmp_path / "a.map").write_text(PLAIN)
    (tmp_path / "b.map").write_text(other)
    assert Mapping.from_map(tmp_path, graph).bead_names == together.bead_names
    (tmp_path / "one").write_text(PLAIN + other)
    assert Mapping.from_map(tmp_path / "one", graph).bead_names == together.bead_names


def test_the_block_that_knows_most_atoms_is_taken() -> None:
    united = "\n[ mapping ]\nother\n[ atoms ]\n1 CA P1\n2 C3 P2\n"
    assert len(read_blocks(PLAIN + united, "x")) == 2
    assert parse_backward({"x": PLAIN + united}, glycerols()).n_atoms == 6
    swapped = PLAIN.replace("[ mapping ]", united + "[ mapping ]")
    np.testing.assert_allclose(
        weights(parse_backward({"x": swapped}, glycerols())),
        weights(parse_backward({"x": PLAIN}, glycerols())),
    )


def test_beads_assigned_before_the_atoms_are_means_of_others() -> None:
    text = PLAIN.replace("[ atoms ]", "[ assign ]\nMID P1 P2\n[ atoms ]").replace("P1 P1 P1 P2", "MID")
    found = parse_backward({"x": text}, glycerols())
    np.testing.assert_allclose(weights(found)[:, 2], [6, 6])
    with pytest.warns(UserWarning, match="places bead MID at P1"):
        parse_backward({"x": text.replace("[ assign ]\nMID P1 P2", "[ out ]\nMID P1 P2")}, glycerols())


def test_the_dialect_of_vermouth() -> None:
    text = PLAIN.replace("[MARTINI]", "[ from ]\ncharmm\n[ to ]\nmartini22\n[ martini ]")
    text = text.replace("C2 P1 P1 P1 P2", "C2 P1 !P2")
    found = parse_backward({"x": text}, glycerols())
    np.testing.assert_allclose(weights(found), [[12, 0, 12, 0, 0, 0], [0, 0, 0, 0, 12, 16]])
    assert found.owners.tolist() == [0, 0, 0, 0, 1, 1]


def test_missing_hydrogens_and_chain_ends_are_no_mistake() -> None:
    text = PLAIN.replace("[ chiral ]", "  7 H11 P2\n  8 1HO P2\n[ chiral ]\n H11 C1 C2 C3")
    assert len(parse_backward({"x": text}, glycerols()).rules) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("5 C3 P2", "5 C4 P2"), r"gol.map, line 14: X has no atom 'C4'; did you mean 'C"),
        (("5 C3 P2", "5 C3 P3"), r"line 14: 'P3' is not among the beads of this block; did you mean 'P"),
        (("5 C3 P2", "5"), "line 14: expected 'index name bead"),
        (("1 C1 P1", "1 C1"), "line 10: the first atom must name its bead"),
        (("P1 P2  ", "P1 P2 P3"), "bead P3 of this block has no atoms"),
        (("P1 P2  ", "P1 P2 P1"), "listed twice"),
        (("5 C3 P2", "5 C1 P1"), "'C1' is listed twice"),
        (("GOL", "GLO"), r"no block for the residue 'GOL' of X; did you mean 'GLO'\? \(it describes: GLO"),
        (("O2 C2 C1 C3", "O2 C2"), r"\[ chiral \] needs a target and at least 3 references"),
        (("O2 C2 C1 C3", "O2 C2 C1 XX"), "no atom 'XX'"),
        (("[ Molecule ]", "GOL"), "must start with '\\[ molecule \\]'"),
    ],
)
def test_mistakes_are_named_with_their_line(change: tuple[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_backward({"gol.map": PLAIN.replace(*change)}, glycerols())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["P1", "P2", "P3"]), max_size=5), min_size=6, max_size=6))
def test_any_shares_are_read_back(lists: list[list[str]]) -> None:
    lists[0] = lists[0] or ["P1"]
    effective = [lists[0]]
    for beads in lists[1:]:
        effective.append(beads or effective[-1])
    used = sorted({bead for beads in effective for bead in beads})
    rows = "\n".join(
        f"{i} {name} {' '.join(beads)}" for i, (name, beads) in enumerate(zip(NAMES, lists, strict=True))
    )
    text = f"[molecule]\nGOL\n[martini]\n{' '.join(used)}\n[mapping]\nff\n[atoms]\n{rows}\n"
    graph = glycerols()
    expected = [
        [beads.count(bead) / len(beads) * m for beads, m in zip(effective, graph.masses, strict=True)]
        for bead in used
    ]
    np.testing.assert_allclose(weights(parse_backward({"x": text}, graph)), expected)
