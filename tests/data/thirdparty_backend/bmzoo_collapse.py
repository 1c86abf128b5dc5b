"""Puts every atom on its owner bead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict

from bmzoo import Backmapper
from bmzoo.backends.backmapper import Capabilities
from bmzoo.backends.inputs import BeadReader
from bmzoo.frames.frame import Frame


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Collapse(Backmapper):
    """Every atom on its owner bead."""

    name = "collapse"
    capabilities = Capabilities(periodic=True, transferable=True, equivariant=True)
    Config = Config

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        read = BeadReader(self.topology)
        for frame in frames:
            atoms = read(frame)[:, self.topology.mapping.owners].reshape(-1, 3)
            for sample in range(n_samples):
                yield frame.with_positions(atoms.copy(), sample=sample)
