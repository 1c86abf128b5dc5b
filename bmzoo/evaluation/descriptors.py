"""Invariant descriptors of local environments: a bead and its atoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.soap import Chosen, group_means, heavy_atoms, power_spectra

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Environment:
    """One bead of the template: the terms around its atoms.

    Attributes:
        label: number of its class; beads with the same terms share one.
        bonds, angles, dihedrals: terms that describe it.
        heavy: its heavy atoms.
    """

    label: int
    bonds: Ints
    angles: Ints
    dihedrals: Ints
    heavy: Ints

    @property
    def width(self) -> int:
        return len(self.bonds) + len(self.angles) + 2 * len(self.dihedrals)


def environments(context: Context) -> list[Environment]:
    """Environments of all beads that own atoms.

    Bonds that the reference constrains are left out: a constrained bond gives anybody away.
    """
    graph, mapping = context.topology.graph, context.topology.mapping
    bonds = context.bonds.atoms[~context.constrained]
    dihedrals = np.concatenate([graph.dihedrals, graph.impropers])
    owner = mapping.owners
    labels: dict[tuple[object, ...], int] = {}
    found = []
    for bead in range(mapping.n_beads):
        owned = np.flatnonzero(owner == bead)
        if not len(owned):
            continue
        chosen = (
            bonds[(owner[bonds] == bead).any(axis=1)],
            graph.angles[owner[graph.angles[:, 1]] == bead],
            dihedrals[(owner[dihedrals[:, 1:3]] == bead).any(axis=1)],
        )
        shapes = tuple(tuple((terms - owned[0]).ravel().tolist()) for terms in chosen)
        types = tuple(context.types[a] for a in owned)
        label = labels.setdefault((mapping.bead_types[bead], types, shapes), len(labels))
        found.append(Environment(label, *chosen, owned[~graph.is_hydrogen[owned]]))
    return found


def internal(molecules: Floats, found: list[Environment]) -> Floats:
    """Bond lengths, angles, sines and cosines of dihedrals.

    Args:
        molecules: ``(n, n_atoms, 3)`` nm.

    Returns:
        ``(n * n_environments, 1 + width)``: the class, then the descriptors, NaN where a class has fewer.
    """
    width = 1 + max((e.width for e in found), default=0)
    table = np.full((len(molecules), len(found), width), np.nan)
    for place, environment in enumerate(found):
        turn = geometry.dihedrals(molecules, environment.dihedrals)
        parts = (
            geometry.lengths(molecules, environment.bonds),
            geometry.angles(molecules, environment.angles),
            np.sin(turn),
            np.cos(turn),
        )
        table[:, place, 0] = environment.label
        table[:, place, 1 : 1 + environment.width] = np.concatenate(parts, axis=-1)
    return table.reshape(-1, width)


def soap(context: Context, frames: list[Chosen], found: list[Environment]) -> Floats:
    """SOAP power spectra of heavy atoms, averaged over the heavy atoms of a bead.

    Returns:
        ``(n_molecules_chosen * n_environments, n_features)``, frame by frame.
    """
    values = power_spectra(context.topology.graph, frames)
    return group_means(values, heavy_atoms(context.topology.graph), [e.heavy for e in found])
