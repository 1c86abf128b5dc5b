"""The geometric backend: no force field, nothing learned, any molecule with any mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from bmzoo.backends.backmapper import Backmapper, Capabilities
from bmzoo.backends.geometric.config import GeometricConfig
from bmzoo.backends.geometric.embedding import Embedding
from bmzoo.backends.geometric.placement import bead_shares, coincident, place
from bmzoo.backends.inputs import BeadReader
from bmzoo.frames.frame import Frame
from bmzoo.frames.random import random_stream
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]


class Geometric(Backmapper):
    """Atoms on the mean of their beads, the mapping's rules, a kick, and a geometric relaxation."""

    name = "geometric"
    capabilities = Capabilities(periodic=True, generative=True, transferable=True, fitting="none")
    Config = GeometricConfig

    def __init__(self, topology: Topology, config: BaseModel | None = None) -> None:
        super().__init__(topology, config)
        self._settings = cast(GeometricConfig, self.config)
        self._shares = bead_shares(topology.mapping)
        self._embedding = Embedding(topology) if self._settings.relax else None

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`; samples differ in the random kicks."""
        read = BeadReader(self.topology)
        for frame in frames:
            beads = read(frame)
            placed = place(self.topology.mapping, self._shares, beads, self._settings.bond_length)
            kicked = coincident(placed)
            for sample in range(n_samples):
                atoms = self._draw(placed, kicked, beads, (seed, frame.index, sample))
                yield frame.with_positions(atoms.reshape(-1, 3), sample=sample)

    def _draw(
        self, placed: Floats, kicked: NDArray[np.bool_], beads: Floats, key: tuple[int, int, int]
    ) -> Floats:
        normal = np.stack(
            [
                random_stream(*key, molecule).standard_normal((self.topology.n_atoms, 4))
                for molecule in range(len(beads))
            ]
        )
        direction = normal[:, :, :3] / np.linalg.norm(normal[:, :, :3], axis=2, keepdims=True)
        atoms = placed + self._settings.kick * direction * kicked[:, :, None]
        if self._embedding is None:
            return atoms
        return self._embedding(atoms, beads, normal[:, :, 3], self._settings.iterations)
