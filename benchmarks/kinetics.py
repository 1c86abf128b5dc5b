"""Kinetics of trajectories beside the reference's: scores, and figures of what they are made of.

    bmzoo benchmark --systems adp --backends fragments --consecutive --refine none -k 1 -o run
    python benchmarks/kinetics.py adp library=run/adp-300K/fragments/none.xtc [NAME=FILE[,FILE...] ...]

Files separated by commas are parallel samples of the same CG frames. Frames must be consecutive, with a gap
in time between trajectories, as in those of the benchmark. Writes into --output:

    SYSTEM-timescales.svg        implied timescales over the lag time, with bootstrap errors
    SYSTEM-velocities.svg        displacement between frames over their interval
    SYSTEM-autocorrelation.svg   of side-chain and methyl dihedrals
    SYSTEM-surfaces.svg          populations of (phi, psi), or of the first two TICA components
    SYSTEM-kinetics.json         all scores
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import _figures as figures
import numpy as np
from _common import new_parser, provenance, provenance_line, refusals, table, write_json

from bmzoo.errors import InputError
from bmzoo.evaluation.evaluate import Evaluation, Result
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import read_frames
from bmzoo.frames.whole import whole_molecules
from bmzoo.report import kinetics
from bmzoo.report.lines import Subject, make_curves
from bmzoo.systems import load_system
from bmzoo.systems.system import System

Found = Mapping[str, Result]
Lines = dict[str, list[tuple[Any, Any, Any]]]


def reference_frames(system: System, split: str, path: Path | None) -> list[Frame]:
    """Embedded frames of a split, or those of a file."""
    if path is not None:
        frames = read_frames(path)
    elif system.reference is None:
        raise InputError(f"{system.name} has no embedded frames; give some with --reference")
    else:
        frames = system.reference.frames(split)
    return list(whole_molecules(frames, system.topology, beads=False))


def generated_frames(system: System, paths: Sequence[Path]) -> Iterator[Frame]:
    """Samples of one CG frame after another."""
    for samples in zip(*(read_frames(path) for path in paths), strict=True):
        yield from whole_molecules(
            (replace(frame, sample=k) for k, frame in enumerate(samples)), system.topology, beads=False
        )


def over_time(found: Found, panels: Sequence[kinetics.Panel]) -> list[figures.Panel]:
    """What the report draws, with the reference's errors or halves as a band."""
    shown = []
    for panel in panels:
        reference = panel.reference.x, panel.reference.y, panel.reference.error
        if panel.band is not None:
            reference = panel.reference.x, panel.band.mean(axis=0), np.ptp(panel.band, axis=0) / 2
        lines: Lines = {"reference": [reference]}
        for name, row in zip(found, panel.rows, strict=True):
            lines[name] = [] if row is None else [(row.x, row.y, row.error)]
        scale = "log-log" if panel.logarithmic else "linear-linear"
        shown.append(figures.Panel(panel.title, panel.axes[0], lines, scale, diagonal=panel.logarithmic))
    return shown


def velocities(found: Found) -> list[figures.Panel]:
    shown = []
    for name in dict.fromkeys(name for result in found.values() for name in result.histograms):
        subject = Subject(name)
        if not subject.logarithmic or not _known(found, name):
            continue
        curves = make_curves(subject, [result.histograms[name] for result in found.values()])
        drawn = [curves.reference, *curves.lines]
        seen = np.flatnonzero(np.sum(drawn, axis=0) > 1e-3)
        cut = slice(seen[0], seen[-1] + 1)
        lines: Lines = {
            label: [(curves.centres[cut], values[cut], None)]
            for label, values in zip(("reference", *found), drawn, strict=True)
        }
        shown.append(figures.Panel(subject.title, subject.axis, lines, "log-linear"))
    return shown


def surfaces(path: Path, system: System, found: Found) -> None:
    key, labels = (
        ("landscape/phi_psi", ("phi, degrees", "psi, degrees"))
        if system.landscape is not None and system.landscape.kind == "phi_psi"
        else ("landscape/tica", ("TICA 1", "TICA 2"))
    )
    if not _known(found, key):
        return
    first = next(iter(found.values())).histograms[key]
    edges = np.asarray(first["edges"])
    pair = [edges, edges] if edges.ndim == 1 else list(edges)
    n = len(pair[0]) - 1

    def inside(grid: Any) -> Any:
        """Without the rim of overflow cells."""
        return grid if len(grid) == n else grid[1:-1, 1:-1]

    grids = {"reference": inside(first["reference"])}
    grids |= {name: inside(result.histograms[key]["generated"]) for name, result in found.items()}
    figures.surfaces(path, grids, pair, f"{system.title}: surfaces", labels=labels)


def _known(found: Found, key: str) -> bool:
    return all(key in result.histograms for result in found.values())


def draw(stem: Path, system: System, found: Found) -> None:
    """All figures, ``STEM-timescales.svg`` and so on."""
    histograms = [result.histograms for result in found.values()]
    for what, shown in (
        ("timescales", over_time(found, kinetics.timescales(histograms))),
        ("velocities", velocities(found)),
        ("autocorrelation", over_time(found, kinetics.autocorrelations(histograms))),
    ):
        if shown:
            figures.panels(Path(f"{stem}-{what}.svg"), shown, f"{system.title}: {what}")
    surfaces(Path(f"{stem}-surfaces.svg"), system, found)


def report(found: Found) -> str:
    """Every score of every trajectory, and its floor."""
    names = list(dict.fromkeys(key for result in found.values() for key in result.scores))
    rows = []
    for key in names:
        scores = [result.scores.get(key) for result in found.values()]
        floors = [s.floor for s in scores if s is not None and s.floor is not None]
        cells = ["-" if s is None else f"{s.value:.3g}" + _error(s.stderr) for s in scores]
        rows.append([key, *cells, f"{floors[0]:.3g}" if floors else "-"])
    return table(["", *found, "floor"], rows)


def _error(stderr: float | None) -> str:
    return "" if stderr is None else f" ± {stderr:.2g}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__, seed=0, output=Path("kinetics"))
    parser.add_argument("system", help="adp, cln, ...")
    parser.add_argument("trajectories", nargs="+", metavar="NAME=FILE[,FILE...]")
    parser.add_argument("--split", default="test", help="of the embedded frames")
    parser.add_argument("--reference", type=Path, help="another reference trajectory")
    options = parser.parse_args(arguments)
    with refusals():
        run(options)


def run(options: argparse.Namespace) -> None:
    system = load_system(options.system)
    named = _named(options.trajectories)
    reference = reference_frames(system, options.split, options.reference)
    evaluation = Evaluation(
        system.topology,
        landscape=system.landscape,
        families=["kinetics", "landscape"],
        seed=options.seed,
    )
    prepared = evaluation.prepare(reference)
    found = {
        name: evaluation.score(
            prepared, generated_frames(system, paths), reference=reference, n_samples=len(paths)
        )
        for name, paths in named.items()
    }
    print(report(found))
    for note in dict.fromkeys(f"{name}: {note}" for name, r in found.items() for note in r.notes):
        print(note)
    made = provenance(seed=options.seed, threads=1, weights="none")
    print(provenance_line(made))
    stem = options.output / system.name
    draw(stem, system, found)
    scores = {name: result.as_dict() for name, result in found.items()}
    sources = {name: [str(path) for path in paths] for name, paths in named.items()}
    what = {"system": system.name, "split": options.split, "trajectories": sources}
    write_json(Path(f"{stem}-kinetics.json"), {**what, **made, "results": scores})


def _named(texts: Sequence[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for text in texts:
        name, equals, files = text.partition("=")
        if not equals or not name or not files or name in found or name == "reference":
            raise InputError(f"'{text}' is no NAME=FILE[,FILE...] with a name of its own")
        found[name] = [Path(file) for file in files.split(",")]
    return found


if __name__ == "__main__":
    main()
