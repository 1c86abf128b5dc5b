"""Atoms and beads of a frame as one torch-geometric graph with two types of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import HeteroData

Ints = NDArray[np.int64]


class GraphBuilder:
    """Builds graphs of frames that hold copies of one molecule.

    Nodes ``atom``: ``element`` (atomic number), ``type`` (number in ``atom_types``), ``in_ring``,
    ``is_stereocentre``, ``hand`` (+1, -1, or 0 where free), ``owner`` (bead, counted in its
    molecule), ``molecule``, and ``pos`` ``(n, 3)`` nm where atoms are given.
    Nodes ``bead``: ``type`` (number in ``bead_types``), ``number`` in its molecule, ``molecule``, ``pos``.

    Edges, all sorted by receiver: ``atom-bond-atom`` and ``bead-bond-bead`` in both directions,
    ``bead-owns-atom`` and ``atom-owned_by-bead``, and ``atom-weighs-bead`` with ``edge_weight``, the
    mapping's normalised weights: their weighted sum over atoms is the position of the bead.

    ``molecule`` counts within a frame; in a batch of frames it belongs with torch-geometric's
    ``batch``. Positions stay as they are in the frame: images across a periodic box
    are the business of whoever adds edges by distance; the box is kept as ``box`` ``(1, 3, 3)``.
    """

    def __init__(self, topology: Topology) -> None:
        graph, mapping = topology.graph, topology.mapping
        self.topology = topology
        self.atom_types = tuple(sorted(set(graph.types)))
        self.bead_types = tuple(sorted(set(mapping.bead_types)))
        self._atom_features = _atom_features(topology, self.atom_types)
        self._bead_features = {
            "type": np.array([self.bead_types.index(t) for t in mapping.bead_types], dtype=np.int64),
            "number": np.arange(mapping.n_beads),
        }
        every = np.arange(graph.n_atoms)
        receivers, senders = mapping.matrix.nonzero()
        weighs = _by_receiver(np.stack([senders, receivers]).astype(np.int64))
        self._weights = mapping.matrix.toarray()[weighs[1], weighs[0]].astype(np.float32)
        self._edges: dict[tuple[str, str, str], Ints] = {
            ("atom", "bond", "atom"): _both_ways(graph.bonds),
            ("bead", "bond", "bead"): _both_ways(mapping.bonds),
            ("bead", "owns", "atom"): np.stack([mapping.owners, every]),
            ("atom", "owned_by", "bead"): _by_receiver(np.stack([every, mapping.owners])),
            ("atom", "weighs", "bead"): weighs,
        }

    def __call__(self, coarse: Frame, atomistic: Frame | None = None) -> HeteroData:
        """The graph of a frame of beads, with the positions of atoms where they are given.

        Raises:
            InputError: particle numbers that are no whole, or not the same number of molecules.
        """
        import torch
        from torch_geometric.data import HeteroData

        count = self._count_molecules(coarse, atomistic)
        n_nodes = {"atom": self.topology.n_atoms, "bead": self.topology.n_beads}
        data = HeteroData()
        for kind, features in (("atom", self._atom_features), ("bead", self._bead_features)):
            for name, values in features.items():
                data[kind][name] = torch.from_numpy(np.tile(values, count))
            data[kind].molecule = torch.arange(count).repeat_interleave(n_nodes[kind])
            data[kind].num_nodes = count * n_nodes[kind]
        for edge, template in self._edges.items():
            steps = np.array([[n_nodes[edge[0]]], [n_nodes[edge[2]]]])
            copies = template[:, None, :] + steps[:, None, :] * np.arange(count)[None, :, None]
            data[edge].edge_index = torch.from_numpy(copies.reshape(2, -1))
        data["atom", "weighs", "bead"].edge_weight = torch.from_numpy(np.tile(self._weights, count))
        data["bead"].pos = _positions(coarse)
        if atomistic is not None:
            data["atom"].pos = _positions(atomistic)
        if coarse.box is not None:
            data.box = torch.from_numpy(np.asarray(coarse.box, dtype=np.float32)[None].copy())
        return data

    def _count_molecules(self, coarse: Frame, atomistic: Frame | None) -> int:
        count = self.topology.count_molecules(len(coarse), beads=True)
        if atomistic is not None:
            atoms = self.topology.count_molecules(len(atomistic), beads=False)
            if atoms != count:
                raise InputError(
                    f"the CG frame {coarse.name} has {count} molecules, "
                    f"the atomistic frame {atomistic.name} {atoms}; pair frames of the same system"
                )
        return count


def _atom_features(topology: Topology, types: tuple[str, ...]) -> dict[str, NDArray]:
    from rdkit.Chem import GetPeriodicTable

    graph = topology.graph
    table = GetPeriodicTable()
    hands = np.zeros(graph.n_atoms, dtype=np.int64)
    hands[graph.stereocentres[:, 0]] = graph.chirality
    is_stereocentre = np.zeros(graph.n_atoms, dtype=bool)
    is_stereocentre[graph.stereocentres[:, 0]] = True
    return {
        "element": np.array([table.GetAtomicNumber(e) for e in graph.elements], dtype=np.int64),
        "type": np.array([types.index(t) for t in graph.types], dtype=np.int64),
        "in_ring": graph.in_ring,
        "is_stereocentre": is_stereocentre,
        "hand": hands,
        "owner": topology.mapping.owners,
    }


def _both_ways(bonds: Ints) -> Ints:
    return _by_receiver(np.concatenate([bonds, bonds[:, ::-1]]).T)


def _by_receiver(edges: Ints) -> Ints:
    """Sorted by the second row, then by the first."""
    return edges[:, np.lexsort(edges)]


def _positions(frame: Frame) -> Tensor:
    import torch

    return torch.from_numpy(np.array(frame.positions, dtype=np.float32))
