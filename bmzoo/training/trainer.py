"""The one trainer: any model with ``training_step``, resumed, averaged, validated, quiet."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lightning.pytorch import Trainer

from bmzoo.training.average import MovingAverage
from bmzoo.training.callbacks import Budget, Log, Validate, Validation
from bmzoo.training.config import TrainingConfig
from bmzoo.training.module import Batches, TrainingModule
from bmzoo.training.random_state import seed_all
from bmzoo.training.resume import ResumePoints
from bmzoo.training.task import Task


@dataclass(frozen=True)
class Outcome:
    """What a training did.

    Attributes:
        steps: done, of which ``skipped`` moved nothing.
        seconds: wall-clock time, over all resumptions.
        best_step: whose averaged weights the networks now carry.
        best_score: theirs; ``None`` without validation.
        scores: of the last validation.
    """

    steps: int
    skipped: int
    seconds: float
    best_step: int
    best_score: float | None
    scores: dict[str, float] = field(default_factory=dict)


def train(
    tasks: Sequence[Task],
    config: TrainingConfig,
    folder: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    validate: Validate | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Trains to the end of the steps or minutes, and leaves the best weights in the networks.

    The same seed and data give the same weights, whether or not the training was killed and resumed
    on the way (on a GPU as far as its kernels repeat themselves; and with a limit of minutes the last
    step depends on the machine).

    Args:
        tasks: one, or several whose models share their networks and take turns.
        folder: gets ``resume.pt`` and ``log.jsonl``; a training that is found there goes on.
        seed: of turns, and of torch's, numpy's and Python's global generators.
        device: ``cpu`` or ``cuda``, where the networks are already.
        validate: scores of the networks as they are; ``score`` is minimised. Without it the last
            weights are the best.
        report: gets short lines about the progress.

    Raises:
        InputError: too many losses in a row that are no numbers, or a damaged resume point.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seed_all(seed)
    module = TrainingModule(tasks, config, seed)
    average = MovingAverage(module, config.ema)
    validation = Validation(average, validate)
    points = ResumePoints(folder / "resume.pt", {"average": average, "validation": validation})
    log = Log(folder / "log.jsonl", validation, report)
    if points.read(module):
        report(f"resumed at step {module.step}, after {module.seconds / 60:.1f} min")
    if not module.out_of_budget:
        with quiet_lightning(), keyboard_interrupts():
            Trainer(
                accelerator="gpu" if device == "cuda" else "cpu",
                devices=1,
                max_epochs=1,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                default_root_dir=folder,
                callbacks=[Budget(), average, validation, log, points],
            ).fit(module, Batches(module))
        module.networks.to(device)  # Lightning leaves them on the CPU
    elif validation.step != module.step:
        # The limit was lowered to less than what is done.
        validation.run(module)
        points.write(module)
    module.networks.load_state_dict(validation.best)
    module.networks.eval()
    return Outcome(
        steps=module.step,
        skipped=module.skipped,
        seconds=module.seconds,
        best_step=validation.best_step,
        best_score=validation.best_score if validate else None,
        scores=validation.scores,
    )


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """No banners, tips and warnings of Lightning, which are not for our users."""
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def keyboard_interrupts() -> Iterator[None]:
    """Ctrl-C stays Ctrl-C: Lightning turns it into an exit, and ignores it from then on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, handler)
