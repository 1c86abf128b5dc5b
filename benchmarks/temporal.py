"""The experiments of the temporal VAE's paper: trajectories of several backends beside the reference's.

    python benchmarks/temporal.py adp [--backends fragments,temporal_cvae,NAME=equivariant]
        [--weights NAME=FOLDER ...] [--test-sets in-distribution,generalisation] [--frames N] [--output DIR]
    python benchmarks/temporal.py adp --drift

Runs of the test frames, coarse-grained (in-distribution), and of the embedded coarse-grained simulation
(generalisation) are backmapped, side by side where the backend can. Writes into --output:

    SYSTEM.json                    energies, surfaces, slow processes, velocities, correlation, speed
    SYSTEM-TESTSET-WHAT.svg        energies, timescales, velocities, autocorrelation, surfaces
    SYSTEM-latent-LABEL.svg        latent space of the VAE, coloured by the potential energy
    SYSTEM-samples.svg             samples of one CG frame over one another

and with --drift instead of all this SYSTEM-drift.json: scores of the first and of the last tenth of
trajectories of --length frames. Their beads go to and fro along runs of test frames, the same in both tenths.

Velocities stand beside those of the first backend, which should be the library that draws frame by frame.
docs/temporal.md says what is found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _figures as figures
import kinetics
import numpy as np
from _common import new_parser, provenance, refusals, set_threads, write_json
from _drift import drift
from _pictures import molecules, points
from _temporal_text import temporal_text
from _trajectories import Source, draw, sources
from numpy.typing import NDArray

from bmzoo.benchmark.plan import Job, Settings, make_plan
from bmzoo.benchmark.test_set import HeldOut, TestSet
from bmzoo.evaluation.evaluate import Result
from bmzoo.frames.datasets import coarse_grain, pairs
from bmzoo.frames.frame import Frame

FAMILIES = (
    *("distributions", "energetics", "consistency", "validity", "detectability", "landscape", "kinetics"),
)
KEPT = ("landscape/", "kinetics/")
"""Families of which scores of single classes are kept."""
WALKED, SAMPLES = 20, 12
"""Frames before the one whose samples are shown, and how many of them."""
PAIRS = 1_000_000
"""Of atoms, whose energies are worked out at once."""


def jobs_of(options: argparse.Namespace) -> tuple[Settings, list[Job]]:
    """Test sets of the system; any backend will do, for it is not used."""
    settings = Settings(
        systems=(options.system,),
        backends=("fragments",),
        frames=options.frames,
        seed=options.seed,
        split=options.split,
        consecutive=True,
        test_sets=tuple(name.replace("-", "_") for name in options.test_sets.split(",")),
    )
    plan = make_plan(settings)
    for entry in plan.skipped:
        if entry.get("test_set") in settings.test_sets:
            say(f"{entry['test_set']}: {entry['reason']}")
    return settings, plan.jobs


def say(text: str) -> None:
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


def row(source: Source, tests: TestSet, options: argparse.Namespace) -> tuple[dict[str, Any], Result]:
    """Draws and scores the trajectories of one backend."""
    system = tests.held_out.system
    say(f"{tests.name}: {source.name}")
    drawn = draw(source.load(system), tests.coarse, parallel=options.parallel, seed=options.seed)
    result = tests.score(drawn.frames, 1)
    return {
        "test_set": tests.name,
        "name": source.name,
        "weights": source.label(system),
        "n_frames": len(drawn.frames),
        "seconds": drawn.seconds,
        "cpu_seconds": drawn.cpu_seconds,
        "energy_sd": energy_deviation(result),
        "scores": {
            name: score.as_dict()
            for name, score in result.scores.items()
            if "[" not in name or name.startswith(KEPT)
        },
        "notes": result.notes,
    }, result


def energy_deviation(result: Result) -> float | None:
    """kJ/mol per atom: standard deviation of the reference's potential energy, from its histogram."""
    entry = result.histograms.get("energetics/total")
    if entry is None:
        return None
    middles, counts = (entry["edges"][1:] + entry["edges"][:-1]) / 2, entry["reference"][1:-1]
    mean = np.average(middles, weights=counts)
    return float(np.sqrt(np.average((middles - mean) ** 2, weights=counts)))


def energies(path: Path, found: dict[str, Result], n_atoms: int, title: str) -> None:
    """Distributions of the potential energy."""
    lines: kinetics.Lines = {}
    for name, result in found.items():
        entry = result.histograms["energetics/total"]
        middles = n_atoms * (entry["edges"][1:] + entry["edges"][:-1]) / 2
        for label, side in (("reference", "reference"), (name, "generated")):
            shares = entry[side][1:-1] / entry[side].sum()
            lines.setdefault(label, [(middles, shares, None)])
    figures.panels(path, [figures.Panel("potential energy", "kJ/mol", lines)], title)


def latent(source: Source, held_out: HeldOut, path: Path) -> None:
    """First two principal components of the posterior means of the test frames."""
    model: Any = source.load(held_out.system)
    means, numbers = model.latents(pairs(held_out.atoms, held_out.system.topology.mapping))
    centred = means - means.mean(axis=0)
    plane = np.linalg.svd(centred, full_matrices=False)[2][:2].T
    energy = potential_energies([held_out.atoms[k] for k in numbers], held_out)
    shown = {source.name: (centred @ plane, energy)}
    axes = ("first principal component", "second")
    points(path, shown, f"{held_out.system.title}: latent space", labels=axes, values="kJ/mol")


def potential_energies(frames: Sequence[Frame], held_out: HeldOut) -> NDArray[np.float64]:
    """``(n,)`` kJ/mol, of bonds that are not constrained and of all else."""
    import torch

    from bmzoo.representations.energies import Energies

    field = held_out.system.topology.force_field
    assert field is not None
    x = torch.as_tensor(np.stack([np.asarray(f.positions, dtype=np.float64) for f in frames]))
    energies, at_once = Energies(field), max(1, PAIRS // field.n_atoms**2)
    with torch.no_grad():
        return np.concatenate([np.asarray(energies(part)) for part in x.split(at_once)])


def samples(named: Sequence[Source], held_out: HeldOut, path: Path, seed: int) -> None:
    """Samples of one test frame, each with its own past, and the reference's atoms."""
    system = held_out.system
    walked = held_out.atoms[: WALKED + 1]
    beads = list(coarse_grain(walked, system.topology.mapping))
    shown = {"reference": np.asarray(walked[-1].positions)[None]}
    for source in named:
        every = list(source.load(system).backmap(beads, n_samples=SAMPLES, seed=seed))
        shown[source.name] = np.stack([frame.positions for frame in every[-SAMPLES:]])
    bonds, given = system.topology.graph.bonds, np.asarray(beads[-1].positions)
    molecules(path, shown, given, bonds, f"{system.title}: {SAMPLES} samples of one frame of beads")


def experiments(options: argparse.Namespace, named: Sequence[Source], threads: int) -> dict[str, Any]:
    """Everything but the drift."""
    settings, jobs = jobs_of(options)
    held_out = HeldOut(jobs[0], settings, FAMILIES)
    stem, rows = options.output / options.system, []
    for job in jobs:
        tests = TestSet(job, held_out)
        found: dict[str, Result] = {}
        for source in named:
            made, found[source.name] = row(source, tests, options)
            rows.append(made)
        of_set = Path(f"{stem}-{tests.name}")
        kinetics.draw(of_set, held_out.system, found)
        if all("energetics/total" in result.histograms for result in found.values()):
            title = f"{held_out.system.title}: energies"
            energies(Path(f"{of_set}-energies.svg"), found, held_out.system.topology.n_atoms, title)
    samples(named, held_out, Path(f"{stem}-samples.svg"), options.seed)
    for source in named:
        if source.backend == "temporal_cvae":
            latent(source, held_out, Path(f"{stem}-latent-{source.name}.svg"))
    labels = ", ".join(f"{source.name}={source.label(held_out.system)}" for source in named)
    made = provenance(seed=options.seed, threads=threads, weights=labels)
    what = {"experiment": "temporal", "system": options.system, "parallel": options.parallel}
    return {**what, **made, "rows": rows}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__, threads=None, seed=0, output=Path("docs/temporal"))
    parser.add_argument("system", help="adp, cln, ...")
    parser.add_argument("--backends", default="fragments,temporal_cvae", metavar="[LABEL=]NAME,...")
    parser.add_argument("--weights", nargs="*", default=[], metavar="LABEL=FOLDER")
    parser.add_argument("--test-sets", default="in-distribution,generalisation")
    parser.add_argument("--split", default="test", help="of the embedded frames")
    parser.add_argument("--frames", type=int, help="of either test set (default: all test frames, as many)")
    parser.add_argument("--parallel", type=int, default=64, help="trajectories side by side")
    parser.add_argument("--drift", action="store_true", help="instead of all else")
    parser.add_argument("--length", type=int, default=10_000, help="frames of each, for the drift")
    parser.add_argument("--trajectories", type=int, default=16, help="for the drift")
    options = parser.parse_args(arguments)
    with refusals():
        run(options)


def run(options: argparse.Namespace) -> None:
    """Writes the JSON, and prints its tables."""
    threads = set_threads(options.threads)
    named = sources(options.backends, options.weights)
    if options.drift:
        options.test_sets = "in-distribution"
        settings, (job,) = jobs_of(options)
        found = drift(HeldOut(job, settings, FAMILIES), named, options, threads)
    else:
        found = experiments(options, named, threads)
    print(temporal_text(found))
    suffix = "-drift" if options.drift else ""
    write_json(options.output / f"{options.system}{suffix}.json", found)


if __name__ == "__main__":
    main()
