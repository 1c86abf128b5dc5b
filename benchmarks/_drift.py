"""Whether long trajectories go astray: scores of their last tenth beside those of their first."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

from _common import provenance
from _trajectories import Source, consecutive, ends, to_and_fro

from bmzoo.benchmark.compare import Change, compare_results
from bmzoo.benchmark.results import Results, Row
from bmzoo.benchmark.test_set import HeldOut
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame

SHOWN = (
    "energetics/total_energy_per_atom",
    "energetics/total_w1",
    "energetics/equipartition_angle",
    "energetics/equipartition_dihedral",
    "distributions/angle_jsd",
    "distributions/dihedral_jsd",
    "distributions/bond_rmse",
    "landscape/phi_psi_jsd",
    "landscape/cluster_jsd",
    "validity/overlaps_per_1000",
    "validity/stereocentres_kept",
    "detectability/c2st_auc",
    "kinetics/internal_velocity_w1",
    "kinetics/autocorrelation[methyl]",
    "kinetics/autocorrelation[side_chain]",
)


def drift(
    held_out: HeldOut, named: Sequence[Source], options: argparse.Namespace, threads: int
) -> dict[str, Any]:
    """What changed between the first and the last tenth, by backend; of those that draw side by side.

    The beads of a trajectory go to and fro along a run of test frames, so often that both tenths have the
    same ones: what differs is the method's.
    """
    runs = consecutive(held_out.coarse)
    runs = [run for run in runs if len(run) > 1][:: max(1, len(runs) // options.trajectories)]
    runs = runs[: options.trajectories]
    longest = max(map(len, runs), default=0)
    if longest < 2:
        raise InputError("no frames follow one another in time; give consecutive ones")
    runs = [run for run in runs if len(run) == longest]
    tenth, period = options.length // 10, 2 * (longest - 1)
    first = range(tenth)
    begin = -(-(options.length - tenth) // period) * period
    last = range(begin, begin + tenth)
    rows = []
    for source in named:
        model: Any = source.load(held_out.system)
        if not hasattr(model, "backmap_together"):
            continue
        beads = [to_and_fro(run, last.stop) for run in runs]
        began = time.perf_counter()
        found = ends(model.backmap_together(beads, seed=options.seed), first, last)
        seconds = time.perf_counter() - began
        sides = [_scored(held_out, side, source, options.seed) for side in found]
        rows.append({**_compared(*sides), "name": source.name, "seconds": seconds})
    labels = ", ".join(f"{source.name}={source.label(held_out.system)}" for source in named)
    return {
        "experiment": "temporal",
        "system": options.system,
        "trajectories": len(runs),
        "length": last.stop,
        "tenth": tenth,
        "drift": rows,
        **provenance(seed=options.seed, threads=threads, weights=labels),
    }


def _scored(held_out: HeldOut, trajectories: list[list[Frame]], source: Source, seed: int) -> Results:
    """As one row of a benchmark; each trajectory begins earlier than the one before it ends."""
    frames = [frame for trajectory in trajectories for frame in trajectory]
    result = held_out.evaluation.score(held_out.prepared, frames)
    system = held_out.system
    row = Row(
        system=system.name,
        state=system.state,
        test_set="drift",
        backend=source.name,
        weights="",
        refine="none",
        seed=seed,
        n_frames=len(frames),
        n_samples=1,
        n_atoms=len(frames[0]),
        seconds=0.0,
        atoms_per_second=0.0,
        peak_memory_mb=0.0,
        scores={name: score.as_dict() for name, score in result.scores.items()},
    )
    return Results({"seed": seed}, [row])


def _compared(first: Results, last: Results) -> dict[str, Any]:
    """Changes that are shown, those that are more than chance, and how many were tested."""
    changes = compare_results(first, last).changes
    tested = [change for change in changes if change.significant is not None]
    return {
        "tested": len(tested),
        "significant": [_plain(change) for change in tested if change.significant],
        "shown": [_plain(change) for change in changes if change.score in SHOWN],
    }


def _plain(change: Change) -> dict[str, Any]:
    return {
        "score": change.score,
        "first": change.before,
        "last": change.after,
        "stderr": change.stderr,
        "significant": change.significant,
        "verdict": change.verdict,
    }
