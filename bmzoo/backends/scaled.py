"""Networks made for lengths of atoms, on particles that are farther apart: every length is multiplied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bmzoo.backends.backmapper import Backmapper, Losses
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.optim import Optimizer


class Scaled(Backmapper):
    """A backmapper that sees all lengths multiplied by ``scale``; what goes in and comes out is in nm.

    Thresholds, grids and settings of the networks are lengths of atoms. Beads that stand for particles
    (:mod:`bmzoo.systems.blobs`) are brought to them; ``scale`` of a training and of its weights.
    """

    def __init__(self, inner: Backmapper, scale: float) -> None:
        if inner.topology.force_field is not None:
            raise InputError(
                f"{inner.topology.graph.name} has a force field, whose lengths cannot be scaled; "
                "'scale' is for systems of beads"
            )
        super().__init__(inner.topology, inner.config)
        self.inner, self.scale = inner, scale
        self.name = inner.name  # type: ignore[misc]
        self.capabilities = inner.capabilities  # type: ignore[misc]

    @property
    def module(self) -> Module:
        return self.inner.module

    def adopt(self, other: Backmapper) -> None:
        self.inner.adopt(other.inner if isinstance(other, Scaled) else other)

    def training_batches(self, pairs: Iterable[PairedFrames], *, seed: int) -> Callable[[int], Any]:
        return self.inner.training_batches((_stretched_pair(p, self.scale) for p in pairs), seed=seed)

    def optimizers(self) -> dict[str, Optimizer]:
        return self.inner.optimizers()

    def part(self, step: int) -> str | None:
        return self.inner.part(step)

    def training_step(self, batch: Any, step: int) -> Losses:
        return self.inner.training_step(batch, step)

    def to(self, device: str) -> None:
        self.inner.to(device)

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`."""
        small = (stretched(frame, self.scale) for frame in frames)
        for drawn in self.inner.backmap(small, n_samples=n_samples, seed=seed):
            yield stretched(drawn, 1 / self.scale)

    def redraw(self, pairs: Iterable[PairedFrames], *, sweeps: int, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`."""
        small = (_stretched_pair(pair, self.scale) for pair in pairs)
        for drawn in self.inner.redraw(small, sweeps=sweeps, seed=seed):
            yield stretched(drawn, 1 / self.scale)

    def state(self) -> dict[str, Any]:
        return self.inner.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self.inner.load_state(state)


def scaled(backmapper: Backmapper, scale: float) -> Backmapper:
    """The backmapper itself where nothing is scaled.

    Raises:
        InputError: a molecule with a force field.
    """
    return backmapper if scale == 1.0 else Scaled(backmapper, scale)


def scale_of(backmapper: Backmapper) -> float:
    """1 where nothing is scaled."""
    return backmapper.scale if isinstance(backmapper, Scaled) else 1.0


def stretched(frame: Frame, factor: float) -> Frame:
    """The same frame with all lengths multiplied, those of its box too."""
    box = None if frame.box is None else np.asarray(frame.box, dtype=np.float64) * factor
    return frame.with_positions(np.asarray(frame.positions, dtype=np.float64) * factor, box=box)


def _stretched_pair(pair: PairedFrames, factor: float) -> PairedFrames:
    return PairedFrames(stretched(pair.coarse, factor), stretched(pair.atomistic, factor))
