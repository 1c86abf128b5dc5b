"""What the commands share: progress bars, tables, and common options."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

SystemOption = Annotated[
    str | None, typer.Option("--system", "-s", help="A system of the zoo: sps, sps:313K, adp, cln.")
]
TopologyOption = Annotated[
    list[Path] | None,
    typer.Option("--topology", help="Your molecule: itp/top files (repeatable), pdb, smi or bmzoo json."),
]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="Your mapping: bmzoo YAML, Backward .map or deepBM .map.")
]
StructureOption = Annotated[
    Path | None,
    typer.Option("--structure", help="gro or pdb of the same particles, to check their number and order."),
]
TemperatureOption = Annotated[
    float | None, typer.Option("--temperature", min=1.0, help="Kelvin, for --refine thermalise.")
]
CutoffOption = Annotated[
    float | None,
    typer.Option("--cutoff", min=0.1, help="nm, for your own force field in a box [default: no cutoff]."),
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu or cuda, for networks.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same frames.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


class Progress(Protocol):
    """Called with the number of steps done and a word on what is being done."""

    def __call__(self, done: int, what: str = "") -> None: ...


@contextmanager
def progress_bar(label: str, total: int | None, *, quiet: bool = False) -> Iterator[Progress]:
    """A progress bar on standard error with the time left.

    It appears at the first report: what is refused before is told without it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Bar(*columns, console=Console(stderr=True), disable=quiet)
    task = bar.add_task(label, total=total)

    def update(done: int, what: str = "") -> None:
        bar.start()
        bar.update(task, completed=done, description=f"{label} {what}".strip())

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()


def counted(frames: Iterable[Any], update: Progress) -> Iterator[Any]:
    """The same frames, each reported to the progress bar, which appears before the first is made."""
    update(0)
    for done, frame in enumerate(frames, start=1):
        yield frame
        update(done)


def print_json(data: Any) -> None:
    """Machine-readable output on standard output; a number that is not finite becomes null."""
    from bmzoo.benchmark.results import finite

    typer.echo(json.dumps(finite(data), indent=2, allow_nan=False))


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output, as wide as it needs when it is piped."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for k, name in enumerate(header):
        table.add_column(name, justify="left" if k == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)
