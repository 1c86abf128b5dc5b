"""Graphs of frames: content, independence of the order of molecules, batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, HeteroData
from torch_geometric.loader import DataLoader

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Bead, Mapping
from bmzoo.molecules.topology import Topology
from bmzoo.representations.graphs import GraphBuilder


def topology() -> Topology:
    graph = MolecularGraph.from_smiles("C[C@H](O)c1ccccc1")
    ring = tuple(range(3, 9))
    beads = [
        Bead("A", "A", (0, 1), (1.0, 0.5)),
        Bead("O", "O", (2, 1), (1.0, 0.5)),
        Bead("P", "P", ring, (1.0,) * 6),
    ]
    return Topology(graph, Mapping.from_beads(graph, beads))


TOPOLOGY = topology()
BUILD = GraphBuilder(TOPOLOGY)


def frames(molecules: int, seed: int = 0) -> tuple[Frame, Frame]:
    atoms = np.random.default_rng(seed).normal(size=(molecules * TOPOLOGY.n_atoms, 3))
    return Frame(TOPOLOGY.mapping.apply(atoms), box=np.eye(3) * 5), Frame(atoms, box=np.eye(3) * 5)


def test_features_and_edges_of_one_molecule() -> None:
    data = BUILD(*frames(1))
    assert data["atom"].element[:4].tolist() == [6, 6, 8, 6]
    assert data["atom"].in_ring.sum() == 6
    assert data["atom"].is_stereocentre.nonzero().ravel().tolist() == [1]
    assert data["atom"].hand.abs().tolist() == data["atom"].is_stereocentre.int().tolist()
    assert [BUILD.bead_types[i] for i in data["bead"].type] == ["A", "O", "P"]
    assert data["atom", "bond", "atom"].num_edges == 2 * len(TOPOLOGY.graph.bonds)
    assert data["bead", "bond", "bead"].edge_index.T.tolist() == [[1, 0], [2, 0], [0, 1], [0, 2]]
    owns = data["bead", "owns", "atom"].edge_index
    assert torch.equal(owns[0], data["atom"].owner)
    assert torch.equal(data["atom", "owned_by", "bead"].edge_index[1], data["atom"].owner.sort().values)
    assert data.validate()


def test_edges_are_sorted_by_receiver() -> None:
    data = BUILD(*frames(3))
    for store in data.edge_stores:
        assert (store.edge_index[1].diff() >= 0).all()


def test_weights_give_the_beads() -> None:
    data = BUILD(*frames(4))
    edge = data["atom", "weighs", "bead"]
    moved = edge.edge_weight[:, None] * data["atom"].pos[edge.edge_index[0]]
    beads = torch.zeros_like(data["bead"].pos).index_add_(0, edge.edge_index[1], moved)
    torch.testing.assert_close(beads, data["bead"].pos)


def edge_geometry(data: HeteroData, edge: tuple[str, str, str]) -> torch.Tensor:
    senders, receivers = data[edge].edge_index
    return data[edge[2]].pos[receivers] - data[edge[0]].pos[senders]


def test_molecules_in_another_order_give_the_same_graph_in_that_order() -> None:
    coarse, atomistic = frames(4)
    order = np.array([2, 0, 3, 1])

    def moved(frame: Frame) -> Frame:
        return frame.with_positions(frame.positions.reshape(4, -1, 3)[order].reshape(-1, 3))

    one, other = BUILD(coarse, atomistic), BUILD(moved(coarse), moved(atomistic))
    for edge in one.edge_types:
        expected = edge_geometry(one, edge).reshape(4, -1, 3)[order].reshape(-1, 3)
        torch.testing.assert_close(edge_geometry(other, edge), expected)
    for name in ("element", "type", "hand", "owner", "in_ring", "molecule"):
        assert torch.equal(one["atom"][name], other["atom"][name])


def test_a_batch_of_frames_is_their_disjoint_union() -> None:
    graphs = [BUILD(*frames(n, seed=n)) for n in (1, 3, 2)]
    batch = next(iter(DataLoader(graphs, batch_size=3)))
    assert batch["atom"].num_nodes == 6 * TOPOLOGY.n_atoms
    assert batch.box.shape == (3, 3, 3)
    union = BUILD(
        Frame(np.concatenate([frames(n, seed=n)[0].positions for n in (1, 3, 2)])),
        Frame(np.concatenate([frames(n, seed=n)[1].positions for n in (1, 3, 2)])),
    )
    for edge in union.edge_types:
        assert torch.equal(batch[edge].edge_index, union[edge].edge_index)
    back = Batch.to_data_list(batch)[1]
    assert torch.equal(back["atom", "bond", "atom"].edge_index, graphs[1]["atom", "bond", "atom"].edge_index)


def test_beads_alone() -> None:
    data = BUILD(frames(2)[0])
    assert "pos" not in data["atom"]
    assert data["atom"].num_nodes == 2 * TOPOLOGY.n_atoms


def test_frames_that_do_not_fit_are_refused() -> None:
    coarse, atomistic = frames(2)
    with pytest.raises(InputError, match="2 molecules"):
        BUILD(coarse, frames(3)[1])
    with pytest.raises(InputError, match="no multiple"):
        BUILD(coarse.with_positions(coarse.positions[:-1]), atomistic)
