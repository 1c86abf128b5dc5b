"""Which of several like atoms bears which number."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.topology import Topology

Real = TypeVar("Real", bound=np.floating)
Ints = NDArray[np.int64]


class Exchange(NamedTuple):
    """Two like branches of an atom, and what says which is which.

    Attributes:
        atoms: a, b, c, and the branches' first atoms d and e; where ``(b - a) x (c - a) . (d - e)`` is
            negative, the branches are exchanged.
        order: ``(n_atoms,)`` numbers of the atoms when they are.
    """

    atoms: tuple[int, ...]
    order: Ints


class LikeAtoms:
    """Exchanges like atoms for one another, so that they are numbered by one rule in all frames.

    :meth:`same_hands` is about atoms with four neighbours of which two are alike: the hydrogens of CH2
    and CH3, the methyls of an isopropyl. No dynamics turns the hand of such a group, so that each run keeps
    the one that it was built with.

    :meth:`same_sides` is about flat groups: the two edges of a phenyl ring, the oxygens of a carboxylate.
    Turned by half a circle such a group is what it was but for numbers, and short runs keep the numbers
    that they began with. Numbers may change from frame to frame here: not for velocities.

    :meth:`nearest` compares two structures whatever the numbers: exchanging like atoms moves nothing.

    Atoms that count differently for the beads are not alike.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology, graph = topology, topology.graph
        tetrahedral = [atom for atom, near in enumerate(graph.neighbours) if len(near) == 4]
        flat = [atom for atom, near in enumerate(graph.neighbours) if len(near) == 3]
        by_size = sorted((x for atom in tetrahedral for x in _exchanges(topology, atom)[-1:]), key=_n_moved)
        self._hands = by_size[::-1]
        sides = {x.order.tobytes(): x for atom in reversed(flat) for x in _exchanges(topology, atom)[-1:]}
        self._sides = list(sides.values())  # a ring that has an atom at either end is exchanged once

    def same_hands(self, positions: NDArray[Real]) -> NDArray[Real]:
        """``(..., n_atoms, 3)``, molecules whole; a copy where something is exchanged."""
        return _exchanged(positions, self._hands)

    def same_sides(self, positions: NDArray[Real]) -> NDArray[Real]:
        """``(..., n_atoms, 3)``, molecules whole; a copy where something is exchanged."""
        return _exchanged(positions, self._sides)

    def nearest(self, positions: NDArray[Real], target: NDArray[Real]) -> NDArray[Real]:
        """Positions with like atoms numbered so that they lie nearest to the target's.

        Args:
            positions, target: ``(..., n_atoms, 3)``, in the same place and orientation.
        """
        found = np.array(positions)
        for rows, ways in self._ways:
            here, there = found[..., rows, :], target[..., rows, :]
            squares = [np.square(here[..., way, :] - there).sum((-2, -1)) for way in ways]
            best = ways[np.argmin(squares, axis=0)]
            found[..., rows, :] = np.take_along_axis(here, best[..., None], axis=-2)
        return found

    @cached_property
    def _ways(self) -> list[tuple[Ints, Ints]]:
        """Of every group, largest first: its atoms, and ``(n, n_atoms)`` ways to number them."""
        graph = self._topology.graph
        found: dict[bytes, tuple[Ints, Ints]] = {}
        for atom, near in enumerate(graph.neighbours):
            orders = [x.order for x in _exchanges(self._topology, atom)] if len(near) in (3, 4) else []
            if orders:
                ways = _products(orders)
                rows = np.flatnonzero((ways != np.arange(graph.n_atoms)).any(0))
                found.setdefault(ways.tobytes(), (rows, np.searchsorted(rows, ways[:, rows])))
        return sorted(found.values(), key=lambda item: -len(item[0]))


def _exchanged(positions: NDArray[Real], exchanges: list[Exchange]) -> NDArray[Real]:
    found = positions
    for atoms, order in exchanges:
        a, b, c, d, e = (found[..., atom, :] for atom in atoms)
        wrong = (np.cross(b - a, c - a) * (d - e)).sum(-1) < 0
        if wrong.any():
            found = np.where(wrong[..., None, None], found[..., order, :], found)
    return found


def _exchanges(topology: Topology, centre: int) -> list[Exchange]:
    """Of two like neighbours each; of several kinds those with the smallest branches."""
    graph, mapping, found = topology.graph, topology.mapping, []
    for pair in combinations(graph.neighbours[centre], 2):
        order, plane = _order(graph, centre, *pair), _plane(graph, centre, pair)
        if order is not None and len(plane) == 2 and mapping.treats_alike(order):
            found.append(Exchange((*plane, centre, *pair), order))
    smallest = min(map(_n_moved, found), default=0)
    return [x for x in found if _n_moved(x) == smallest]


def _products(orders: list[Ints]) -> Ints:
    """``(n, n_atoms)``: the identity, and all that exchanges after one another give."""
    identity = np.arange(len(orders[0]))
    found, waiting = {identity.tobytes(): identity}, [identity]
    while waiting:
        last = waiting.pop()
        for order in orders:
            product = last[order]
            if product.tobytes() not in found:
                found[product.tobytes()] = product
                waiting.append(product)
    return np.stack([found[key] for key in sorted(found)])


def _plane(graph: MolecularGraph, centre: int, pair: tuple[int, int]) -> list[int]:
    """Two atoms that lie with the centre in the plane between the branches."""
    others = [atom for atom in graph.neighbours[centre] if atom not in pair]
    if len(others) == 2:
        return others
    beyond = [atom for atom in graph.neighbours[others[0]] if atom != centre]
    return [*beyond[:1], *others]


def _order(graph: MolecularGraph, centre: int, one: int, other: int) -> Ints | None:
    """Atoms with the branches exchanged; ``None`` where they are not alike, or are the molecule's halves."""
    classes, order = graph.symmetry_classes, np.arange(graph.n_atoms)
    waiting, seen = [(one, other)], {centre, one, other}
    while waiting:
        pair = waiting.pop()
        if classes[pair[0]] != classes[pair[1]]:
            return None
        order[list(pair)] = pair[::-1]
        steps = [[atom for atom in graph.neighbours[end] if atom not in seen] for end in pair]
        joint = set(steps[0]) & set(steps[1])
        ways = [sorted(set(step) - joint, key=lambda atom: (classes[atom], atom)) for step in steps]
        if len(ways[0]) != len(ways[1]) or not set(ways[0]).isdisjoint(ways[1]):
            return None
        seen.update(joint, *ways)
        waiting.extend(zip(*ways, strict=True))
    bonds = {tuple(bond) for bond in graph.bonds.tolist()}
    kept = all(tuple(sorted(bond)) in bonds for bond in order[graph.bonds].tolist())
    return order if kept else None


def _n_moved(exchange: Exchange) -> int:
    return int((exchange.order != np.arange(len(exchange.order))).sum())
