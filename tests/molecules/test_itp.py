"""GROMACS topologies: what is read, and the message when it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.molecules.formats.gromacs_types import ryckaert_bellemans
from bmzoo.molecules.formats.itp import element, read_gromacs
from bmzoo.molecules.graph import MolecularGraph

TYPES = """
[ defaults ]
1 3 yes 0.5 0.8
[ atomtypes ]
; name bonded number mass charge kind sigma epsilon
CT   CT  6  12.011  0.0  A  0.35  0.30
HT   H1  1   1.008  0.1  A  0.25  0.12
[ bondtypes ]
CT CT 1 0.153 2.0e5
CT H1 1 0.109 3.0e5
[ angletypes ]
H1 CT H1 1 107.8 276.0
CT CT H1 1 110.7 313.8
[ dihedraltypes ]
X  CT CT X  9 0.0 0.6 3
X  CT CT X  9 180.0 0.2 2
"""
ETHANE = """
[ moleculetype ]
ETH 3
[ atoms ]
1 CT 1 ETH C1 1 -0.3
2 CT 1 ETH C2 1 -0.3
3 HT 1 ETH H3 1
4 HT 1 ETH H4 1
5 HT 1 ETH H5 1
6 HT 1 ETH H6 1
7 HT 1 ETH H7 1
8 HT 1 ETH H8 1
[ bonds ]
1 2 1 ; a comment
1 3 1
1 4 1
1 5 1
2 6 1
2 7 1
2 8 1 0.110 1.0e5
[ pairs ]
3 6 1
3 7 1 0.3 0.2
[ angles ]
3 1 4 1
1 2 6 1
[ dihedrals ]
3 1 2 6 9
3 1 2 7 3 1.0 2.0 0.0 -3.0 0.0 0.0
3 1 2 8 2 10.0 50.0
[ exclusions ]
3 6
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "types.itp").write_text(TYPES)
    (tmp_path / "ethane.itp").write_text(ETHANE)
    (tmp_path / "topol.top").write_text(
        '#include "types.itp"\n#include "ethane.itp"\n[ system ]\nme\n[ molecules ]\nETH 10\n'
    )
    return tmp_path


def write(folder: Path, text: str) -> list[Path]:
    (folder / "other.itp").write_text(text)
    return [folder / "other.itp"]


def test_graph(folder: Path) -> None:
    graph = MolecularGraph.from_itp(folder / "ethane.itp")
    assert graph.name == "ETH"
    assert graph.elements == ("C", "C", *"HHHHHH")
    assert graph.bonds[:2].tolist() == [[0, 1], [0, 2]]
    assert graph.masses[2] == pytest.approx(1.008)


def test_without_types_there_is_no_force_field(folder: Path) -> None:
    assert read_gromacs([folder / "ethane.itp"])[1] is None


@pytest.mark.parametrize("names", [["topol.top"], ["ethane.itp", "topol.top"], ["types.itp", "ethane.itp"]])
def test_force_field(folder: Path, names: list[str]) -> None:
    _, field = read_gromacs([folder / n for n in names])
    assert field is not None
    assert field.combination == "geometric"
    assert field.charges[:3].tolist() == [-0.3, -0.3, 0.1]
    assert field.bond_r0[[0, 1, 6]].tolist() == [0.153, 0.109, 0.110]
    assert np.degrees(field.angle_theta0).tolist() == pytest.approx([107.8, 110.7])
    # function 9 has two terms, the Ryckaert-Bellemans torsion three
    assert field.dihedral_n.tolist() == [3, 2, 1, 3]
    assert field.improper_phi0 == pytest.approx(np.radians([10.0]))


def test_pairs_and_exclusions(folder: Path) -> None:
    _, field = read_gromacs([folder / "topol.top"])
    assert field is not None
    assert field.pairs.tolist() == [[2, 5], [2, 6]]
    assert field.pair_charge_product == pytest.approx([0.8 * 0.01] * 2)
    assert field.pair_epsilon == pytest.approx([0.5 * 0.12, 0.2])
    # every pair of ethane is within three bonds
    assert len(field.exclusions) == 8 * 7 // 2 - 2
    assert not {tuple(p) for p in field.pairs.tolist()} & {tuple(p) for p in field.exclusions.tolist()}


def test_rule_one_lists_powers(folder: Path) -> None:
    sigma, epsilon = 0.35, 0.3
    c6, c12 = 4 * epsilon * sigma**6, 4 * epsilon * sigma**12
    text = TYPES.replace("1 3 yes", "1 1 yes").replace("0.35  0.30", f"{c6}  {c12}")
    _, field = read_gromacs(write(folder, text + ETHANE.replace(" 0.3 0.2", "")))
    assert field is not None
    assert (field.sigma[0], field.epsilon[0]) == pytest.approx((sigma, epsilon))
    assert field.combination == "geometric"


def test_constraints_are_bonds_of_the_graph(folder: Path) -> None:
    text = ETHANE.replace("2 7 1\n", "").replace("[ angles ]", "[ constraints ]\n2 7 1 0.11\n[ angles ]")
    graph, field = read_gromacs([folder / "types.itp", *write(folder, text)])
    assert [1, 6] in graph.bonds.tolist()
    assert field is not None
    assert field.constraint_r0.tolist() == [0.11]


def test_conditions_and_macros(folder: Path) -> None:
    text = (
        "#define LONG 0.2 9.0\n#ifdef FLEXIBLE\n[ nonsense\n#else\n[ moleculetype ]\nA 1\n#endif\n"
        "[ atoms ]\n1 CT 1 A C1 1 0\n2 CT 1 A C2 1 \\\n 0\n#ifdef LONG\n[ bonds ]\n1 2 1 LONG\n#endif\n"
        '#ifdef POSRES\n#include "nothing.itp"\n#endif\n'
    )
    graph, field = read_gromacs([folder / "types.itp", *write(folder, text)])
    assert graph.n_atoms == 2
    assert field is not None
    assert (field.bond_r0[0], field.bond_k[0]) == (0.2, 9.0)


def test_g96_bonds_have_the_same_curvature(folder: Path) -> None:
    text = ETHANE.replace("1 3 1\n", "1 3 2 0.1 1.2e7\n").replace("3 1 4 1\n", "3 1 4 2 120 500\n")
    _, field = read_gromacs([folder / "types.itp", *write(folder, text)])
    assert field is not None
    assert field.bond_k[1] == pytest.approx(2.4e5)
    assert field.angle_k[0] == pytest.approx(375.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1 2 1 ;", "1 99 1 ;", r"other\.itp, line 14: there is no atom 99"),
        ("1 2 1 ;", "1 two 1 ;", r"line 14: 'two' should be a whole number"),
        ("2 CT 1 ETH", "2 CX 1 ETH", r"line 6: the atom type 'CX' is not in \[ atomtypes \]"),
        ("2 CT 1 ETH", "7 CT 1 ETH", r"line 6: expected atom 2, found 7"),
        ("1 2 6 1", "6 2 1 5", "no parameters"),
        ("[ moleculetype ]\nETH 3", "", r"a \[ moleculetype \] must come first"),
        ("[ pairs ]", "[ pairs", "expected a header"),
        ("[ pairs ]", "#endif", "#endif without #ifdef"),
        ("[ pairs ]", "#ifdef A", "no #endif"),
        ("[ pairs ]", "#import x", "cannot follow"),
        ("3 1 2 7 3 1.0", "3 1 2 7 3", "expected 6 parameters"),
        ("[ exclusions ]\n3 6", "[ exclusions ]\n3 60", "there is no atom 60"),
    ],
)
def test_messages(folder: Path, old: str, new: str, message: str) -> None:
    assert old in ETHANE
    paths = [folder / "types.itp", *write(folder, ETHANE.replace(old, new, 1))]
    with pytest.raises(InputError, match=message):
        read_gromacs(paths)


def test_several_molecules(folder: Path) -> None:
    two = [folder / "ethane.itp", *write(folder, ETHANE.replace("ETH 3", "TWO 3"))]
    with pytest.raises(InputError, match=r"several molecules \(ETH, TWO\)"):
        read_gromacs(two)
    assert read_gromacs([folder / "topol.top", two[1]])[0].name == "ETH"


def test_no_molecule_and_no_file(folder: Path) -> None:
    with pytest.raises(InputError, match="describes no molecule"):
        read_gromacs([folder / "types.itp"])
    with pytest.raises(InputError, match=r"there is no file .*none\.itp"):
        read_gromacs([folder / "none.itp"])


def test_a_missing_include_is_left_out(folder: Path) -> None:
    with pytest.warns(UserWarning, match="left out"):
        _, field = read_gromacs(write(folder, '#include "amber.ff/forcefield.itp"\n' + ETHANE))
    assert field is None


def test_unsupported_terms_leave_the_graph(folder: Path) -> None:
    text = ETHANE + "[ cmap ]\n1 2 3 4 5 1\n"
    with pytest.warns(UserWarning, match="cmap"):
        graph, field = read_gromacs([folder / "types.itp", *write(folder, text)])
    assert graph.n_atoms == 8
    assert field is None


@pytest.mark.parametrize(
    ("name", "kind", "mass", "expected"),
    [
        ("C1", "C_AR", 12.011, "C"), ("H1", "H_AR", None, "H"), ("C5", "CH2", 14.027, "C"),
        ("CL", "CL", 35.45, "Cl"), ("H3", "HC", 3.024, "H"),
        ("1HB", "HC", None, "H"), ("CA", "CT", None, "C"),
    ],
)  # fmt: skip
def test_elements(name: str, kind: str, mass: float | None, expected: str) -> None:
    assert element(name, kind, mass) == expected


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-20, 20), min_size=6, max_size=6), st.floats(-np.pi, np.pi))
def test_ryckaert_bellemans_differs_by_a_constant(coefficients: list[float], phi: float) -> None:
    def original(angle: float) -> float:
        return sum(c * np.cos(angle - np.pi) ** n for n, c in enumerate(coefficients))

    def cosines(angle: float) -> float:
        return sum(k * (1 + np.cos(n * angle - phase)) for n, phase, k in ryckaert_bellemans(coefficients))

    assert cosines(phi) - cosines(0.3) == pytest.approx(original(phi) - original(0.3), abs=1e-9)


def test_published_molecules(shared_data: Path) -> None:
    assert read_gromacs([shared_data / "octane/topology/L49C_aa.itp"])[0].n_atoms == 26
    assert read_gromacs([shared_data / "cumene/topology/G065_aa.itp"])[0].elements.count("C") == 9
