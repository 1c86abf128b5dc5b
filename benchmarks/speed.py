"""How fast a backend is, how much memory it takes, and how its time grows with the system.

    python benchmarks/speed.py [--backend NAME] [--weights FOLDER] [--threads 2] [--copies 1,2,4,8]
    python benchmarks/speed.py --backend equivariant --system cln --copies 1,8,64
    python benchmarks/speed.py --backend temporal_cvae --system adp --copies 64 --frames 50,200

Backmaps a frame of the embedded polystyrene melt (36 chains, 5,832 atoms) and boxes of several copies of
it; every copy has its own noise. Of a molecule without a box so many samples are drawn instead. With
--frames copies are trajectories of so many frames, to and fro along runs of the embedded test frames, which
backends that give each frame the one before advance side by side.

Of the voxel GAN placements are counted: a placement is one atom drawn once; the first pass and every Gibbs
sweep draw all atoms, but for those that are a bead of their own. The exponent is the slope of log(time)
against log(copies). CPU seconds are of all threads together; they tell a busy machine from a slow program.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from _common import (
    new_parser,
    numbers,
    provenance,
    provenance_line,
    set_threads,
    table,
    weights_label,
    write_json,
)
from _trajectories import consecutive, to_and_fro

import bmzoo
from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.voxel_gan.model import VoxelGAN
from bmzoo.errors import InputError
from bmzoo.evaluation.cost import CostMeter
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology
from bmzoo.systems import load_system
from bmzoo.systems.system import System

PUBLISHED = {"default": 2.4, "one candidate": 68.0}
"""Placements a second of the published program on two cores like those that this was written on."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__, weights=None, settings=[], threads=None, seed=0, output=None)
    parser.add_argument("--backend", default="voxel_gan", help="(default %(default)s)")
    parser.add_argument("--system", default="sps:568K", help="(default %(default)s)")
    parser.add_argument("--copies", default="1,2,4,8", help="powers of two (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=1, help="the fastest of so many counts")
    parser.add_argument("--frames", help="numbers of frames of parallel trajectories, such as 50,200")
    parser.add_argument("--molecules", type=int, help="only so many of the frame, to try things out")
    options = parser.parse_args(arguments)

    system = load_system(options.system)
    threads = set_threads(options.threads)
    backend = options.backend
    model = bmzoo.load_backmapper(
        backend, system, weights=options.weights, settings=options.settings, device="cpu"
    )
    start = first_frame(system, options.molecules)
    warm_up(model, start)
    of_trajectories = bool(options.frames)
    rows = trajectory_rows(model, system, options) if of_trajectories else copied_rows(model, start, options)
    label = weights_label(backend, options.weights, system)
    made = provenance(seed=options.seed, threads=threads, weights=label)
    found = {"backend": backend, "settings": options.settings, "rows": rows, **made}
    print(speed_text(found))
    if options.output:
        write_json(options.output / "speed.json", found)


def trajectory_rows(model: Any, system: System, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Trajectories side by side, by their number and length.

    Raises:
        InputError: a backend that draws every frame on its own.
    """
    if not hasattr(model, "backmap_together"):
        raise InputError(f"'{model.name}' has no trajectories that advance side by side; leave --frames out")
    assert system.reference is not None
    runs = consecutive(list(coarse_grain(system.reference.frames("test"), system.topology.mapping)))
    rows = []
    for copies, length in product(numbers(options.copies), numbers(options.frames)):

        def once(copies: int = copies, length: int = length) -> None:
            beads = [to_and_fro(runs[k % len(runs)], length) for k in range(copies)]
            for _ in model.backmap_together(beads, seed=options.seed):
                pass

        rows.append({"copies": copies, "frames": copies * length, **timed(once, options.repeats)})
    return rows


def copied_rows(model: Backmapper, start: Frame, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Copies of a box, or samples of a molecule, by their number."""
    topology, rows = model.topology, []
    passes = 1 + model.config.sweeps if isinstance(model, VoxelGAN) else None
    for copies in sorted(numbers(options.copies)):
        frame, samples = (start, copies) if start.box is None else (replicated(start, copies), 1)

        def once(frame: Frame = frame, samples: int = samples) -> None:
            for _ in model.backmap([frame], n_samples=samples, seed=options.seed):
                pass

        n_molecules = copies * len(start) // topology.n_beads
        row = {"copies": copies, "atoms": n_molecules * topology.n_atoms, **timed(once, options.repeats)}
        if passes is not None:
            row["placements"] = passes * n_molecules * (topology.n_atoms - lone_atoms(topology))
        rows.append(row)
    return rows


def first_frame(system: Any, molecules: int | None) -> Frame:
    """Beads of the first embedded test frame, or of its first molecules."""
    atoms = system.reference.frames("test", 0, 1)
    beads = next(coarse_grain(atoms, system.topology.mapping))
    kept = None if molecules is None else molecules * system.topology.n_beads
    return beads.with_positions(beads.positions[:kept])


def replicated(frame: Frame, copies: int) -> Frame:
    """So many copies of the box, doubled along its vectors in turn.

    Raises:
        InputError: no power of two.
    """
    if copies < 1 or copies & (copies - 1):
        raise InputError(f"{copies} copies do not make a box; take powers of two")
    assert frame.box is not None
    doublings = copies.bit_length() - 1
    shape = [2 ** ((doublings + 2 - axis) // 3) for axis in range(3)]
    shifts = np.array(list(product(*(range(n) for n in shape)))) @ frame.box
    positions = (frame.positions[None] + shifts[:, None]).reshape(-1, 3)
    return frame.with_positions(positions, box=np.asarray(frame.box) * np.array(shape)[:, None])


def lone_atoms(topology: Topology) -> int:
    """Atoms of a molecule that lie on a bead of their own, so that nothing has to be placed."""
    return int((np.diff(topology.mapping.matrix.indptr) == 1).sum())


def warm_up(model: Backmapper, frame: Frame) -> None:
    """First calls pay for imports and caches."""
    one = frame.with_positions(frame.positions[: model.topology.n_beads])
    for _ in model.backmap([one], seed=0):
        pass


def timed(once: Callable[[], None], repeats: int) -> dict[str, float]:
    """Wall seconds, CPU seconds and peak memory of the fastest of some runs."""
    found = []
    for _ in range(repeats):
        began = time.process_time()
        with CostMeter() as meter:
            once()
        found.append((meter.seconds, time.process_time() - began, meter.peak_memory_mb))
    seconds, cpu, memory = min(found)
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_memory_mb": memory}


def exponent(rows: Sequence[dict[str, Any]], key: str) -> float | None:
    """Slope of log(time) against log(copies), least squares."""
    if len(rows) < 2:
        return None
    copies, seconds = (np.log([row[name] for row in rows]) for name in ("copies", key))
    return float(np.polyfit(copies, seconds, 1)[0])


def report(rows: Sequence[dict[str, Any]]) -> str:
    """The table, the exponent, and the comparison with the published program."""
    if "frames" in rows[0]:
        return report_trajectories(rows)
    placed = "placements" in rows[0]
    header = [
        "copies",
        "atoms",
        "s",
        "CPU s",
        "ms a copy",
        *["placements a second"] * placed,
        "peak memory MB",
    ]
    cells = [
        [
            str(row["copies"]),
            f"{row['atoms']:,}",
            f"{row['seconds']:.3g}",
            f"{row['cpu_seconds']:.3g}",
            f"{1000 * row['seconds'] / row['copies']:.3g}",
            *([f"{row['placements'] / row['seconds']:.0f}"] if placed else []),
            f"{row['peak_memory_mb']:.0f}",
        ]
        for row in rows
    ]
    lines = [table(header, cells), ""]
    slopes = exponent(rows, "seconds"), exponent(rows, "cpu_seconds")
    if slopes[0] is not None:
        lines.append(f"Exponent of time against copies: {slopes[0]:.2f} (CPU seconds: {slopes[1]:.2f}).")
    if placed:
        rate = rows[0]["placements"] / rows[0]["seconds"]
        times = ", ".join(f"{p:g} ({name}; {rate / p:.0f} times)" for name, p in PUBLISHED.items())
        lines.append(f"Published program, same machine: {times}.")
    return "\n".join(lines)


def report_trajectories(rows: Sequence[dict[str, Any]]) -> str:
    """Frames of all trajectories together, by wall clock and by CPU time."""
    header = ["trajectories", "frames of each", "frames a second", "frames a CPU second", "peak memory MB"]
    cells = [
        [
            str(row["copies"]),
            str(row["frames"] // row["copies"]),
            f"{row['frames'] / row['seconds']:.3g}",
            f"{row['frames'] / row['cpu_seconds']:.3g}",
            f"{row['peak_memory_mb']:.0f}",
        ]
        for row in rows
    ]
    return table(header, cells)


def speed_text(found: dict[str, Any]) -> str:
    """Table and provenance of the JSON, in markdown."""
    settings = [f"With {setting}." for setting in found["settings"]]
    return " ".join([report(found["rows"]), *settings, provenance_line(found)])


if __name__ == "__main__":
    main()
