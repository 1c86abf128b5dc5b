"""Short simulations from reference and generated frames, with no minimisation and no heat-up.

    python benchmarks/stability.py [--states 568K,313K] [--backends NAME[+REFINEMENT],...] [--steps N]

Each frame of polystyrene is run at constant pressure and temperature by OpenMM: force field of the
reference, bonds free unless --constraints reference, velocities drawn at the target temperature. Prints
tables and writes STATE.json and STATE.svg into --output. docs/stability.md says what was found.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import _figures as figures
import numpy as np
from _common import joined, new_parser, provenance, provenance_line, refusals, set_threads, table, write_json
from _scoring import TestSet, embedded_set
from _sources import REFERENCE, make_frames, names

from bmzoo.evaluation import geometry
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.stability import ShortRun, Trace, run_briefly
from bmzoo.systems import load_system

BACKENDS = "geometric+minimise,geometric+thermalise," + ",".join(
    f"{name},{name}+thermalise" for name in ("fragments", "voxel_gan", "equivariant")
)
CRYSTALS = ("453K", "313K")
LAST = 0.2
"""Share of the run that the energy at its end is averaged over."""


def widest_angle(topology: Topology, frame: Frame) -> float:
    """Degrees: how far the worst angle is off; a crumpled ring is what solvers of constraints fail at."""
    field = topology.force_field
    assert field is not None
    x = np.asarray(frame.positions, dtype=np.float64).reshape(-1, topology.n_atoms, 3)
    off = geometry.angles(x, field.angles) - field.angle_theta0
    return float(np.degrees(np.abs(off).max()))


def row(state: str, name: str, trace: Trace, frame: int, seconds: float) -> dict[str, Any]:
    """What one run says."""
    last = max(1, round(LAST * len(trace.potential)))
    whole = trace.blew_up is None
    return {
        "state": state,
        "name": name,
        "frame": frame,
        "blew_up": trace.blew_up,
        "why": trace.why,
        "start": trace.potential[0] if trace.potential else None,
        "highest_temperature": max(trace.temperature, default=None) if whole else None,
        "end": float(np.mean(trace.potential[-last:])) if whole else None,
        "end_density": trace.density[-1] if whole else None,
        "cpu_seconds": seconds,
        **{key: getattr(trace, key) for key in ("steps", "potential", "temperature", "density")},
    }


def run_state(tests: TestSet, options: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows of all frames of one state, and weights by name."""
    rows, weights = [], {}
    state = tests.system.state
    for name in [REFERENCE, *names(options.backends)]:
        made = make_frames(name, tests, seed=options.seed, threads=options.threads)
        if made.weights:
            weights[name.partition("+")[0]] = made.weights
        for number, frame in enumerate(made.frames):
            settings = ShortRun(
                constraints=options.constraints,
                steps=options.steps,
                timestep=options.timestep,
                flexible=state in CRYSTALS,
                seed=options.seed + number,
                threads=options.threads,
            )
            began = time.process_time()
            trace = run_briefly(tests.system.topology, frame, settings)
            found = row(state, name, trace, number, time.process_time() - began)
            found["widest_angle"] = widest_angle(tests.system.topology, frame)
            fate = "reached the end" if trace.blew_up is None else f"blew up: {trace.why}"
            print(
                f"{state} {name}: step {trace.steps[-1] if trace.steps else 0}, {fate}",
                file=sys.stderr,
                flush=True,
            )
            rows.append(found)
    return rows, weights


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    header = (
        *("state", "frames", "runs to the end", "blown up by step", "E start", "E end", "highest T K"),
        *("density end kg/m3", "worst angle off by"),
    )
    lines = []
    for key in dict.fromkeys((r["state"], r["name"]) for r in rows):
        some = [r for r in rows if (r["state"], r["name"]) == key]
        ends = [r["blew_up"] for r in some if r["blew_up"] is not None]
        values = [
            _mean(some, what)
            for what in ("start", "end", "highest_temperature", "end_density", "widest_angle")
        ]
        cells = [_cell(value, digits) for value, digits in zip(values, (2, 2, 0, 0, 0), strict=True)]
        fate = "-" if not ends else ", ".join(str(end) for end in ends)
        lines.append([*key, f"{len(some) - len(ends)} of {len(some)}", fate, *cells])
    return table(header, lines)


def _mean(rows: Sequence[dict[str, Any]], what: str) -> float | None:
    known = [r[what] for r in rows if r[what] is not None]
    return float(np.mean(known)) if known else None


def _cell(value: float | None, digits: int) -> str:
    if value is None or not np.isfinite(value):
        return "-"
    return f"{value:.1e}" if abs(value) >= 1e5 else f"{value:.{digits}f}"


def stability_text(found: dict[str, Any]) -> str:
    """The table of one state's results, how they were made, for the documentation."""
    given = found["settings"]
    count = max(row["frame"] for row in found["rows"]) + 1
    below = (
        f"{count} embedded test frames, {given['steps']} steps of {1000 * given['timestep']:g} fs, "
        f"constraints: {given['constraints']}. {provenance_line(found)}"
    )
    return f"{table_of(found['rows'])}\n\n{below}"


def draw(path: Path, rows: Sequence[dict[str, Any]], timestep: float) -> None:
    """Potential energy and temperature against time: mean and spread of whole runs, a cross for others."""
    shown = []
    for state in dict.fromkeys(r["state"] for r in rows):
        for what, title in (("potential", "E, kJ/mol an atom"), ("temperature", "T, K")):
            lines: dict[str, list[Any]] = {}
            crosses: dict[str, list[tuple[float, float]]] = {}
            for name in dict.fromkeys(r["name"] for r in rows):
                some = [r for r in rows if (r["state"], r["name"]) == (state, name) and r["steps"]]
                whole = [r for r in some if r["blew_up"] is None]
                lines[name] = []
                if whole:
                    values = np.array([r[what] for r in whole])
                    time_of = 1000 * timestep * np.array(whole[0]["steps"])
                    lines[name].append((time_of, values.mean(axis=0), values.std(axis=0)))
                crosses[name] = [
                    (1000 * timestep * r["steps"][0], r[what][0]) for r in some if r["blew_up"] is not None
                ]
            shown.append(figures.Panel(f"{state[:-1]} K: {title}", "time, fs", lines, crosses=crosses))
    figures.panels(
        path, shown, "Constant pressure, no minimisation, no heat-up; x: start of a run that blew up"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__, seed=0, threads=1, output=Path("docs/stability"))
    parser.add_argument("--states", default="568K,313K")
    parser.add_argument("--backends", default=BACKENDS, help="(default %(default)s)")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--timestep", type=float, default=0.001, help="ps (default %(default)s)")
    parser.add_argument("--constraints", choices=("none", "reference"), default="none")
    parser.add_argument("--frames", type=int, default=1, help="of each state (default %(default)s)")
    options = parser.parse_args(arguments)
    with refusals():
        run(options)


def run(options: argparse.Namespace) -> None:
    """Tables of all states are printed, their figures and numbers written."""
    set_threads(options.threads)
    given = {key: getattr(options, key) for key in ("constraints", "steps", "timestep", "threads")}
    settings = asdict(ShortRun(**given))
    for state in options.states.split(","):
        tests = embedded_set(load_system(f"sps:{state}"), options.frames, seed=options.seed)
        rows, weights = run_state(tests, options)
        made = provenance(seed=options.seed, threads=options.threads, weights=joined(weights))
        found = {"experiment": "stability", **made, "settings": settings, "rows": rows}
        write_json(options.output / f"{state}.json", found)
        draw(options.output / f"{state}.svg", rows, options.timestep)
        print(f"{stability_text(found)}\n")


if __name__ == "__main__":
    main()
