"""Draws frames: as many units of beads at a time as the memory allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.field import FlowField
from bmzoo.backends.equivariant.flow import integrate
from bmzoo.backends.equivariant.graph import Graph, Part, frame_part, isolated_part, n_neighbours
from bmzoo.backends.equivariant.network import Previous
from bmzoo.backends.equivariant.prior import Prior
from bmzoo.backends.projection import BondProjection
from bmzoo.frames.random import random_stream
from bmzoo.representations.local_frames import local_frames

Floats = NDArray[np.float64]

BYTES_OF_PAIR = 900
"""Memory for each neighbour of an atom, all that is kept of the atom itself included; measured."""


@dataclass(frozen=True, eq=False)
class Unit:
    """One sample of one frame.

    Attributes:
        beads: ``(n_molecules, n_beads, 3)`` nm.
        box: ``(3, 3)`` nm or ``None``.
        key: seed, frame and sample, and the number of the trajectory where there are several.
        previous: ``(n_molecules, n_atoms, 3)`` nm, the frame before about the present beads, or ``None``.
    """

    beads: Floats
    box: Floats | None
    key: tuple[int, ...]
    previous: Floats | None = None


class Sampler:
    """Carries draws of the prior along the flow."""

    def __init__(self, field: FlowField, prior: Prior) -> None:
        self.field, self.prior = field, prior
        self.config: EquivariantConfig = field.config
        self._hold_bonds = BondProjection(field.tables.topology) if self.config.hold_bonds else None

    def at_once(self, unit: Unit) -> int:
        """How many such units fit the memory; at least one."""
        pairs = self._n_atoms(unit) * n_neighbours(self.field.tables, self.config)
        return max(1, self.config.max_memory * 1_000_000 // (BYTES_OF_PAIR * pairs))

    def draw_many(self, units: Sequence[Unit]) -> Iterator[Floats]:
        """:meth:`draw` for any units, in order: as many at a time as are alike and fit the memory."""
        waiting: list[Unit] = []
        for unit in units:
            if waiting and (len(waiting) >= self.at_once(unit) or not alike(waiting[0], unit)):
                yield from self.draw(waiting)
                waiting = []
            waiting.append(unit)
        if waiting:
            yield from self.draw(waiting)

    @torch.no_grad()
    def draw(self, units: Sequence[Unit]) -> list[Floats]:
        """Atoms of every unit, ``(n_molecules, n_atoms, 3)`` nm, exactly on their beads.

        Units are all with a box, or all without and of the same number of molecules.
        """
        starts = [self._start(unit) for unit in units]
        parts = self._parts(units)
        x = self.field.tensor(np.concatenate([start.reshape(-1, 3) for start in starts]))
        previous = self._previous(units)
        graph: Graph | None = None

        def velocity(x: Tensor, t: float) -> Tensor:
            nonlocal graph
            if graph is None:
                graph = self.field.graph(parts, x)
            return self.field(graph, x, t, previous)

        for moved in integrate(velocity, x, self.config):
            x, graph = moved, None  # neighbours are found anew after every step
        atoms = x.double().cpu().numpy().reshape(-1, self.field.tables.n_atoms, 3)
        finished = self._finished(np.concatenate([unit.beads for unit in units]), atoms)
        return np.split(finished, np.cumsum([len(unit.beads) for unit in units])[:-1])

    def _n_atoms(self, unit: Unit) -> int:
        return len(unit.beads) * self.field.tables.n_atoms

    def _start(self, unit: Unit) -> Floats:
        """``(n_molecules, n_atoms, 3)`` nm, drawn from the prior by one random stream a molecule.

        The noise is turned along with the molecule's beads, which changes nothing but that the same
        seed gives turned atoms for turned beads.
        """
        streams = [random_stream(*unit.key, molecule) for molecule in range(len(unit.beads))]
        noise = np.stack([stream.standard_normal((self.prior.n_random, 3)) for stream in streams])
        points = torch.from_numpy(unit.beads)
        axes = local_frames(points[:, 0], points[:, 1:]).numpy()
        return self.prior(unit.beads, noise @ axes)

    def _parts(self, units: Sequence[Unit]) -> list[Part]:
        tables, config = self.field.tables, self.config
        if units[0].box is None:
            return [isolated_part(tables, config, np.stack([unit.beads for unit in units]))]
        of_frame: dict[int, Part] = {}
        for unit in units:  # the samples of a frame share its beads
            if id(unit.beads) not in of_frame:
                of_frame[id(unit.beads)] = frame_part(tables, config, unit.beads, unit.box)
        return [of_frame[id(unit.beads)] for unit in units]

    def _previous(self, units: Sequence[Unit]) -> Previous | None:
        if not self.config.temporal:
            return None
        shape = (-1, self.field.tables.n_atoms, 3)
        atoms = [np.zeros((len(u.beads), *shape[1:])) if u.previous is None else u.previous for u in units]
        there = np.array([float(u.previous is not None) for u in units])
        return Previous(self.field.tensor(np.concatenate(atoms).reshape(-1, 3)), self.field.tensor(there))

    def _finished(self, beads: Floats, atoms: Floats) -> Floats:
        """Atoms ``(n_molecules, n_atoms, 3)`` nm put exactly on their beads, bonds held where asked."""
        exact = self.field.surface.exact(atoms, beads)
        return self._hold_bonds(exact, beads) if self._hold_bonds else exact


def alike(one: Unit, other: Unit) -> bool:
    """Whether two units can be drawn together."""
    return (one.box is None) == (other.box is None) and one.beads.shape == other.beads.shape
