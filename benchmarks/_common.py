"""What the commands of this folder share: options, published frames, where figures come from, tables."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bmzoo
from bmzoo.benchmark.results import machine
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import read_frames
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.topology import Topology

SHARED = Path(os.environ.get("BMZOO_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""Published snapshots, which carry no licence and are not part of the repository."""
GAN, MINIMISED = "voxel_gan_2020", "energy_minimised_2020"
N_PUBLISHED = 52
SHIFTED = {("453K", MINIMISED)}
"""These files begin one frame later than the reference: ``aa[i]`` belongs to frame ``i - 1``."""
LEAKED = {"568K": (9, 19, 41)}
"""Frames that the published GAN was trained on."""


OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "data": ("--data", {"type": Path, "help": "published snapshots"}),
    "output": ("--output", {"type": Path, "help": "folder of results (default %(default)s)"}),
    "seed": ("--seed", {"type": int}),
    "settings": ("--set", {"action": "append", "metavar": "KEY=VALUE", "help": "of the backend"}),
    "threads": ("--threads", {"type": int, "help": "(default %(default)s; None: as many as torch likes)"}),
    "weights": ("--weights", {"help": "folder or tag; by default the shipped weights"}),
}


def new_parser(description: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """A parser that shows a description as it is written, with shared options."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    add_options(parser, **defaults)
    return parser


def add_options(parser: argparse.ArgumentParser, **defaults: Any) -> None:
    """Those of ``OPTIONS`` that a default is given for."""
    for name, default in defaults.items():
        flag, how = OPTIONS[name]
        parser.add_argument(flag, dest=name, default=default, **how)


@contextmanager
def refusals() -> Iterator[None]:
    """Bad input ends the program with one sentence."""
    try:
        yield
    except InputError as error:
        sys.exit(str(error))


def lateness(state: str, method: str) -> int:
    """Frame ``i`` of the reference belongs to frame ``i - lateness`` of the method."""
    return int((state, method) in SHIFTED)


def published_frames(folder: Path, name: str, topology: Topology, numbers: Sequence[int]) -> Iterator[Frame]:
    """Frames of a published trajectory, molecules whole."""
    every = list(read_frames(folder / f"{name}.xtc"))
    yield from whole_molecules((every[n] for n in numbers), topology, beads=False)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table."""
    lines = [" | ".join(header), " | ".join("---" for _ in header), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def weights_label(backend: str, weights: str | Path | None, system: Any) -> str:
    """Folder (or tag) of a backend's weights, and the beginning of their SHA-256."""
    from bmzoo.backends.loading import WEIGHTS, weights_matching

    folder = Path(weights) if weights is not None else None
    if folder is None:
        folder = weights_matching(backend, system.topology, system.name, system.state, kin=system.kin)
    elif not folder.is_dir():
        folder = WEIGHTS / backend / str(weights)
    if folder is None:
        return "none"
    name = folder.name
    if (folder / "weights" / "config.json").is_file():
        folder = folder / "weights"
    try:
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:12]
    except OSError:
        return name
    return f"{name} ({digest})"


def joined(weights: dict[str, str]) -> str:
    """What stands for several weights in the provenance."""
    return ", ".join(f"{key}={label}" for key, label in weights.items()) or "none"


def provenance(*, seed: int, threads: int, weights: str) -> dict[str, Any]:
    """Date, machine, threads, seed and weights of a run."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "bmzoo": bmzoo.__version__,
        "machine": machine(),
        "threads": threads,
        "seed": seed,
        "weights": weights,
    }


def hardware(where: dict[str, Any]) -> str:
    """Processor, cores that could be used, and memory of ``machine``, in words."""
    count = where["cores"]
    return f"{where['processor']}, {count} core{'' if count == 1 else 's'}, {where['memory_gb']:.0f} GB"


def provenance_line(found: dict[str, Any]) -> str:
    """The same in one line, for below a table."""
    where = found["machine"]
    versions = f"bmzoo {found['bmzoo']}, torch {where['versions']['torch']}"
    return (
        f"{found['created'][:10]}, {hardware(where)}, threads {found['threads']}, "
        f"{versions}, seed {found['seed']}, weights {found['weights']}."
    )


def write_json(path: Path, data: Any) -> None:
    """Six digits a number, rows of numbers on a line; what is not finite becomes null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_plain(data), indent=1, allow_nan=False)
    path.write_text(NUMBERS.sub(lambda row: "".join(row[0].split()), text) + "\n")


NUMBERS = re.compile(r"\[\n\s+([-+.\de]+|null)(,\n\s+([-+.\de]+|null))*\n\s+\]")


def numbers(text: str) -> list[int]:
    """``1,2,4`` from the command line."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"'{text}' is no list of whole numbers such as 1,2,4") from None


def set_threads(count: int | None) -> int:
    """Lets torch use so many threads (as many as it likes where not given); returns how many."""
    import torch

    if count is not None:
        torch.set_num_threads(count)
    return torch.get_num_threads()


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float):
        return float(f"{data:.6g}") if math.isfinite(data) else None
    return data
