"""Feature channels: what a particle is to the atom that is to be placed.

A channel is a rule ``relation:class``. Relations are ``bond``, ``angle`` and ``dihedral`` (one, two
and three bonds apart), ``nonbonded`` (everything else), ``bead`` (a bead of that type), and
``molecule`` (an atom of the own molecule, no class). The class is an atom class, a force-field type or
a bead type, and may hold the wildcard ``*``. A particle counts in every channel whose rule it meets.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError, unknown
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.topology import Topology

RELATIONS = ("bond", "angle", "dihedral", "nonbonded", "bead", "molecule")


def atom_classes(graph: MolecularGraph) -> tuple[str, ...]:
    """Element and number of neighbours of heavy atoms, ``C4``; for hydrogens those of the parent, ``H(C4)``.

    They mean the same in every molecule, as force-field types do not.
    """
    heavy = [f"{element}{degree}" for element, degree in zip(graph.elements, graph.degrees, strict=True)]
    return tuple(
        f"H({heavy[graph.neighbours[atom][0]]})" if hydrogen and graph.neighbours[atom] else heavy[atom]
        for atom, hydrogen in enumerate(graph.is_hydrogen)
    )


def default_channels(classes: Sequence[str], bead_types: Sequence[str]) -> tuple[str, ...]:
    """Every bonded relation and every class, the bead types, and the own molecule."""
    kinds, beads = sorted(set(classes)), sorted(set(bead_types))
    rules = [f"{relation}:{kind}" for relation in RELATIONS[:4] for kind in kinds]
    return (*rules, *(f"bead:{kind}" for kind in beads), "molecule")


def channel_table(topology: Topology, channels: Sequence[str]) -> NDArray[np.float32]:
    """Which channels a particle counts in, seen from the atom to be placed.

    Returns:
        ``(n_atoms, 2 * n_atoms + n_beads, n_channels)``: rows are the atom to be placed; columns
        the atoms of its own molecule, the atoms of another molecule, and the beads. An atom counts
        in no channel of its own row, and hydrogens in none of a heavy atom's: they are placed later.

    Raises:
        InputError: a rule of an unknown relation, or without class.
    """
    graph, n = topology.graph, topology.n_atoms
    classes = atom_classes(graph)
    bonds_apart = graph.topological_distances(3).toarray().astype(int)
    relation = np.array(["nonbonded", "bond", "angle", "dihedral"])[bonds_apart]
    table = np.zeros((n, 2 * n + topology.n_beads, len(channels)), dtype=np.float32)
    for number, rule in enumerate(channels):
        kind, wanted = _parse(rule)
        names = zip(classes, graph.types, strict=True)
        meets = np.array([any(fnmatchcase(name, wanted) for name in pair) for pair in names])
        if kind == "molecule":
            table[:, :n, number] = 1
        elif kind == "bead":
            table[:, 2 * n :, number] = [fnmatchcase(t, wanted) for t in topology.mapping.bead_types]
        else:
            table[:, :n, number] = (relation == kind) & meets
            table[:, n : 2 * n, number] = meets & (kind == "nonbonded")
    table[np.arange(n), np.arange(n)] = 0
    hidden = ~graph.is_hydrogen[:, None] & graph.is_hydrogen[None, :]
    table[:, :n][hidden] = 0
    table[:, n : 2 * n][hidden] = 0
    return table


def _parse(rule: str) -> tuple[str, str]:
    kind, _, wanted = rule.partition(":")
    if kind not in RELATIONS:
        raise unknown("relation of a channel", kind, RELATIONS)
    if bool(wanted) == (kind == "molecule"):
        raise InputError(
            f"the channel '{rule}' must be 'molecule', or a relation and a class such as 'bond:C4'"
        )
    return kind, wanted
