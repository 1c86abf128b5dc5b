"""Molecules whose particles are beads: their graphs, and merging consecutive beads into coarser ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Bead, Mapping
from bmzoo.molecules.topology import Topology

BEAD = "*"
"""The element of a particle that is no atom (as in SMILES): no backend takes it for a carbon or a boron."""


def chain_graph(
    name: str, types: Sequence[str], masses: float | Sequence[float] | NDArray[np.floating]
) -> MolecularGraph:
    """A linear chain of beads, one residue.

    Args:
        types: one a bead, along the chain; names are numbered types.
        masses: g/mol, one for all or ``(n_beads,)``.
    """
    n = len(types)
    return MolecularGraph(
        name=name,
        elements=(BEAD,) * n,
        names=tuple(f"{kind}{i + 1}" for i, kind in enumerate(types)),
        types=tuple(types),
        masses=np.broadcast_to(np.asarray(masses, dtype=np.float64), (n,)).copy(),
        bonds=np.column_stack([np.arange(n - 1), np.arange(1, n)]),
        residue_ids=np.ones(n, dtype=np.int64),
        residue_names=(name,) * n,
    )


def bead_graph(topology: Topology) -> MolecularGraph:
    """The beads of a molecule as a molecule of its own.

    A bead's mass is what its weights take of its atoms, each atom's mass shared among the beads that it
    is part of by weight; atoms that no bead counts are left out.
    """
    graph, mapping = topology.graph, topology.mapping
    weights = mapping.weights.toarray()
    shared = weights / np.maximum(weights.sum(axis=0), np.finfo(float).tiny)
    return MolecularGraph(
        name=graph.name,
        elements=(BEAD,) * mapping.n_beads,
        names=mapping.bead_names,
        types=mapping.bead_types,
        masses=shared @ graph.masses,
        bonds=mapping.bonds,
        residue_ids=np.ones(mapping.n_beads, dtype=np.int64),
        residue_names=(graph.name,) * mapping.n_beads,
    )


def identity_mapping(graph: MolecularGraph) -> Mapping:
    """Every particle its own bead: the mapping of a model that is already coarse."""
    beads = [Bead(n, t, (i,), (1.0,)) for i, (n, t) in enumerate(zip(graph.names, graph.types, strict=True))]
    return Mapping.from_beads(graph, beads, bonds=graph.bonds, source="identity")


def merge_consecutive(
    graph: MolecularGraph, s: int, *, short_ends: bool = False, alike: bool = False
) -> Mapping:
    """The encoder e_s: every s consecutive particles of a chain become their centre of mass.

    Where s does not divide the chain, what remains at its end is a bead of its own if it is at least half
    of s, and else goes with the last bead, so that no bead holds less than s/2 or as much as 3s/2
    particles (a chain shorter than that is one bead).

    Args:
        graph: linear chains, numbered along each chain in any way; several where the template has them.
        s: particles a bead.
        short_ends: the first bead of a chain holds s/2 particles (rounded down, but one), and the last what
            remains, so that the ends of chains are told to half of s.
        alike: every particle counts the same, whatever its mass: beads of two models that stand for one
            another need not weigh the same.

    Raises:
        InputError: s below 1, a ring or a branch.
    """
    if s < 1:
        raise InputError(f"at least 1 particle must be merged into a bead, not {s}")
    beads: list[Bead] = []
    bonds: list[tuple[int, int]] = []
    for path in chain_paths(graph):
        first = len(beads)
        cuts = _cuts(len(path), s, max(1, s // 2) if short_ends else s)
        for start, end in pairwise(cuts):
            members = path[start:end]
            # in units of one of them, so that like particles have exactly like weights
            masses = np.ones(len(members)) if alike else graph.masses[members]
            weights = tuple((masses / masses[0]).tolist())
            beads.append(Bead(f"M{len(beads) + 1}", f"M{s}", tuple(members), weights))
        bonds += [(k, k + 1) for k in range(first, len(beads) - 1)]
    return Mapping.from_beads(graph, beads, bonds=bonds, source=f"{s} consecutive particles a bead")


def chain_paths(graph: MolecularGraph) -> list[list[int]]:
    """The particles of every chain of a template from end to end, from the end of lower index.

    Raises:
        InputError: a ring or a branch.
    """
    paths = []
    for label in range(int(graph.components.max(initial=-1)) + 1):
        members = np.flatnonzero(graph.components == label)
        ends = [i for i in members.tolist() if graph.degrees[i] <= 1]
        if graph.degrees[members].max() > 2 or not ends:
            raise InputError(
                f"{graph.name} is no linear chain; consecutive particles can be merged along chains only"
            )
        path, before = [ends[0]], -1
        while following := [n for n in graph.neighbours[path[-1]] if n != before]:
            before = path[-1]
            path.append(following[0])
        paths.append(path)
    return paths


def _cuts(n: int, s: int, first: int) -> list[int]:
    """Where the groups of a chain of n begin, and where the last one ends."""
    cuts = [0, *range(first, n, s), n]
    if first == s and len(cuts) > 2 and 2 * (n - cuts[-2]) < s:
        del cuts[-2]
    return cuts
