"""Exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Callback
from torch import Tensor

from bmzoo.training.module import TrainingModule


class MovingAverage(Callback):  # type: ignore[misc]
    """Follows the weights; early steps are forgotten faster: decay = min(d, (1 + n) / (10 + n)).

    Buffers (running statistics) are not averaged.
    """

    def __init__(self, module: TrainingModule, decay: float) -> None:
        self.parameters = dict(module.networks.named_parameters()) if decay else {}
        self.decay = decay
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}

    def on_train_batch_end(self, trainer: Any, module: TrainingModule, *_: Any) -> None:
        """Hook of Lightning."""
        if not self.decay:
            return
        weight = 1 - min(self.decay, (1 + module.step) / (10 + module.step))
        with torch.no_grad():
            current = [p.detach() for p in self.parameters.values()]
            torch._foreach_lerp_(list(self.average.values()), current, weight)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The networks carry the average inside the block."""
        kept = {name: p.detach().clone() for name, p in self.parameters.items()}
        self._write(self.average)
        try:
            yield
        finally:
            self._write(kept)

    def state_dict(self) -> dict[str, Tensor]:
        """For resuming."""
        return dict(self.average)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """For resuming."""
        for name, value in self.average.items():
            value.copy_(state[name])

    def _write(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(values[name])
