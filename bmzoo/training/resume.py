"""Resume points: everything that the next step depends on, in one file that is whole or not there."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning.pytorch import Callback

from bmzoo.errors import InputError
from bmzoo.training.module import TrainingModule
from bmzoo.training.random_state import random_state, set_random_state

VERSION = 1


class ResumePoints(Callback):  # type: ignore[misc]
    """Writes ``resume.pt`` after so many steps or minutes, and at every validation; the last callback.

    Args:
        path: of the file.
        parts: callbacks that have a state, by name.
    """

    def __init__(self, path: Path, parts: Mapping[str, Callback]) -> None:
        self.path, self.parts = path, parts
        self._written = time.monotonic()

    def on_train_batch_end(self, trainer: Any, module: TrainingModule, *_: Any) -> None:
        """Hook of Lightning."""
        config = module.config
        due = time.monotonic() - self._written >= 60 * config.checkpoint_minutes
        counted = config.checkpoint_every is not None and module.step % config.checkpoint_every == 0
        if due or counted or module.finished or module.step % config.validate_every == 0:
            self.write(module)

    def write(self, module: TrainingModule) -> None:
        """Writes to a temporary name, then moves into place."""
        state = {
            "version": VERSION,
            "step": module.step,
            "seconds": module.seconds,
            "skipped": module.skipped,
            "in_a_row": module.in_a_row,
            "losses": module.losses,
            "networks": module.networks.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in module.parts.items()},
            "callbacks": {name: part.state_dict() for name, part in self.parts.items()},
            "random": random_state(),
        }
        draft = self.path.with_name(f".{self.path.name}.partial")
        torch.save(state, draft)
        os.replace(draft, self.path)
        self._written = time.monotonic()

    def read(self, module: TrainingModule) -> bool:
        """Puts everything back as it was; ``False`` if there is nothing to resume from.

        Raises:
            InputError: a file that is damaged or belongs to other networks.
        """
        if not self.path.exists():
            return False
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            if state["version"] != VERSION:
                raise ValueError(f"version {state['version']}, not {VERSION}")
            module.networks.load_state_dict(state["networks"])
            for name, optimizer in module.parts.items():
                optimizer.load_state_dict(state["optimizers"][name])
            for name, part in self.parts.items():
                part.load_state_dict(state["callbacks"][name])
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"{self.path} cannot be resumed from ({reason}); start anew with --fresh or another --output"
            ) from error
        module.step, module.skipped = state["step"], state["skipped"]
        module.in_a_row, module.losses = state["in_a_row"], dict(state["losses"])
        module.seconds = state["seconds"]
        set_random_state(state["random"])
        return True
