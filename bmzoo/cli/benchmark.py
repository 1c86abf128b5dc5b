"""``bmzoo benchmark``: every backend on every system, scored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bmzoo.cli.console import DeviceOption, JsonOption, SeedOption, print_json, print_table, progress_bar


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(benchmark)


def benchmark(
    systems: Annotated[
        str, typer.Option("--systems", help="Systems, separated by commas; a state is chosen as sps:568K.")
    ] = "sps,adp,cln",
    backends: Annotated[str, typer.Option("--backends", help="Backends, separated by commas.")] = "all",
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames", "-n", help="Test frames a system [default: by size, 6 melts or 300 dipeptides]."
        ),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", "-k", help="Samples a frame.")] = 3,
    refine: Annotated[
        str | None,
        typer.Option("--refine", help="Rows: none, minimise, thermalise, thermalise:PS, comma-separated."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Other reference frames of the one system named.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", "-w", help="Tag or folder of weights of the one backend named.")
    ] = None,
    consecutive: Annotated[
        bool,
        typer.Option(
            "--consecutive",
            help="Whole runs of consecutive frames, for kinetics; all of them without --frames.",
        ),
    ] = False,
    test_sets: Annotated[
        str,
        typer.Option(
            "--test-sets",
            help="in-distribution: held-out frames; generalisation: frames of a CG simulation; or both.",
        ),
    ] = "in-distribution",
    split: Annotated[
        str, typer.Option("--split", help="Which frames of the reference are the test set.")
    ] = "test",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of the one backend named, as name=value; repeatable."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to create [default: bmzoo-benchmark-TIME].")
    ] = None,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Backmap held-out frames with every backend and say how good each is.

    Every score stands beside its floor, in brackets: the same score between two halves of the
    reference, which no method can be expected to beat.
    """
    from bmzoo.benchmark.plan import Settings, make_plan
    from bmzoo.benchmark.results import Results, place
    from bmzoo.benchmark.run import count_rows, run
    from bmzoo.report.page import write_report

    settings = Settings(
        systems=_names(systems),
        backends=_names(backends),
        frames=frames,
        samples=samples,
        refine=_names(refine) if refine else None,
        device=device,
        seed=seed,
        output=output,
        data=data,
        weights=weights,
        consecutive=consecutive,
        test_sets=tuple(name.replace("-", "_") for name in _names(test_sets)),
        split=split,
        changes=tuple(changes or ()),
    )
    plan = make_plan(settings)
    with progress_bar("benchmark", count_rows(plan), quiet=as_json) as update:
        folder = run(settings, plan=plan, report=update)
        update(count_rows(plan), "report")
        page = write_report(folder)
    results = Results.read(folder / "results.json")
    if as_json:
        print_json(results.as_dict())
        return
    header, rows = results.table()
    print_table("scores [floor]", header, rows)
    for entry in results.skipped:
        where = place(entry["system"], entry.get("state", ""), entry.get("test_set", ""))
        typer.echo(f"skipped {' '.join(filter(None, (where, entry.get('backend'))))}: {entry['reason']}")
    typer.echo(f"results and trajectories: {folder}\nreport: {page}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
