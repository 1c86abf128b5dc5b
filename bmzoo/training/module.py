"""The one Lightning module: manual optimisation of the part whose turn it is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from bmzoo.errors import InputError
from bmzoo.training.config import TrainingConfig
from bmzoo.training.task import Task, turn


class TrainingModule(LightningModule):  # type: ignore[misc]
    """Takes steps of one or several models that share their networks.

    Attributes:
        step: steps done.
        skipped: of them, those left out because loss or gradient was no finite number.
        losses: sums since the last row of the log, ``part/name`` -> (sum, number of steps).
    """

    def __init__(self, tasks: Sequence[Task], config: TrainingConfig, seed: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.tasks, self.config, self.seed = tasks, config, seed
        self.networks = tasks[0].model.module
        self.parts: dict[str, Optimizer] = tasks[0].model.optimizers()
        self._rates = {
            name: [group["lr"] for group in optimizer.param_groups] for name, optimizer in self.parts.items()
        }
        self.step = self.skipped = self.in_a_row = 0
        self.losses: dict[str, tuple[float, int]] = {}
        self.finished = False
        self._earlier = 0.0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall-clock time of the training, over all its resumptions."""
        return self._earlier + time.monotonic() - self._started

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._earlier, self._started = value, time.monotonic()

    @property
    def out_of_budget(self) -> bool:
        minutes = self.config.minutes
        return self.step >= self.config.steps or (minutes is not None and self.seconds >= 60 * minutes)

    @property
    def progress(self) -> float:
        """Share of the steps, or of the minutes, that is over: whichever is more."""
        minutes = self.config.minutes
        timed = 0.0 if minutes is None else self.seconds / (60 * minutes)
        return min(1.0, max(self.step / self.config.steps, timed))

    def configure_optimizers(self) -> list[Optimizer]:
        """Hook of Lightning."""
        return list(self.parts.values())

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        """Batches are the backend's own; it moves them itself."""
        return batch

    def training_step(self, item: tuple[int, Any], index: int) -> None:
        """One step: losses, gradient, clipping, optimiser.

        Raises:
            InputError: too many steps in a row gave a loss or gradient that is no finite number.
        """
        step, batch = item
        model = turn(self.tasks, step, self.seed).model
        part = model.part(step) or next(iter(self.parts))
        if part not in self.parts:
            raise InputError(
                f"step {step} is for '{part}', but there is an optimiser for {', '.join(self.parts)}"
            )
        optimizer = self.parts[part]
        if self.config.decay < 1:
            share = self.config.decay**self.progress
            for group, rate in zip(optimizer.param_groups, self._rates[part], strict=True):
                group["lr"] = rate * share
        self.toggle_optimizer(optimizer)  # spares the gradients of what does not move
        try:
            losses = model.training_step(batch, step)
            moved = self._move(optimizer, losses["total"])
        finally:
            self.untoggle_optimizer(optimizer)
        self.step = step + 1
        if moved:
            self.in_a_row = 0
            for name, loss in losses.items():
                total, number = self.losses.get(f"{part}/{name}", (0.0, 0))
                self.losses[f"{part}/{name}"] = (total + float(loss.detach()), number + 1)
            return
        self.skipped += 1
        self.in_a_row += 1
        if self.in_a_row >= self.config.max_skipped:
            raise InputError(
                f"the loss of '{part}' was no finite number in {self.in_a_row} steps in a row, up to step "
                f"{self.step}; lower the learning rate, or set training.gradient_clip"
            )

    def _move(self, optimizer: Optimizer, total: torch.Tensor) -> bool:
        """Whether the optimiser took a step; it does not where loss or gradient is not finite."""
        if not torch.isfinite(total):
            return False
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
        if not torch.isfinite(norm):
            return False
        if self.config.gradient_clip is not None:
            clip_grads_with_norm_(parameters, self.config.gradient_clip, norm)
        optimizer.step()
        return True


class Batches:
    """The batches from the module's present step on; what Lightning takes for a data loader."""

    def __init__(self, module: TrainingModule) -> None:
        self.module = module

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        module = self.module
        for step in range(module.step, module.config.steps):
            yield step, turn(module.tasks, step, module.seed).batch(step)
