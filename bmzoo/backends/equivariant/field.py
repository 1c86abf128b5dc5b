"""The velocity of whole frames, on the surface where every bead is where it should be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.embedding import Chemistry
from bmzoo.backends.equivariant.graph import Graph, Part, assemble
from bmzoo.backends.equivariant.network import Previous, VelocityNetwork
from bmzoo.backends.equivariant.tables import Tables
from bmzoo.backends.projection import BeadProjection

Floats = NDArray[np.float64]


class BeadSurface:
    """The part of displacements that leaves every bead where it is: ``d - K M d``.

    ``K`` is how the atoms of :class:`BeadProjection` answer to their beads, ``M K = 1``: what a bead moved is
    taken back smoothly along bonds.
    """

    def __init__(self, tables: Tables, device: torch.device, dtype: torch.dtype) -> None:
        self.exact = BeadProjection(tables.topology)
        n_atoms, n_beads = tables.n_atoms, tables.n_beads
        response = self.exact(np.zeros((1, n_atoms, n_beads)), np.eye(n_beads)[None])[0]
        matrix = tables.topology.mapping.matrix.toarray()
        self._response, self._matrix = (torch.from_numpy(m).to(device, dtype) for m in (response, matrix))

    def __call__(self, displacements: Tensor) -> Tensor:
        """``(n_molecules * n_atoms, 3)``, projected."""
        moved = displacements.view(-1, len(self._response), 3)
        return (moved - self._response @ (self._matrix @ moved)).flatten(0, 1)


class FlowField:
    """Velocities of a network for given tables.

    Args:
        tables: of the molecule.
        network: on whatever device, in whatever precision.
    """

    def __init__(self, tables: Tables, config: EquivariantConfig, network: VelocityNetwork) -> None:
        self.tables, self.config, self.network = tables, config, network
        parameter = next(network.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype
        self.surface = BeadSurface(tables, self.device, self.dtype)
        self.chemistry = Chemistry.of(tables).to(self.device, self.dtype)

    def tensor(self, array: Floats) -> Tensor:
        """On the network's device, in its precision."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device, self.dtype)

    def graph(self, parts: Sequence[Part], x: Tensor) -> Graph:
        """Who hears whom where the atoms are now; ``x`` are ``(n, 3)`` nm, part after part."""
        sizes = [len(part.atoms) for part in parts]
        where = [atoms.double().cpu().numpy() for atoms in torch.split(x.detach(), sizes)]
        return assemble(self.tables, self.config, parts, where).to(self.device, self.dtype)

    def __call__(self, graph: Graph, x: Tensor, t: float, previous: Previous | None = None) -> Tensor:
        """``(n, 3)`` nm per unit of time at ``(n, 3)`` nm; all units at the same time."""
        times = x.new_full((int(graph.units[-1]) + 1,), t)
        return self.surface(self.network(self.chemistry, graph, x, times, previous))
