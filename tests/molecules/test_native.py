"""bmzoo's own topology file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.formats.any import read_molecule
from bmzoo.molecules.formats.native import load_topology_json, save_topology_json
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.systems import load_system


def assert_same(first: object, second: object) -> None:
    assert type(first) is type(second)
    for name in type(first).__dataclass_fields__:  # type: ignore[attr-defined]
        one, other = getattr(first, name), getattr(second, name)
        np.testing.assert_array_equal(one, other, err_msg=name)
        if isinstance(one, np.ndarray):
            assert (one.dtype, one.shape) == (other.dtype, other.shape), name


@pytest.mark.parametrize("system", ["adp", "sps"])
def test_round_trip_is_exact(tmp_path: Path, system: str) -> None:
    topology = load_system(system).topology
    save_topology_json(tmp_path / "molecule.json", topology.graph, topology.force_field)
    graph, field = read_molecule([tmp_path / "molecule.json"])
    assert_same(graph, topology.graph)
    assert_same(field, topology.force_field)


def test_graph_alone_and_empty_arrays(tmp_path: Path) -> None:
    graph = MolecularGraph.from_smiles("[Ar]", "argon")
    save_topology_json(tmp_path / "argon.json", graph)
    again, field = load_topology_json(tmp_path / "argon.json")
    assert field is None
    assert_same(again, graph)
    atom = ForceField(("Ar",), graph.masses, np.zeros(1), np.full(1, 0.34), np.full(1, 0.996))
    save_topology_json(tmp_path / "argon.json", graph, replace(atom, cutoff=1.2))
    _, field = load_topology_json(tmp_path / "argon.json")
    assert_same(field, replace(atom, cutoff=1.2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "no bmzoo topology"),
        ({"version": 99}, "update bmzoo"),
        ({"graph": None}, "graph: missing"),
        ({"graph": {"nome": "x"}}, "unknown entry 'nome'"),
        ({"graph": {"name": "x"}}, "graph: "),
    ],
)
def test_damaged_files(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "molecule.json"
    save_topology_json(path, MolecularGraph.from_smiles("C"))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        load_topology_json(path)


def test_missing_and_malformed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_topology_json(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        load_topology_json(tmp_path / "bad.json")
