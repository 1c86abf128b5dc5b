"""What is known of every placement before any coordinate: tables of one molecule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.voxel_gan.config import VoxelGANConfig
from bmzoo.errors import InputError
from bmzoo.molecules import topological
from bmzoo.molecules.ordering import atom_order
from bmzoo.molecules.topology import Topology
from bmzoo.representations.channels import atom_classes, channel_table, default_channels

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

AXES = 5
"""Points that may define the axes of a local frame."""
SHARED = 2
"""Beads of an atom whose remaining centre is given."""
SIDES = 3
"""Stereocentres that an atom can be one of four atoms of."""
BEADS = 4
"""Beads whose positions are given, the owner first."""


@dataclass(frozen=True, eq=False)
class Template:
    """Tables of one molecule. Particles of the molecule are its atoms, then its beads.

    Attributes:
        topology: the molecule.
        config: with ``channels``, ``classes`` and ``bead_types`` filled in.
        rank: ``(n_atoms,)`` place in the order of generation; heavy atoms first.
        origin: ``(n_atoms,)`` particle that a placement is relative to.
        axes: ``(n_atoms, AXES)`` particles that define its axes, -1 for none.
        slots: ``(n_atoms, config.neighbours)`` bonded neighbours that are given as coordinates, -1.
        beads: ``(n_atoms, BEADS)`` beads that are given as coordinates, -1.
        shared: ``(n_atoms, SHARED)`` beads that a heavy atom is part of, -1.
        weights: ``(n_beads, n_atoms)`` weights of a bead's heavy atoms, hydrogens counted at their parents.
        triple: ``(n_atoms, 3)`` the atom's parent and two of the parent's atoms placed before, whose
            hand with the atom is given; -1.
        centre: ``(n_atoms, 3)`` three neighbours of an atom with four, whose hand is given; -1.
        hand, centre_hand: ``(n_atoms,)`` those hands, as they have to be; 0 where free.
        chiral: ``(n_atoms,)`` whether ``hand`` is that of a stereocentre, and no label of hydrogens.
        sides: ``(n_atoms, SIDES, 3)`` other three of a stereocentre and three of its heavy neighbours
            that an atom is one of, -1; from the side on which ``(b - a) x (c - a)`` points, or
            from the other, as ``side_hand`` ``(n_atoms, SIDES)`` says, the atom must be seen.
        alone: ``(n_atoms,)`` the bead that this atom is all of, -1.
        static: ``(n_atoms, n_static)`` features that do not depend on coordinates; with ``inputs: bonded``
            the last ones are its shares of the weights of ``shared``.
        table: see :func:`bmzoo.representations.channels.channel_table`.
    """

    topology: Topology
    config: VoxelGANConfig
    rank: Ints
    origin: Ints
    axes: Ints
    slots: Ints
    beads: Ints
    shared: Ints
    weights: Floats
    triple: Ints
    centre: Ints
    hand: Floats
    centre_hand: Floats
    chiral: NDArray[np.bool_]
    sides: Ints
    side_hand: Floats
    alone: Ints
    static: NDArray[np.float32]
    table: NDArray[np.float32]

    @property
    def n_atoms(self) -> int:
        return self.topology.n_atoms

    @cached_property
    def is_hydrogen(self) -> NDArray[np.bool_]:
        return self.topology.graph.is_hydrogen

    @cached_property
    def owners(self) -> Ints:
        return self.topology.mapping.owners

    @cached_property
    def order(self) -> Ints:
        """``(n_atoms,)`` atoms in the order of generation."""
        return np.argsort(self.rank)

    @cached_property
    def close(self) -> tuple[tuple[int, ...], ...]:
        """For every bead, the beads of its molecule that its atoms' tables refer to; itself first."""
        found: list[dict[int, None]] = [{bead: None} for bead in range(self.topology.n_beads)]
        sides = self.sides.reshape(self.n_atoms, -1)
        atoms = np.concatenate(
            [self.slots, self.triple, self.centre, sides, self._particles("atoms")], axis=1
        )
        beads = np.concatenate([self.beads, self.shared, self._particles("beads")], axis=1)
        for atom, owner in enumerate(self.owners.tolist()):
            for other in atoms[atom][atoms[atom] >= 0]:
                found[owner][int(self.owners[other])] = None
            for bead in beads[atom][beads[atom] >= 0]:
                found[owner][int(bead)] = None
            for bead in self.shared[atom][self.shared[atom] >= 0]:
                for other in np.flatnonzero(self.weights[bead]):
                    found[owner][int(self.owners[other])] = None
        for bead, others in enumerate(found):
            for other in others:
                found[other][bead] = None
        return tuple(tuple(others) for others in found)

    def _particles(self, kind: str) -> Ints:
        """Origins and axes that are atoms, or beads; -1 elsewhere."""
        both = np.concatenate([self.origin[:, None], self.axes], axis=1)
        if kind == "atoms":
            return np.where(both < self.n_atoms, both, -1)
        return np.where(both >= self.n_atoms, both - self.n_atoms, -1)


def make_template(topology: Topology, config: VoxelGANConfig) -> Template:
    """The tables of a molecule.

    Raises:
        InputError: an atom class or bead type that the configured networks do not know.
    """
    graph, mapping = topology.graph, topology.mapping
    classes = atom_classes(graph)
    known = config.classes or tuple(sorted(set(classes)))
    kinds = config.bead_types or tuple(sorted(set(mapping.bead_types)))
    for what, names, vocabulary in (("atom class", classes, known), ("bead type", mapping.bead_types, kinds)):
        missing = sorted(set(names) - set(vocabulary))
        if missing:
            raise InputError(
                f"{graph.name} has the {what} {missing[0]}, which these weights of 'voxel_gan' do not know "
                f"(they know {', '.join(vocabulary)}); train on a molecule that has it"
            )
    channels = config.channels or default_channels(known, kinds)
    config = config.model_copy(update={"channels": channels, "classes": known, "bead_types": kinds})
    order = atom_order(graph, mapping, config.order)
    rank = np.empty(graph.n_atoms, dtype=np.int64)
    rank[order.atoms] = np.arange(graph.n_atoms)
    relatives = _Relatives(topology, rank, 3 if config.inputs == "molecule" else 1)
    width = config.neighbours
    slots = _padded([relatives.slots(a)[:width] for a in range(graph.n_atoms)], width)
    origin, axes = _frames(relatives, config, order.predecessors)
    matrix = mapping.matrix.toarray()
    united = relatives.united(matrix)
    near = relatives.near_beads if config.inputs == "molecule" else partial(relatives.bonded_beads, matrix)
    beads = _padded([near(a)[:BEADS] for a in range(graph.n_atoms)], BEADS)
    shared = _padded([relatives.shared(a, matrix)[:SHARED] for a in range(graph.n_atoms)], SHARED)
    triple, centre = relatives.triples(), relatives.centres()
    sides, side_hand = relatives.sides()
    shares = np.where(shared >= 0, united[shared, np.arange(graph.n_atoms)[:, None]], 0).astype(np.float32)
    alone = np.full(graph.n_atoms, -1, dtype=np.int64)
    for bead, row in enumerate(matrix):
        if (row > 0).sum() == 1:
            alone[row.argmax()] = bead
    return Template(
        topology=topology,
        config=config,
        rank=rank,
        origin=origin,
        axes=axes,
        slots=slots,
        beads=beads,
        shared=shared,
        weights=united,
        triple=triple,
        centre=centre,
        hand=relatives.hands(triple),
        centre_hand=relatives.centre_hands(centre),
        chiral=relatives.chiral(triple),
        sides=sides,
        side_hand=side_hand,
        alone=alone,
        static=np.concatenate(
            [
                _static(relatives, slots, beads, known, kinds),
                *([shares] if config.inputs == "bonded" else []),
            ],
            axis=1,
        ),
        table=channel_table(topology, channels),
    )


class _Relatives:
    """Which particles of the molecule a placement is told of."""

    def __init__(self, topology: Topology, rank: Ints, bonds: int) -> None:
        self.topology, self.rank, self.graph = topology, rank, topology.graph
        self.apart = topology.graph.topological_distances(bonds).toarray().astype(int)
        self.owners = topology.mapping.owners
        bonded = topological.neighbours(topology.n_beads, topology.mapping.bonds)
        self._bead_paths = [_by_distance(bead, bonded) for bead in range(topology.n_beads)]

    def placed(self, atom: int, of: int) -> list[int]:
        """Neighbours of ``of`` placed before ``atom``, the latest first."""
        earlier = [n for n in self.graph.neighbours[of] if self.rank[n] < self.rank[atom] and n != atom]
        return sorted(earlier, key=lambda n: -self.rank[n])

    def slots(self, atom: int) -> list[int]:
        """Atoms near along the bonds that can be visible: nearest first, then by rank."""
        visible = (self.apart[atom] > 0) & (self.graph.is_hydrogen[atom] | ~self.graph.is_hydrogen)
        return sorted(np.flatnonzero(visible).tolist(), key=lambda n: (self.apart[atom, n], self.rank[n]))

    def shared(self, atom: int, matrix: Floats) -> list[int]:
        """Beads that a heavy atom is part of, the heaviest share first.

        None for hydrogens: they weigh so little that what is missing to a bead's centre is what heavy
        atoms missed, many times enlarged.
        """
        if self.graph.is_hydrogen[atom]:
            return []
        order = np.argsort(-matrix[:, atom], kind="stable")
        return [int(bead) for bead in order if matrix[bead, atom] > 0]

    def near_beads(self, atom: int) -> list[int]:
        """Beads of the molecule, the owner first, then by bead bonds and index."""
        return self._bead_paths[int(self.owners[atom])]

    def bonded_beads(self, matrix: Floats, atom: int) -> list[int]:
        """The owner, then beads that the atom and those bonded to it are part of."""
        found = dict.fromkeys([int(self.owners[atom])])
        for other in (atom, *sorted(self.graph.neighbours[atom], key=lambda n: self.rank[n])):
            found |= dict.fromkeys(np.flatnonzero(matrix[:, other]).tolist())
        return list(found)

    def united(self, matrix: Floats) -> Floats:
        """Weights with hydrogens counted at their parents."""
        merged = matrix.copy()
        for hydrogen in np.flatnonzero(self.graph.is_hydrogen):
            heavy = [n for n in self.graph.neighbours[hydrogen] if not self.graph.is_hydrogen[n]]
            if heavy:
                merged[:, heavy[0]] += merged[:, hydrogen]
            merged[:, hydrogen] = 0
        return merged

    def triples(self) -> Ints:
        rows = []
        for atom in range(self.graph.n_atoms):
            parents = [p for p in self.placed(atom, atom) if self.graph.degrees[p] == 4]
            others = sorted(self.placed(atom, parents[0]), key=lambda n: self.rank[n]) if parents else []
            rows.append([parents[0], *others[:2]] if len(others) >= 2 else [-1] * 3)
        return np.array(rows, dtype=np.int64)

    def centres(self) -> Ints:
        rows = []
        for atom in range(self.graph.n_atoms):
            near = sorted(self.graph.neighbours[atom], key=lambda n: self.rank[n])
            heavy = [n for n in near if not self.graph.is_hydrogen[n]]
            rows.append(heavy[:3] if self.graph.degrees[atom] == 4 and len(heavy) >= 3 else [-1] * 3)
        return np.array(rows, dtype=np.int64)

    def sides(self) -> tuple[Ints, Floats]:
        """See :class:`Template`. Turning four atoms in a circle of three keeps their hand."""
        n = self.graph.n_atoms
        others, hands = np.full((n, SIDES, 3), -1, dtype=np.int64), np.zeros((n, SIDES))
        count = np.zeros(n, dtype=int)
        for centre in self.graph.stereocentres[:, 0].tolist():
            heavy = [a for a in self.graph.neighbours[centre] if not self.graph.is_hydrogen[a]][:3]
            if len(heavy) < 3:
                continue
            hand = self._sign(centre, heavy)
            a, b, c = heavy
            for atom, three, sign in (
                (centre, heavy, -hand),
                (a, [centre, b, c], hand),
                (b, [centre, c, a], hand),
                (c, [centre, a, b], hand),
            ):
                if count[atom] < SIDES:
                    others[atom, count[atom]], hands[atom, count[atom]] = three, sign
                    count[atom] += 1
        return others, hands

    def hands(self, triple: Ints) -> Floats:
        """Sign of ``(a - p) x (b - p) . (atom - p)``: the graph's, else siblings in turn."""
        found = np.zeros(len(triple))
        siblings: dict[tuple[int, ...], float] = {}
        for atom in np.argsort(self.rank).tolist():
            parent, a, b = triple[atom].tolist()
            if parent < 0:
                continue
            found[atom] = self._sign(parent, [a, b, atom])
            if not found[atom]:
                found[atom] = siblings.get((parent, a, b), 1.0)
                siblings[parent, a, b] = -found[atom]
        return found

    def chiral(self, triple: Ints) -> NDArray[np.bool_]:
        rows = enumerate(triple.tolist())
        return np.array([p >= 0 and self._sign(p, [a, b, atom]) != 0 for atom, (p, a, b) in rows])

    def centre_hands(self, centre: Ints) -> Floats:
        return np.array([self._sign(a, row.tolist()) if row[0] >= 0 else 0.0 for a, row in enumerate(centre)])

    def _sign(self, centre: int, three: list[int]) -> float:
        """Hand of three neighbours in this order about a stereocentre; 0 where it is none.

        The hand of four neighbours is that of the last three as seen from the centre: in
        a tetrahedron both determinants have the same sign.
        """
        rows = np.flatnonzero(self.graph.stereocentres[:, 0] == centre)
        if not len(rows):
            return 0.0
        sorted_four = self.graph.stereocentres[rows[0], 1:].tolist()
        (rest,) = set(sorted_four) - set(three)
        order = [sorted_four.index(n) for n in (rest, *three)]
        parity = np.linalg.det(np.eye(4)[order])
        return float(np.sign(parity) * self.graph.chirality[rows[0]])


def _by_distance(start: int, bonded: tuple[tuple[int, ...], ...]) -> list[int]:
    found, front = [start], [start]
    while front:
        front = [n for bead in front for n in bonded[bead] if n not in found]
        front = list(dict.fromkeys(front))
        found += front
    return found


def _frames(relatives: _Relatives, config: VoxelGANConfig, predecessors: Ints) -> tuple[Ints, Ints]:
    """Origin and axes: placed bonded atoms first, then beads; or, as published, beads alone.

    The bonded atom is the one placed last; the atoms behind it are the latest, too, or, with
    ``inputs: bonded``, the earliest.
    """
    n = relatives.graph.n_atoms
    origins, axes = [], []
    for atom in range(n):
        beads = [n + b for b in relatives.near_beads(atom)]
        if config.frame == "bead":
            before = int(predecessors[relatives.owners[atom]])
            origins.append(beads[0])
            axes.append(([n + before] if before >= 0 else []) + beads[1:])
            continue
        parents = relatives.placed(atom, atom)
        if not parents:
            origins.append(beads[0])
            axes.append(beads[1:])
            continue
        parent = parents[0]
        second = [p for p in relatives.placed(atom, parent) if p != atom]
        origins.append(parent)
        if config.inputs == "bonded":
            # along the chain where there is one, whatever branches off
            second.reverse()
            third = [p for s in second[:1] for p in relatives.placed(atom, s)[::-1] if p != parent]
            axes.append([*second[:1], *third, *second[1:], *beads])
            continue
        third = [p for s in second for p in relatives.placed(atom, s) if p not in (parent, *second)]
        axes.append([*second, *third, *beads])
    return np.array(origins, dtype=np.int64), _padded([a[:AXES] for a in axes], AXES)


def _static(
    relatives: _Relatives, slots: Ints, beads: Ints, classes: tuple[str, ...], bead_types: tuple[str, ...]
) -> NDArray[np.float32]:
    """One-hot class, numbers of neighbours, ring, phase; class and bonds of every slot; bead types."""
    graph = relatives.graph
    kinds = np.array([classes.index(c) for c in atom_classes(graph)])
    hydrogens = np.array([sum(graph.is_hydrogen[m] for m in near) for near in graph.neighbours])
    own = [
        np.eye(len(classes))[kinds],
        np.stack([hydrogens / 3, (graph.degrees - hydrogens) / 4, graph.in_ring, graph.is_hydrogen], axis=1),
    ]
    there = (slots >= 0)[..., None]
    slot_kinds = np.eye(len(classes))[kinds[slots]] * there
    apart = np.eye(3)[relatives.apart[np.arange(len(slots))[:, None], slots].clip(1) - 1] * there
    types = np.array([bead_types.index(t) for t in relatives.topology.mapping.bead_types])
    bead_kinds = np.eye(len(bead_types))[types[beads]] * (beads >= 0)[..., None]
    every = [*own, *(x.reshape(graph.n_atoms, -1) for x in (slot_kinds, apart, bead_kinds))]
    return np.concatenate(every, axis=1).astype(np.float32)


def _padded(rows: list[list[int]], width: int) -> Ints:
    table = np.full((len(rows), width), -1, dtype=np.int64)
    for row, values in enumerate(rows):
        table[row, : len(values)] = values
    return table
