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
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import _figures as figures
import numpy as np
from _common import provenance, provenance_line, table, write_json

from bmzoo.errors import InputError
from bmzoo.evaluation.evaluate import Evaluation, Result
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import read_frames
from bmzoo.frames.whole import whole_molecules
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


def timescales(found: Found) -> list[figures.Panel]:
    entries = {name: r.histograms["kinetics/timescales"] for name, r in found.items()}
    first = next(iter(entries.values()))
    shown = []
    for k in range(first["reference"].shape[1]):
        lines: Lines = {
            "reference": [(first["edges"], first["reference"][:, k], first["reference_stderr"][:, k])]
        }
        for name, e in entries.items():
            lines[name] = [(e["edges"], e["generated"][:, k], e["generated_stderr"][:, k])]
        shown.append(figures.Panel(f"timescale {k + 1}, ps", "lag time, ps", lines, "log-log", diagonal=True))
    return shown


def velocities(found: Found) -> list[figures.Panel]:
    return [
        figures.Panel(f"{title}{extra}", "nm/ps", _histograms(found, f"kinetics/{name}{kind}"), "log-linear")
        for name, extra in (("velocity", ""), ("internal_velocity", ", superposed"))
        for kind, title in (("[heavy]", "heavy atoms"), ("[hydrogen]", "hydrogens"))
        if _known(found, f"kinetics/{name}{kind}")
    ]


def _histograms(found: Found, key: str) -> Lines:
    """Densities over the logarithm, in which all bins are equally wide."""
    lines: Lines = {}
    for name, result in found.items():
        entry = result.histograms[key]
        middles = np.sqrt(entry["edges"][1:] * entry["edges"][:-1])
        for label, side in (("reference", "reference"), (name, "generated")):
            counts = entry[side][1:-1]
            lines.setdefault(label, [(middles, counts / max(entry[side].sum(), 1), None)])
    seen = np.flatnonzero(np.sum([line[0][1] for line in lines.values()], axis=0) > 1e-5)
    cut = slice(seen[0], seen[-1] + 1)
    return {label: [(x[cut], y[cut], None) for x, y, _ in line] for label, line in lines.items()}


def autocorrelations(found: Found) -> list[figures.Panel]:
    shown = []
    for kind, title in (("side_chain", "side chains"), ("methyl", "methyl groups")):
        key = f"kinetics/autocorrelation[{kind}]"
        if not _known(found, key):
            continue
        lines: Lines = {}
        for name, result in found.items():
            entry = result.histograms[key]
            halves = entry.get("reference_halves", entry["reference"][None])
            lines.setdefault("reference", [(entry["edges"], half, None) for half in halves])
            lines[name] = [(entry["edges"], entry["generated"], None)]
        shown.append(figures.Panel(title, "ps", lines))
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
    for what, shown in (
        ("timescales", timescales(found) if _known(found, "kinetics/timescales") else []),
        ("velocities", velocities(found)),
        ("autocorrelation", autocorrelations(found)),
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


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("system", help="adp, cln, ...")
    parser.add_argument("trajectories", nargs="+", metavar="NAME=FILE[,FILE...]")
    parser.add_argument("--split", default="test", help="of the embedded frames")
    parser.add_argument("--reference", type=Path, help="another reference trajectory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("kinetics"))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    try:
        run(options)
    except InputError as error:
        sys.exit(f"{error}")


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
