"""What watches a training: the budget, the validation, and the log."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback
from torch import Tensor

from bmzoo.training.average import MovingAverage
from bmzoo.training.module import TrainingModule
from bmzoo.training.random_state import untouched_random_state

Validate = Callable[[], Mapping[str, float]]
"""Scores of the networks as they are; ``score`` is the one that is minimised."""

REPORT_SECONDS = 30.0


class Budget(Callback):  # type: ignore[misc]
    """Ends the training after its steps or minutes; the first of the callbacks."""

    def on_train_batch_end(self, trainer: Any, module: TrainingModule, *_: Any) -> None:
        """Hook of Lightning."""
        module.finished = trainer.should_stop = module.out_of_budget


class Validation(Callback):  # type: ignore[misc]
    """Validates the averaged weights and keeps the best of them."""

    def __init__(self, average: MovingAverage, validate: Validate | None) -> None:
        self.average, self.validate = average, validate
        self.best_score, self.best_step = math.inf, 0
        self.best: dict[str, Tensor] = {}
        self.scores: dict[str, float] = {}
        self.step = 0

    def on_train_batch_end(self, trainer: Any, module: TrainingModule, *_: Any) -> None:
        """Hook of Lightning."""
        if module.step % module.config.validate_every == 0 or module.finished:
            self.run(module)

    def run(self, module: TrainingModule) -> None:
        """Validates now; without a validation the newest weights are the best."""
        networks = module.networks
        with self.average.applied(), untouched_random_state(), torch.no_grad():
            networks.eval()
            scores = dict(self.validate()) if self.validate else {"score": -float(module.step)}
            score = scores["score"] if math.isfinite(scores["score"]) else math.inf
            if score < self.best_score or not self.best:
                self.best_score, self.best_step = score, module.step
                self.best = {k: v.detach().cpu().clone() for k, v in networks.state_dict().items()}
            networks.train()
        self.scores, self.step = scores if self.validate else {}, module.step

    def state_dict(self) -> dict[str, Any]:
        """For resuming."""
        return {
            "best_score": self.best_score,
            "best_step": self.best_step,
            "best": self.best,
            "scores": self.scores,
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """For resuming."""
        for name, value in state.items():
            setattr(self, name, value)


class Log(Callback):  # type: ignore[misc]
    """``log.jsonl``: mean losses of a few steps a row; and a line now and then for whoever watches."""

    def __init__(self, path: Path, validation: Validation, report: Callable[[str], None]) -> None:
        self.path, self.validation, self.report = path, validation, report
        self._reported = time.monotonic()
        self._mark: tuple[int, float] | None = None

    def on_train_start(self, trainer: Any, module: TrainingModule) -> None:
        """Hook of Lightning; rows that are younger than the resume point are done again."""
        rows = self.path.read_text().splitlines() if self.path.exists() else []
        kept = [row for row in map(_parsed, rows) if row and row["step"] <= module.step]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in kept))
        self._mark = (module.step, module.seconds)

    def on_train_batch_end(self, trainer: Any, module: TrainingModule, *_: Any) -> None:
        """Hook of Lightning."""
        validated = self.validation.validate is not None and self.validation.step == module.step
        if module.step % module.config.log_every and not validated and not module.finished:
            return
        losses = {name: total / number for name, (total, number) in sorted(module.losses.items())}
        row: dict[str, Any] = {"step": module.step, "seconds": round(module.seconds, 3), "losses": losses}
        if module.skipped:
            row["skipped"] = module.skipped
        if validated:
            row["validation"] = {
                k: v if math.isfinite(v) else None for k, v in self.validation.scores.items()
            }
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        module.losses = {}
        if validated or module.finished or time.monotonic() - self._reported > REPORT_SECONDS:
            self._line(module, losses, validated)

    def _line(self, module: TrainingModule, losses: Mapping[str, float], validated: bool) -> None:
        step, seconds = self._mark or (0, 0.0)
        rate = (module.step - step) / max(module.seconds - seconds, 1e-9)
        words = [
            f"step {module.step}/{module.config.steps}",
            f"{module.seconds / 60:.1f} min",
            f"{rate:.3g}/s",
        ]
        words += [f"{name} {loss:.4g}" for name, loss in losses.items() if name.endswith("/total")]
        if validated:
            best = self.validation
            words.append(f"score {best.scores['score']:.4g} (best {best.best_score:.4g} at {best.best_step})")
        if module.skipped:
            words.append(f"{module.skipped} skipped")
        self.report("  ".join(words))
        self._reported, self._mark = time.monotonic(), (module.step, module.seconds)


def _parsed(row: str) -> dict[str, Any] | None:
    """A row, or ``None`` for one that a kill cut short."""
    try:
        found: dict[str, Any] = json.loads(row)
    except ValueError:
        return None
    return found
