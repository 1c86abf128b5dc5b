"""``results.json``: its schema, its writer, its reader, and the table that people look at."""

from __future__ import annotations

import json
import math
import os
import platform
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bmzoo
from bmzoo.errors import InputError

SCHEMA = 1

COLUMNS = {
    "C2ST AUC": "detectability/c2st_auc",
    "angle JSD": "distributions/angle_jsd",
    "dihedral JSD": "distributions/dihedral_jsd",
    "CG RMSD nm": "consistency/cg_rmsd",
    "overlaps/1000": "validity/overlaps_per_1000",
    "right hand": "validity/stereocentres_kept",
}
"""Scores of the table; everything else is in ``results.json``."""
TEST_SETS = {
    "in_distribution": "reference frames that were held out, coarse-grained",
    "generalisation": "frames of a coarse-grained simulation, which have no atoms to pair with",
}
"""What backends are given."""
SCORE = ("value", "floor", "ratio", "stderr", "unit", "n", "note")
ROUNDING = 1e-12
"""What is smaller is shown as nothing."""


@dataclass
class Row:
    """One backend, raw or refined, on one test set of one system."""

    system: str
    state: str
    test_set: str
    backend: str
    weights: str
    refine: str
    seed: int
    n_frames: int
    n_samples: int
    n_atoms: int
    seconds: float
    atoms_per_second: float
    peak_memory_mb: float
    scores: dict[str, dict[str, Any]]
    trajectory: str = ""
    failed_frames: list[str] = field(default_factory=list)
    """Frames that did not relax and were kept raw."""
    worst: dict[str, str] = field(default_factory=dict)
    """The worst frame by validity score."""
    notes: list[str] = field(default_factory=list)
    """Scores that could not be given, and why."""

    @property
    def place(self) -> str:
        """System, state and test set, for tables."""
        return place(self.system, self.state, self.test_set)


def off_floor(score: dict[str, Any]) -> float | None:
    """How far a score of a row is from its floor, on either side: below it is not better than the reference.

    ``None`` where value or floor is missing.
    """
    value, floor = score["value"], score["floor"]
    return None if value is None or floor is None else abs(value - floor)


@dataclass
class Results:
    """Everything that a benchmark found."""

    settings: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=lambda: machine())
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    bmzoo: str = bmzoo.__version__
    schema: int = SCHEMA

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; a value that is not finite becomes null."""
        data: dict[str, Any] = finite(asdict(self))
        return data

    def write(self, path: Path) -> None:
        """Writes to a temporary name, then moves into place."""
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n")
        os.replace(partial, path)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Raises:
        InputError: no such file, or not a benchmark's results of a schema known here.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)
            schema, version = data["schema"], data["bmzoo"]
        except OSError as error:
            reason = error.strerror or "no file"
            raise InputError(f"{path} cannot be read ({reason}); give what 'bmzoo benchmark' made") from None
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path} is no results.json of a benchmark") from None
        if schema != SCHEMA:
            raise InputError(f"{path} has schema {schema}, this bmzoo reads schema {SCHEMA}")
        try:
            data["rows"] = [_row(**row) for row in data["rows"]]
            # Nothing by default: it would be this machine, this day.
            return cls(**{part.name: data[part.name] for part in fields(cls)})
        except (TypeError, KeyError, AttributeError):
            raise InputError(
                f"{path} was written by bmzoo {version} in a way that "
                f"bmzoo {bmzoo.__version__} does not understand; run the benchmark again"
            ) from None

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and cells of the summary, floors in brackets."""
        header = ["system", "backend", "refine", *COLUMNS, "s/frame"]
        cells = []
        for row in self.rows:
            per_frame = row.seconds / max(1, row.n_frames * row.n_samples)
            scores = [_cell(row.scores.get(key)) for key in COLUMNS.values()]
            cells.append([row.place, row.backend, row.refine, *scores, f"{per_frame:.3g}"])
        return header, cells


def _row(scores: dict[str, dict[str, Any]], **data: Any) -> Row:
    """With every score whole.

    Raises:
        TypeError, KeyError, AttributeError: anything that a benchmark does not write.
    """
    found = {name: {key: score[key] for key in SCORE} for name, score in scores.items()}
    numbers = [score[key] for score in found.values() for key in ("value", "floor", "stderr")]
    row = Row(scores=found, **data)
    if not all(isinstance(n, int | float) for n in [row.seconds, *(n for n in numbers if n is not None)]):
        raise TypeError
    return row


def place(system: str, state: str, test_set: str) -> str:
    """``adp:300K``, or ``adp:300K generalisation``."""
    return f"{system}:{state}" + (" generalisation" if test_set == "generalisation" else "")


def _cell(score: dict[str, Any] | None) -> str:
    if score is None or score["value"] is None:
        return "-"
    value, floor = (
        None if x is None else 0.0 if abs(x) < ROUNDING else x for x in (score["value"], score["floor"])
    )
    return f"{value:.3g}" if floor is None else f"{value:.3g} [{floor:.2g}]"


def finite(data: Any) -> Any:
    """Plain data for JSON, with ``None`` for what is not finite and words for paths."""
    if isinstance(data, dict):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, Path):
        return str(data)
    return data


def machine() -> dict[str, Any]:
    """Processor, cores, memory, graphics card and versions: figures mean nothing without them."""
    from importlib.metadata import version

    import torch

    packages = ("numpy", "torch", "openmm", "MDAnalysis", "scikit-learn", "featomic", "deeptime")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
