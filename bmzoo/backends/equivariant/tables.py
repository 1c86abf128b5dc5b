"""What is known of a molecule before any coordinate: features, paths, hands, beads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.inputs import bead_bonds
from bmzoo.molecules import topological
from bmzoo.molecules.beads import BEAD
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.tabulated import classify, kind_of
from bmzoo.molecules.topology import Topology

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ELEMENTS = ("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br", "I")
"""Any other element is one class, 'other'."""
DEGREES = 5
PATHS = 3
"""Bonds between atoms that hear each other always."""
BEADS_APART = 3
"""Bead bonds between the owner bead and another that are told apart; farther ones are alike."""
N_FEATURES = len(ELEMENTS) + 1 + DEGREES + 9
N_RELATIONS = BEADS_APART + 4


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables of one molecule; all that networks learn from is local chemistry, so that they transfer.

    Attributes:
        topology: the molecule.
        features: ``(n_atoms, N_FEATURES)`` element, number of neighbours, rings, share in beads; of particles
            that are beads, their kind in the columns of elements.
        paths: ``(2, n_paths)`` sender and receiver, one to three bonds apart, sorted by receiver.
        bonds_apart: ``(n_paths,)`` 1 to 3.
        centres: ``(n_centres, 5)`` atoms with four neighbours, and these, ascending; and atoms with
            three, themselves, and these; and runs of four bonded beads that differ from their mirror
            image, their second one, and these. Runs prefer a hand; none need have it.
        hands: ``(n_centres,)`` their hand, +1 or -1, as ``MolecularGraph.chirality`` counts it; 0: free.
            Of runs, whether they are read as the others of their class or as the mirror image.
        given: ``(n_centres,)`` whether the graph says the hand, not the labels of like atoms.
        anchors: ``(n_atoms, n_beads)`` rows that sum to one: the point about which an atom is looked for.
        relations: ``(n_atoms, n_beads, N_RELATIONS)`` how an atom and a bead of its molecule belong
            together: bead bonds from the owner, share of the atom in the bead and of the bead in the atom.
        fixed: ``(n_atoms,)`` whether the atom is all of some bead.
    """

    topology: Topology
    features: NDArray[np.float32]
    paths: Ints
    bonds_apart: Ints
    centres: Ints
    hands: Floats
    given: NDArray[np.bool_]
    anchors: Floats
    relations: NDArray[np.float32]
    fixed: NDArray[np.bool_]

    @property
    def n_atoms(self) -> int:
        return self.topology.n_atoms

    @property
    def n_beads(self) -> int:
        return self.topology.n_beads

    @cached_property
    def owners(self) -> Ints:
        return self.topology.mapping.owners

    @cached_property
    def most_paths(self) -> int:
        """The largest number of paths that end at one atom."""
        return int(np.bincount(self.paths[1], minlength=1).max(initial=0))

    @cached_property
    def slots(self) -> Ints:
        """``(n_atoms, most_paths)`` paths that end at every atom, -1 where there are no more."""
        found = np.full((self.n_atoms, self.most_paths), -1, dtype=np.int64)
        receivers = self.paths[1]
        first = np.searchsorted(receivers, np.arange(self.n_atoms))
        found[receivers, np.arange(len(receivers)) - first[receivers]] = np.arange(len(receivers))
        return found

    def are_bonded(self, receivers: Ints, senders: Ints) -> NDArray[np.bool_]:
        """Whether atoms of one molecule are one to three bonds apart; looked up among sorted keys."""
        keys = self.paths[1] * self.n_atoms + self.paths[0]
        if not len(keys):
            return np.zeros(np.broadcast_shapes(receivers.shape, senders.shape), dtype=bool)
        wanted = receivers * self.n_atoms + senders
        return keys[np.searchsorted(keys, wanted).clip(max=len(keys) - 1)] == wanted

    def with_hands(self, hands: Floats) -> Tables:
        """The same with other hands, where the graph leaves them free."""
        return replace(self, hands=np.where(self.given, self.hands, hands))

    def observed_hands(self, atoms: Floats) -> Floats:
        """``(n_centres,)`` hands on which all molecules of ``(n, n_atoms, 3)`` agree, else 0."""
        a, b, c, d = (atoms[:, self.centres[:, k]] for k in range(1, 5))
        mean = np.sign((np.cross(b - a, c - a) * (d - a)).sum(-1)).mean(0)
        return np.where((np.abs(mean) > 0.9) & ~self.flat, np.sign(mean), 0.0)

    @cached_property
    def flat(self) -> NDArray[np.bool_]:
        """``(n_centres,)`` whether a centre has three neighbours."""
        return self.centres[:, 0] == self.centres[:, 1]

    @cached_property
    def runs(self) -> NDArray[np.bool_]:
        """``(n_centres,)`` whether it is no centre but a run of four beads."""
        return self.centres[:, 0] == self.centres[:, 2]


def make_tables(topology: Topology) -> Tables:
    """The tables of a molecule; hydrogens of a group that the graph leaves free get some hand."""
    graph, mapping = topology.graph, topology.mapping
    distances = graph.topological_distances(PATHS).tocoo()
    order = np.lexsort((distances.col, distances.row))
    paths = np.stack([distances.col, distances.row]).astype(np.int64)[:, order]
    matrix = mapping.matrix.toarray()
    shares = mapping.weights.toarray() / np.maximum(mapping.weights.sum(axis=0), 1e-12)
    owned = np.eye(topology.n_beads)[mapping.owners]
    anchors = np.where(shares.sum(0)[:, None] > 0, shares.T, owned)
    centres, hands, given = _centres(topology)
    return Tables(
        topology=topology,
        features=_features(topology, matrix),
        paths=paths,
        bonds_apart=np.asarray(distances.data)[order].astype(np.int64),
        centres=centres,
        hands=hands,
        given=given,
        anchors=anchors / anchors.sum(1, keepdims=True),
        relations=_relations(topology, matrix, shares),
        fixed=((matrix > 0) & ((matrix > 0).sum(1) == 1)[:, None]).any(0),
    )


def _features(topology: Topology, matrix: Floats) -> NDArray[np.float32]:
    graph = topology.graph
    kind = [ELEMENTS.index(e) if e in ELEMENTS else len(ELEMENTS) for e in graph.elements]
    hydrogens = np.array([sum(bool(graph.is_hydrogen[n]) for n in near) for near in graph.neighbours])
    in_ring = np.zeros((graph.n_atoms, 3))
    for ring in graph.rings:
        atoms = list(ring)
        in_ring[atoms, 0 if len(ring) == 6 else 1] = 1
        if all(graph.degrees[a] <= 3 for a in atoms):  # flat, as far as bonds alone can tell
            in_ring[atoms, 2] = 1
    own = matrix[topology.mapping.owners, np.arange(graph.n_atoms)]
    elements = np.eye(len(ELEMENTS) + 1)[kind]
    kinds = _kinds_of_beads(graph)
    elements[kinds > 0, kinds[kinds > 0] - 1] = 1
    columns = [
        elements,
        np.eye(DEGREES)[np.minimum(graph.degrees, DEGREES - 1)],
        np.stack([graph.is_hydrogen, hydrogens / 3, graph.in_ring], axis=1),
        in_ring,
        np.stack([own, (matrix > 0).sum(0) / 2, matrix.max(0)], axis=1),
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _kinds_of_beads(graph: MolecularGraph) -> Ints:
    """``(n_atoms,)`` kinds of particles that are beads, counted from 0 by mass and, where that is the same,
    by name; a type and its mirror image are one kind. Those after the last column are alike; atoms are 0.
    """
    names = [kind_of(t, graph.mirror) for t in graph.types]
    beads = [k for k, element in enumerate(graph.elements) if element == BEAD]
    masses: dict[str, float] = {}
    for k in beads:
        masses.setdefault(names[k], round(float(graph.masses[k]), 3))
    number = {name: k for k, name in enumerate(sorted(masses, key=lambda name: (masses[name], name)))}
    found = np.zeros(graph.n_atoms, dtype=np.int64)
    found[beads] = [min(number[names[k]], len(ELEMENTS)) for k in beads]
    return found


def _centres(topology: Topology) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """Stereocentres have the graph's hand, other atoms with four neighbours that of their labels.

    Where two neighbours are hydrogens the labels are free, and any hand will do until data say
    which one they use. Atoms with three neighbours have none. Runs of four beads have the sign of
    their class, where that is not the class of their mirror image.
    """
    graph = topology.graph
    known = {int(row[0]): float(hand) for row, hand in zip(graph.stereocentres, graph.chirality, strict=True)}
    rows, hands, given = [], [], []
    for atom, near in enumerate(graph.neighbours):
        if len(near) not in (3, 4):
            continue
        rows.append([atom, *near] if len(near) == 4 else [atom, atom, *near])
        several = len(near) == 4 and sum(bool(graph.is_hydrogen[n]) for n in near) > 1
        hands.append(known.get(atom) or (1.0 if several else 0.0))
        given.append(len(near) == 3 or known.get(atom, 0.0) != 0.0)
    for run in graph.dihedrals.tolist() if graph.mirror else []:
        types = [graph.types[k] for k in run]
        image = [graph.mirror.get(t, t) for t in types]
        if all(graph.elements[k] == BEAD for k in run) and image not in (types, types[::-1]):
            rows.append([run[1], *run])
            hands.append(float(classify(types, graph.mirror)[1]))
            given.append(True)
    return (
        np.array(rows, dtype=np.int64).reshape(-1, 5),
        np.array(hands, dtype=np.float64),
        np.array(given, dtype=bool),
    )


def _relations(topology: Topology, matrix: Floats, shares: Floats) -> NDArray[np.float32]:
    n_beads = topology.n_beads
    near = topological.distances(n_beads, bead_bonds(topology), BEADS_APART - 1).toarray()
    apart = np.where(near > 0, near, BEADS_APART)
    np.fill_diagonal(apart, 0)
    one_hot = np.eye(BEADS_APART + 1)[apart][topology.mapping.owners]
    amounts = np.stack([shares.T, matrix.T, np.ones_like(shares.T)], axis=-1)
    return np.concatenate([one_hot, amounts], axis=-1).astype(np.float32)
