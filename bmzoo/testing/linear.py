"""A backend that is trained in a second, for tests of everything that trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bmzoo.backends.backmapper import Backmapper, Capabilities, Losses
from bmzoo.backends.inputs import BeadReader
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.random import random_stream
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]


class LinearConfig(BaseModel):
    """Settings of the linear backend."""

    model_config = ConfigDict(extra="forbid")

    learning_rate: float = Field(0.03, gt=0)
    batch_size: int = Field(64, ge=1, description="molecules")


class Linear(Backmapper):
    """Every atom's place beside its bead, linear in the beads, in a frame that turns with the molecule.

    The frame is made of the first three beads, so it needs three that are not on a line.
    """

    name = "linear"
    capabilities = Capabilities(periodic=True, equivariant=True, fitting="gradient")
    Config = LinearConfig

    def __init__(self, topology: Topology, config: BaseModel | None = None) -> None:
        super().__init__(topology, config)
        if topology.n_beads < 3:
            raise InputError(
                f"backend 'linear' needs three beads, {topology.graph.name} has {topology.n_beads}"
            )
        self._settings = cast(LinearConfig, self.config)
        self.network = torch.nn.Linear(3 * topology.n_beads, 3 * topology.n_atoms)

    @property
    def module(self) -> torch.nn.Module:
        """See :class:`Backmapper`."""
        return self.network

    def adopt(self, other: Backmapper) -> None:
        """See :class:`Backmapper`."""
        self.network = cast(Linear, other).network

    def training_batches(self, pairs: Iterable[PairedFrames], *, seed: int) -> Callable[[int], Any]:
        """See :class:`Backmapper`."""
        found = [self._example(pair) for pair in pairs]
        inputs, offsets = (
            torch.from_numpy(np.concatenate(part)).float() for part in zip(*found, strict=True)
        )

        def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
            chosen = random_stream(seed, step).integers(len(inputs), size=self._settings.batch_size)
            return inputs[chosen], offsets[chosen]

        return batch

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """See :class:`Backmapper`."""
        return {"network": torch.optim.Adam(self.network.parameters(), lr=self._settings.learning_rate)}

    def training_step(self, batch: Any, step: int) -> Losses:
        """See :class:`Backmapper`."""
        device = self.network.weight.device
        inputs, offsets = (part.to(device) for part in batch)
        return {"total": (self.network(inputs) - offsets).square().mean()}

    def to(self, device: str) -> None:
        """See :class:`Backmapper`."""
        self.network.to(device)

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`; all samples are alike."""
        read = BeadReader(self.topology)
        owners = self.topology.mapping.owners
        for frame in frames:
            beads = read(frame)
            axes, inputs = _local(beads)
            with torch.no_grad():
                given = self.network(torch.from_numpy(inputs).float().to(self.network.weight.device))
            offsets = given.cpu().numpy().astype(np.float64).reshape(len(beads), -1, 3)
            atoms = beads[:, owners] + offsets @ axes
            for sample in range(n_samples):
                yield frame.with_positions(atoms.reshape(-1, 3), sample=sample)

    def state(self) -> dict[str, Any]:
        """See :class:`Backmapper`."""
        return dict(self.network.state_dict())

    def load_state(self, state: dict[str, Any]) -> None:
        """See :class:`Backmapper`."""
        try:
            self.network.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
        except RuntimeError as error:
            raise InputError(f"these are no weights of 'linear' for {self.topology.graph.name}") from error

    def _example(self, pair: PairedFrames) -> tuple[Floats, Floats]:
        """Inputs ``(molecules, 3 beads)`` and offsets from the bead ``(molecules, 3 atoms)``, nm."""
        beads = np.asarray(pair.coarse.positions, dtype=np.float64).reshape(-1, self.topology.n_beads, 3)
        atoms = pair.atomistic.positions.reshape(len(beads), -1, 3)
        axes, inputs = _local(beads)
        offsets = (atoms - beads[:, self.topology.mapping.owners]) @ axes.transpose(0, 2, 1)
        return inputs, offsets.reshape(len(beads), -1)


def _local(beads: Floats) -> tuple[Floats, Floats]:
    """Axes ``(molecules, 3, 3)`` in rows, and the beads along them, from the first bead."""
    first = beads[:, 1] - beads[:, 0]
    first = first / np.linalg.norm(first, axis=1, keepdims=True)
    third = np.cross(first, beads[:, 2] - beads[:, 0])
    third = third / np.linalg.norm(third, axis=1, keepdims=True)
    axes = np.stack([first, np.cross(third, first), third], axis=1)
    return axes, ((beads - beads[:, :1]) @ axes.transpose(0, 2, 1)).reshape(len(beads), -1)
