"""What the trainer asks of a model, and whose turn it is where several molecules share one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from bmzoo.frames.random import random_stream

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.optim import Optimizer


class Trainable(Protocol):
    """The part of a backmapper that the trainer knows; ``bmzoo.backends.backmapper`` explains it."""

    @property
    def module(self) -> Module: ...

    def optimizers(self) -> dict[str, Optimizer]: ...

    def part(self, step: int) -> str | None: ...

    def training_step(self, batch: Any, step: int) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Task:
    """A model made for one molecule, and what gives the batch of any step."""

    model: Trainable
    batch: Callable[[int], Any]


def turn(tasks: Sequence[Task], step: int, seed: int) -> Task:
    """Whose step it is: in every round each task has one turn, in random order.

    A fixed order would lock in step with the turns of the parts (one of six steps the generator's,
    two molecules: one of them would never train it).
    """
    if len(tasks) == 1:
        return tasks[0]
    number, place = divmod(step, len(tasks))
    return tasks[random_stream(seed, number).permutation(len(tasks))[place]]
