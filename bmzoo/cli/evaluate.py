"""``bmzoo evaluate``: scores for any program's output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bmzoo.cli.console import (
    CutoffOption,
    JsonOption,
    MappingOption,
    SeedOption,
    StructureOption,
    SystemOption,
    TopologyOption,
    print_json,
    print_table,
    progress_bar,
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(evaluate)


def evaluate(
    generated: Annotated[Path, typer.Argument(help="Atomistic trajectory to score.")],
    reference: Annotated[Path, typer.Option("--reference", help="Atomistic reference trajectory.")],
    system: SystemOption = None,
    topology: TopologyOption = None,
    mapping: MappingOption = None,
    structure: StructureOption = None,
    coarse: Annotated[
        Path | None, typer.Option("--coarse", help="The CG frames given [default: reference, mapped].")
    ] = None,
    simulated: Annotated[
        bool,
        typer.Option(
            "--simulated", help="--coarse is a CG simulation: its frames pair with none of the reference."
        ),
    ] = False,
    start: Annotated[int | None, typer.Option("--start", help="First frame, from 0.")] = None,
    stop: Annotated[int | None, typer.Option("--stop", help="Frame to stop before.")] = None,
    step: Annotated[int | None, typer.Option("--step", help="Every so many frames.")] = None,
    cutoff: CutoffOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Score atomistic frames against reference frames, whoever made them."""
    from bmzoo.api import evaluate as run

    with progress_bar("evaluating", None, quiet=as_json) as update:
        result = run(
            generated,
            reference,
            system=system,
            topology=topology,
            mapping=mapping,
            structure=structure,
            coarse=coarse,
            simulated=simulated,
            cutoff=cutoff,
            seed=seed,
            start=start,
            stop=stop,
            step=step,
            progress=update,
        )
    if as_json:
        print_json(result.as_dict())
        return
    rows = [
        [
            name,
            _number(score.value),
            _number(score.floor),
            _number(score.ratio),
            _number(score.stderr),
            score.unit,
            score.note,
        ]
        for name, score in sorted(result.scores.items())
    ]
    print_table("scores", ["score", "value", "floor", "ratio", "+-", "unit", "note"], rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
