"""Cutting a molecule into groups of atoms that are looked up together, and classing these."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.inputs import bead_bonds
from bmzoo.molecules.stereo import parity
from bmzoo.molecules.topology import Topology

Ints = NDArray[np.int64]

HALO = 2
"""Bonds from a group's own atoms to the last atom of its halo: enough for every angle at them."""


@dataclass(frozen=True, eq=False)
class Group:
    """Atoms that are placed together.

    Attributes:
        beads: context, ascending; where the group is looked up and superposed.
        own: atoms that it places, ascending.
        halo: atoms of other groups up to two bonds away, ascending; they show how joints look.
        stereocentres: rows of ``graph.stereocentres`` whose centre it owns.
        key: equal for groups that may serve one another.
        label: for messages.
    """

    beads: Ints
    own: Ints
    halo: Ints
    stereocentres: Ints
    key: str
    label: str

    @property
    def atoms(self) -> Ints:
        """Own atoms, then the halo."""
        return np.concatenate([self.own, self.halo])


def cut(topology: Topology, scope: str, reach: int) -> list[Group]:
    """Groups of a molecule, in the order in which they are placed: along bead bonds from the first bead.

    Args:
        scope: ``"molecule"`` for one group, ``"bead"`` for a group of every bead that owns atoms.
        reach: bead bonds up to which beads belong to a group's context.
    """
    everything = np.arange(topology.n_beads)
    if scope == "molecule":
        return [_group(topology, everything, everything, np.arange(topology.n_atoms))]
    near = _shells(bead_bonds(topology), topology.n_beads)
    groups = []
    for bead in _placing_order(near):
        own = np.flatnonzero(topology.mapping.owners == bead)
        if len(own):
            context = np.array(sorted(_within([bead], near, reach)), dtype=np.int64)
            groups.append(_group(topology, np.array([bead]), context, own))
    return groups


def _group(topology: Topology, core: Ints, beads: Ints, own: Ints) -> Group:
    graph, mapping = topology.graph, topology.mapping
    reached = _within(own.tolist(), [set(n) for n in graph.neighbours], HALO)
    halo = np.array(sorted(reached - set(own.tolist())), dtype=np.int64)
    atoms = np.concatenate([own, halo])
    centres = np.flatnonzero(np.isin(graph.stereocentres[:, 0], own))
    pattern = {
        "core": np.searchsorted(beads, core).tolist(),
        "beads": [mapping.bead_types[b] for b in beads.tolist()],
        "bead_bonds": _local(bead_bonds(topology), beads),
        "n_own": len(own),
        "elements": [graph.elements[a] for a in atoms.tolist()],
        "degrees": graph.degrees[atoms].tolist(),
        "bonds": _local(graph.bonds, atoms),
        "weights": (np.round(mapping.matrix[beads][:, atoms].toarray(), 3) + 0.0).tolist(),
        "hands": [_local_hand(topology, row, atoms) for row in centres.tolist()],
    }
    key = hashlib.sha256(json.dumps(pattern, sort_keys=True).encode()).hexdigest()[:16]
    counts = Counter(graph.elements[a] for a in own.tolist())
    formula = "".join(f"{element}{n if n > 1 else ''}" for element, n in sorted(counts.items()))
    names = ", ".join(f"{b + 1} ({mapping.bead_names[b]})" for b in core.tolist())
    around = "-".join(mapping.bead_types[b] for b in beads.tolist())
    label = (
        f"bead {names} with {formula} among beads {around}" if len(core) == 1 else f"the molecule ({formula})"
    )
    return Group(beads, own, halo, centres, key, label)


def _local(pairs: Ints, members: Ints) -> list[list[int]]:
    """Pairs among members, numbered by their place there."""
    place = {m: k for k, m in enumerate(members.tolist())}
    return sorted(sorted((place[i], place[j])) for i, j in pairs.tolist() if i in place and j in place)


def _local_hand(topology: Topology, row: int, atoms: Ints) -> list[int]:
    """Centre and hand, as it would be with the atoms numbered by their place in the group."""
    graph = topology.graph
    place = {a: k for k, a in enumerate(atoms.tolist())}
    centre, *around = graph.stereocentres[row].tolist()
    return [place[centre], int(graph.chirality[row]) * parity(tuple(place[a] for a in around))]


def _shells(bonds: Ints, n: int) -> list[set[int]]:
    near: list[set[int]] = [set() for _ in range(n)]
    for i, j in bonds.tolist():
        near[i].add(j)
        near[j].add(i)
    return near


def _within(start: list[int], near: list[set[int]], steps: int) -> set[int]:
    found = set(start)
    front = set(start)
    for _ in range(steps):
        front = {n for f in front for n in near[f]} - found
        found |= front
    return found


def _placing_order(near: list[set[int]]) -> list[int]:
    """Depth-first, so that a group always joins one that is placed already (where there is one)."""
    order: list[int] = []
    seen: set[int] = set()
    for root in range(len(near)):
        waiting = [root]
        while waiting:
            bead = waiting.pop()
            if bead not in seen:
                seen.add(bead)
                order.append(bead)
                waiting.extend(sorted(near[bead] - seen, reverse=True))
    return order
