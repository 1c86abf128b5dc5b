"""Trains a backend on systems, from a configuration to weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.checkpoints import save_checkpoint
from bmzoo.backends.scaled import scaled
from bmzoo.benchmark.results import machine
from bmzoo.fitting.config import RunConfig, read_run_config
from bmzoo.fitting.data import Material, load_material
from bmzoo.fitting.folder import WEIGHTS, open_folder, write_result
from bmzoo.fitting.validation import Validation
from bmzoo.target import resolve_device

if TYPE_CHECKING:
    from bmzoo.training.trainer import Outcome

Report = Callable[[str], None]


def train(
    config: BaseModel | Mapping[str, Any] | str | Path,
    *,
    output: str | Path | None = None,
    settings: Iterable[str] = (),
    resume: bool = True,
    device: str = "auto",
    report: Report = lambda line: None,
) -> Path:
    """Trains a backend; see ``docs/training.md``.

    Args:
        config: YAML file, mapping or :class:`RunConfig`.
        output: folder; by default ``runs/<backend>-<system>-<date>``. An unfinished training that is
            found there goes on.
        settings: ``training.steps=100`` and the like, on top.
        resume: ``False`` starts anew where an unfinished training is found.
        device: ``auto``, ``cpu`` or ``cuda``.
        report: gets short lines about the progress.

    Returns:
        The folder; ``weights`` in it is the checkpoint.

    Raises:
        InputError: anything wrong with configuration, data or folder, in one sentence.
    """
    backend, chosen = read_run_config(config, settings)
    material = load_material(chosen)
    folder = Path(output) if output is not None else _default_folder(chosen, material)
    models = _models(backend, chosen, material, device)  # a refusal leaves no folder
    validated = chosen.training.validation_share > 0
    validation = Validation(models, material, chosen.training.score, chosen.seed) if validated else None
    with open_folder(folder, chosen, resume=resume) as found:
        report(f"{'going on with' if found else 'training in'} {folder}")
        outcome = _fit(models, chosen, material, validation, folder, report)
        minutes = outcome.seconds / 60
        report(f"{outcome.steps} steps in {minutes:.1f} min; kept those of step {outcome.best_step}")
        _save(models, chosen, material, outcome, folder)
    return folder


def _default_folder(config: RunConfig, material: Sequence[Material]) -> Path:
    system = "+".join(dict.fromkeys(m.label.replace(":", "-") for m in material))
    return Path("runs") / f"{config.backend}-{system}-{date.today().isoformat()}"


def _models(
    backend: type[Backmapper], config: RunConfig, material: Sequence[Material], device: str
) -> list[Backmapper]:
    """One a system, all with the networks of the first."""
    from bmzoo.training.random_state import seed_all

    seed_all(config.seed)
    first, *others = [scaled(backend(m.topology, config.settings), config.scale) for m in material]
    first.to(resolve_device(device, first))
    for other in others:
        other.adopt(first)
    return [first, *others]


def _fit(
    models: Sequence[Backmapper],
    config: RunConfig,
    material: Sequence[Material],
    validation: Validation | None,
    folder: Path,
    report: Report,
) -> Outcome:
    from bmzoo.training.task import Task
    from bmzoo.training.trainer import train as run

    tasks = [
        Task(model, model.training_batches(data.training_pairs(), seed=config.seed))
        for model, data in zip(models, material, strict=True)
    ]
    device = next(models[0].module.parameters()).device.type
    return run(
        tasks,
        config.training,
        folder,
        seed=config.seed,
        device=device,
        validate=validation,
        report=report,
    )


def _save(
    models: Sequence[Backmapper],
    config: RunConfig,
    material: Sequence[Material],
    outcome: Outcome,
    folder: Path,
) -> None:
    """Checkpoint and record; the record comes last, with it the training is finished."""
    device = next(models[0].module.parameters()).device.type
    models[0].to("cpu")  # the stored example is repeated where there may be no GPU
    found = machine()
    result = {
        "backend": config.backend,
        **asdict(outcome),
        "score_name": config.training.score,
        "seed": config.seed,
        "device": device,
        "data": [m.describe() for m in material],
        "machine": found,
    }
    data = "; ".join(f"{m.label} {m.path.name}, {m.n_train} frames, sha256 {m.sha256}" for m in material)
    created_by = (
        f"bmzoo train: {outcome.steps} steps in {outcome.seconds / 60:.1f} min on {device} "
        f"({found['processor']}, {found['cores']} cores), weights of step {outcome.best_step}; {data}"
    )
    example = next(material[0].training_pairs()).coarse
    save_checkpoint(
        models[0],
        folder / WEIGHTS,
        system="+".join(dict.fromkeys(m.system for m in material)),
        state="+".join(dict.fromkeys(m.state for m in material)),
        seed=config.seed,
        created_by=created_by,
        example=example,
        also=[m.topology for m in material[1:]],
    )
    write_result(folder, result)
