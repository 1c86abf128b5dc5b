"""The published topologies and maps; skipped where they are not at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bmzoo.frames.periodic import MoleculeMaker
from bmzoo.frames.trajectory import read_frames
from bmzoo.molecules.formats.mapping_yaml import write_yaml
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping
from bmzoo.molecules.ordering import atom_order
from bmzoo.molecules.stereo import hands, tacticity


@pytest.fixture(scope="module")
def chain(shared_data: Path) -> MolecularGraph:
    return MolecularGraph.from_itp([shared_data / "sps" / "topol_PS1.itp", shared_data / "sps" / "topol.top"])


def test_the_polystyrene_chain(chain: MolecularGraph) -> None:
    assert chain.n_atoms == 162
    assert len(chain.rings) == 10
    assert len(chain.stereocentres) == 9  # the last unit ends in a CH2
    assert chain.neighbours[160] == (1,)


def test_the_published_melt_is_syndiotactic(chain: MolecularGraph, shared_data: Path) -> None:
    frame = next(iter(read_frames(shared_data / "sps" / "568K" / "aa.xtc", stop=1)))
    whole = MoleculeMaker(chain.bonds, 162)(frame.positions, frame.box)
    found = tacticity(chain, hands(whole.reshape(36, 162, 3), chain.stereocentres))
    assert found.racemic.shape == (36, 8)
    assert found.racemic_fraction == 1.0


def test_its_map_and_order(chain: MolecularGraph, shared_data: Path, tmp_path: Path) -> None:
    found = Mapping.from_map(shared_data / "sps" / "topology" / "PS1.map", chain)
    assert found.bead_types == ("BB", "SC") * 10
    assert found.owners[[160, 161]].tolist() == [0, 18]
    assert found.bonds.tolist() == sorted(
        [[i, i + 1] for i in range(0, 20, 2)] + [[i, i + 2] for i in range(0, 18, 2)]
    )
    order = atom_order(chain, found)
    assert order.beads[:3].tolist() == [1, 0, 2]
    placed: set[int] = set()
    for atom in order.heavy.tolist():
        assert not placed or placed & set(chain.neighbours[atom])
        placed.add(atom)
    write_yaml(found, chain, tmp_path / "ps.yaml")
    again = Mapping.from_map(tmp_path / "ps.yaml", chain)
    np.testing.assert_array_equal(again.weights.toarray(), found.weights.toarray())
    np.testing.assert_array_equal(again.owners, found.owners)


@pytest.mark.parametrize(("folder", "name", "beads"), [("cumene", "G065", 3), ("octane", "L49C", 4)])
def test_the_liquids(shared_data: Path, folder: str, name: str, beads: int) -> None:
    where = shared_data / folder / "topology"
    graph = MolecularGraph.from_itp(where / f"{name}_aa.itp")
    assert Mapping.from_map(where / f"{name}.map", graph).n_beads == beads
