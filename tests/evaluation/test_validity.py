import numpy as np
import pytest
from molecules import chain_frames, chain_topology, make_graph, make_mapping, zigzag

from bmzoo.evaluation.context import Context
from bmzoo.evaluation.evaluate import Evaluation
from bmzoo.evaluation.rings import pierced_rings, ring_table
from bmzoo.evaluation.validity import omega_dihedrals
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology

ANGLES = np.arange(6) * np.pi / 3
HEXAGON = 0.139 * np.stack([np.cos(ANGLES), np.sin(ANGLES), np.zeros(6)], axis=1)
RING_BONDS = [(i, (i + 1) % 6) for i in range(6)]


def scores_of(topology: Topology, reference: list[Frame], generated: list[Frame], family: str) -> dict:
    result = Evaluation(topology, families=[family]).run(reference, generated)
    return {name.split("/")[1]: score for name, score in result.scores.items()} | {"worst": result.worst}


def moved(frame: Frame, atom: int, target: np.ndarray) -> Frame:
    x = np.array(frame.positions)
    x[atom] = target
    return frame.with_positions(x)


def test_a_clash_is_counted_and_its_frame_named() -> None:
    frames = chain_frames(4, noise=0.0)
    x = frames[2].positions
    clashing = [*frames[:2], moved(frames[2], 3, x[19] + [0.0, 0.0, 0.1]), frames[3]]
    found = scores_of(chain_topology(), frames, clashing, "validity")
    assert found["clashes_per_1000"].value == pytest.approx(1000 / (4 * 32))
    assert found["clashes_per_1000"].floor == 0
    assert found["overlaps_per_1000"].value >= found["clashes_per_1000"].value
    assert "frame 2" in found["worst"]["validity/overlaps_per_1000"]


def test_clashes_are_seen_through_the_box() -> None:
    frames = chain_frames(4, noise=0.0)
    far = [f.with_positions(np.array(f.positions)) for f in frames]
    x = far[1].positions
    x[24:] += [0.0, -1.8 + 2.6 + 0.0, 0.11]
    found = scores_of(chain_topology(), frames, far, "validity")
    assert found["clashes_per_1000"].value == pytest.approx(8 * 1000 / (4 * 32))


def test_broken_and_formed_bonds() -> None:
    frames = chain_frames(4, noise=0.0)
    pulled = moved(frames[0], 7, frames[0].positions[7] + [0.15, 0.0, 0.0])
    found = scores_of(chain_topology(), frames, [pulled, *frames[1:]], "validity")
    n_bonds = 4 * 4 * 7
    assert found["bonds_broken"].value == pytest.approx(1000 / n_bonds)
    assert found["bonds_formed"].value == 0
    assert found["graph_recovered"].value == pytest.approx(15 / 16)
    joined = moved(frames[0], 7, frames[0].positions[8 + 7] + [0.0, 0.0, 0.14])
    found = scores_of(chain_topology(), frames, [joined, *frames[1:]], "validity")
    # One bond lost, one made between molecules: both molecules are wrong, and nothing cancels.
    assert found["graph_error"].value == pytest.approx(2 / n_bonds)
    assert found["graph_recovered"].value == pytest.approx(14 / 16)


def test_a_mirrored_centre_is_noticed() -> None:
    elements = ["C", "H", "O", "N", "C"]
    graph = make_graph(elements, [(0, 1), (0, 2), (0, 3), (0, 4)])
    tetrahedron = 0.1 * np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 3**0.5
    topology = Topology(graph, make_mapping([0] * 5, []))
    right = [Frame(tetrahedron, index=i) for i in range(4)]
    mirrored = [*right[:3], Frame(tetrahedron * [1, 1, -1], index=3)]
    assert scores_of(topology, right, right, "validity")["stereocentres_kept"].value == 1
    assert scores_of(topology, right, mirrored, "validity")["stereocentres_kept"].value == 0.75
    fixed = Topology(graph.with_hands(tetrahedron), topology.mapping)
    assert scores_of(fixed, right, mirrored, "validity")["stereocentres_kept"].value == 0.75


@pytest.mark.parametrize("box", [None, 1.5 * np.eye(3)])
@pytest.mark.parametrize(("height", "through"), [(0.0, True), (0.2, False)])
def test_pierced_rings(box: np.ndarray | None, height: float, through: bool) -> None:
    graph = make_graph(["C"] * 8, [*RING_BONDS, (6, 7)])
    rod = np.array([[0.02, 0.01, height - 0.07], [0.01, 0.0, height + 0.07]])
    molecule = np.concatenate([HEXAGON, rod])[None]
    if box is not None:
        molecule[:, 6:] += box[0]
    table = ring_table(graph)
    assert pierced_rings(molecule, box, table, graph.bonds).tolist() == [int(through)]


def test_a_puckered_ring_is_not_flat() -> None:
    topology = Topology(make_graph(["C"] * 6, RING_BONDS), make_mapping([0] * 6, []))
    puckered = HEXAGON + 0.01 * np.array([0, 0, 1]) * np.where(np.arange(6) % 2, 1, -1)[:, None]
    flat, bent = ([Frame(x, index=i) for i in range(4)] for x in (HEXAGON, puckered))
    found = scores_of(topology, flat, bent, "validity")["ring_planarity"]
    assert found.value == pytest.approx(0.01, rel=1e-6)
    assert found.floor == pytest.approx(0, abs=1e-6)


def test_omegas_of_a_capped_residue() -> None:
    # CH3-C(=O)-N(H)-CA, hydrogens of carbon left out
    names = ["CH3", "C", "O", "N", "H", "CA"]
    graph = make_graph(["C", "C", "O", "N", "H", "C"], [(0, 1), (1, 2), (1, 3), (3, 4), (3, 5)], names)
    context = Context(Topology(graph, make_mapping([0] * 6, [])))
    assert omega_dihedrals(context).tolist() == [[0, 1, 3, 5]]


def test_the_straight_chain_has_no_faults() -> None:
    frames = chain_frames(4, noise=0.0)
    found = scores_of(chain_topology(), frames, frames, "validity")
    assert found["graph_recovered"].value == 1
    assert found["overlaps_per_1000"].value == 0
    assert zigzag().shape == (8, 3)
