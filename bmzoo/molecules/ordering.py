"""In which order beads and atoms are generated: beads in the outer loop, their atoms in the inner one."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import unknown
from bmzoo.molecules import topological
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping

Ints = NDArray[np.int64]
Kind = Literal["depth-first", "breadth-first", "random"]
Bonded = Sequence[Sequence[int]] | MappingType[int, Sequence[int]]


@dataclass(frozen=True, eq=False)
class Ordering:
    """An order of generation.

    Attributes:
        beads: ``(n_beads,)`` beads as they are visited.
        predecessors: ``(n_beads,)`` for each bead (not in the order of visits) the bonded bead
            that it was reached from, -1 where a walk starts.
        heavy: heavy atoms, bead after bead.
        hydrogens: hydrogens, bead after bead, after all heavy atoms.
    """

    beads: Ints
    predecessors: Ints
    heavy: Ints
    hydrogens: Ints

    @property
    def atoms(self) -> Ints:
        """``(n_atoms,)`` all atoms: heavy ones first, then hydrogens."""
        return np.concatenate([self.heavy, self.hydrogens])


def atom_order(
    graph: MolecularGraph, mapping: Mapping, kind: Kind = "depth-first", seed: int = 0
) -> Ordering:
    """Orders beads and atoms (Stieffenhofer, Wand and Bereau 2020, section 2.2).

    Beads are walked over their bonds, from the bead of lowest degree (a chain end), the lowest
    index of equals; every connected part in turn, by its lowest bead. Within a bead the
    heavy atoms are walked likewise, from an atom bonded to one already placed, else from the one of
    lowest degree. Then the hydrogens follow, in the same order of beads and of their parents.

    Args:
        graph: the molecule.
        mapping: its beads.
        kind: how both walks go on from where they are; neighbours by ascending index, or at random.
        seed: of the random walks.

    Raises:
        InputError: unknown kind.
    """
    if kind not in get_args(Kind):
        raise unknown("ordering", kind, get_args(Kind))
    random = np.random.default_rng(seed)
    bonded = topological.neighbours(mapping.n_beads, mapping.bonds)
    parts = topological.components(mapping.n_beads, mapping.bonds)
    beads: list[int] = []
    predecessors = np.full(mapping.n_beads, -1, dtype=np.int64)
    for part in range(int(parts.max(initial=-1)) + 1):
        members = np.flatnonzero(parts == part).tolist()
        start = min(members, key=lambda bead: (len(bonded[bead]), bead))
        for bead, reached_from in _walk(start, bonded, kind, random):
            beads.append(bead)
            predecessors[bead] = reached_from
    heavy = _heavy_order(graph, mapping, beads, kind, random)
    hydrogens = _hydrogen_order(graph, mapping, beads, heavy)
    return Ordering(np.array(beads, dtype=np.int64), predecessors, heavy, hydrogens)


def _walk(start: int, bonded: Bonded, kind: Kind, random: np.random.Generator) -> list[tuple[int, int]]:
    """Visits everything connected with ``start``: (node, the node it was reached from), in order."""
    frontier = [(start, -1)]
    visited: dict[int, int] = {}
    while frontier:
        node, origin = frontier.pop(int(random.integers(len(frontier))) if kind == "random" else 0)
        if node in visited:
            continue
        visited[node] = origin
        fresh = [(near, node) for near in bonded[node] if near not in visited]
        frontier = fresh + frontier if kind == "depth-first" else frontier + fresh
    return list(visited.items())


def _heavy_order(
    graph: MolecularGraph, mapping: Mapping, beads: list[int], kind: Kind, random: np.random.Generator
) -> Ints:
    heavy_bonded = [[n for n in near if not graph.is_hydrogen[n]] for near in graph.neighbours]
    placed: dict[int, None] = {}
    for bead in beads:
        waiting = set(np.flatnonzero((mapping.owners == bead) & ~graph.is_hydrogen).tolist())
        while waiting:
            touching = [a for a in waiting if any(n in placed for n in heavy_bonded[a])]
            start = min(touching or waiting, key=lambda atom: (len(heavy_bonded[atom]), atom))
            inside = {a: [n for n in heavy_bonded[a] if n in waiting] for a in waiting}
            walked = [atom for atom, _ in _walk(start, inside, kind, random)]
            placed.update(dict.fromkeys(walked))
            waiting.difference_update(walked)
    return np.array(list(placed), dtype=np.int64)


def _hydrogen_order(graph: MolecularGraph, mapping: Mapping, beads: list[int], heavy: Ints) -> Ints:
    """By bead, then by the place of the parent in the order of heavy atoms, then by index."""
    bead_rank = {bead: rank for rank, bead in enumerate(beads)}
    heavy_rank = {atom: rank for rank, atom in enumerate(heavy.tolist())}

    def rank(atom: int) -> tuple[int, int, int]:
        parents = [heavy_rank[n] for n in graph.neighbours[atom] if n in heavy_rank]
        return bead_rank[int(mapping.owners[atom])], min(parents, default=len(heavy_rank)), atom

    return np.array(sorted(np.flatnonzero(graph.is_hydrogen).tolist(), key=rank), dtype=np.int64)
