"""The experiments of the voxel GAN's papers, one command each; some of them with other backends.

    python benchmarks/papers.py performance [--backend NAME] [--weights FOLDER]
    python benchmarks/papers.py temperature [--backend NAME] [--weights FOLDER]
    python benchmarks/papers.py steps [--weights FOLDER]
    python benchmarks/papers.py chemistry --weights none=A minimise=B match=C
    python benchmarks/papers.py order --weights depth-first=A breadth-first=B random=C
    python benchmarks/papers.py choice [--weights FOLDER]
    python benchmarks/papers.py variants --system adp --weights NAME=A NAME=B ...

Each prints a table and writes EXPERIMENT.json and EXPERIMENT.svg into --output. Tested on the published
polystyrene frames (beads: the mapping applied to them); where these are absent, on the embedded ones, and
the published rows are left out. ``variants`` takes embedded frames of any system. docs/voxel_gan.md and
docs/equivariant.md say what each experiment asks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import _figures as figures
from _common import (
    SHARED,
    add_options,
    new_parser,
    numbers,
    provenance,
    refusals,
    set_threads,
    weights_label,
    write_json,
)
from _scoring import (
    COLUMNS,
    GENERAL,
    Column,
    Drawn,
    Row,
    TestSet,
    embedded_set,
    experiment_text,
    load_test_set,
)

import bmzoo
from bmzoo.backends.backmapper import Backmapper
from bmzoo.errors import InputError
from bmzoo.systems import load_system

SHAPES = (
    *(f"distributions/angle[{name}]" for name in (
        "C-C-C", "C-C-C_AR", "C-C-H", "C-C_AR-C_AR", "C_AR-C-H", "C_AR-C_AR-C_AR", "C_AR-C_AR-H_AR", "H-C-H",
    )),
    *(f"distributions/proper[{name}]" for name in ("C-C-C-C", "C-C-C-H")),
    *(f"distributions/improper[{name}]" for name in (
        "C-C_AR-C_AR-C_AR", "C_AR-C_AR-C_AR-C_AR", "C_AR-C_AR-C_AR-H_AR",
    )),
    "packing/g_inter[C-C]",
    "energetics/lj",
)  # fmt: skip


class Experiment:
    """What a command was asked for, and how it tells what it found."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.name: str = options.experiment
        self.threads = set_threads(options.threads)

    def test_set(self, state: str) -> TestSet:
        o = self.options
        found = load_test_set(state, data=o.data, frames=o.frames, molecules=o.molecules, seed=o.seed)
        self.say(f"{state}: {found.source}")
        return found

    def model(self, tests: TestSet, weights: str | None, *settings: str) -> Backmapper:
        backend = self.options.backend
        return bmzoo.load_backmapper(backend, tests.system, weights=weights, settings=settings)

    def say(self, text: str) -> None:
        """Progress, beside the table."""
        print(text, file=sys.stderr, flush=True)

    def draw(self, tests: TestSet, model: Backmapper, what: str, samples: int = 1) -> Drawn:
        drawn = tests.draw(model, samples)
        self.say(f"{what}: {drawn.seconds:.3g} s a frame")
        return drawn

    def finish(self, rows: Sequence[Row], tests: Sequence[TestSet], weights: Any) -> None:
        """Prints the table, and writes the results."""
        system = tests[0].system
        labels = {
            name: weights_label(self.options.backend, folder, system)
            for name, folder in dict(weights).items()
        }
        text = ", ".join(f"{k}={v}" if k else v for k, v in labels.items())
        made = provenance(seed=self.options.seed, threads=self.threads, weights=text)
        sources = {found.system.state: found.source for found in tests}
        found = {"experiment": self.name, **made, "test_sets": sources, "molecules": self.options.molecules}
        found["rows"] = [row.as_dict() for row in rows]
        print(experiment_text(found))
        write_json(self.options.output / f"{self.name}.json", found)

    def figure(self, suffix: str = "") -> Path:
        return Path(self.options.output) / f"{self.name}{suffix}.svg"


def performance(run: Experiment) -> None:
    """568 K: ours, raw and thermalised, beside the published frames."""
    _compared(run, ["568K"])


def temperature(run: Experiment) -> None:
    """Weights of the melt on the crystals at 453 and 313 K."""
    _compared(run, run.options.states.split(","))


def _compared(run: Experiment, states: Sequence[str]) -> None:
    weights = run.options.weights
    rows, sets = [], []
    for state in states:
        tests = run.test_set(state)
        sets.append(tests)
        found = tests.published_rows()
        raw = run.draw(tests, run.model(tests, weights), f"{state} ours")
        found.append(tests.score("ours, raw", raw))
        if run.options.refine:
            found.append(tests.score("ours, thermalised", tests.thermalised(raw, run.threads)))
        sides = {row.name: row.histograms for row in found}
        suffix = f"-{state}" if len(states) > 1 else ""
        title = f"Polystyrene at {state[:-1]} K"
        figures.distributions(run.figure(suffix), sides, SHAPES, title)
        rows += found
    run.finish(rows, sets, {"": weights})


def chemistry(run: Experiment) -> None:
    """Weights of octane and cumene on polystyrene, by energy prior."""
    named = _named(run.options.weights)
    tests = run.test_set("568K")
    rows = []
    for name, folder in named.items():
        drawn = run.draw(tests, run.model(tests, folder), name)
        rows.append(tests.score(name, drawn, prior=name))
    panels = [
        "distributions/angle[C-C-C]",
        "distributions/angle[C-C-C_AR]",
        "distributions/proper[C-C-C-C]",
        "distributions/improper[C-C_AR-C_AR-C_AR]",
        "packing/g_inter[C-C]",
        "energetics/lj",
    ]
    sides = {row.name: row.histograms for row in rows}
    title = "Polystyrene from octane and cumene"
    figures.distributions(run.figure(), sides, panels, title, tails=["energetics/lj"])
    run.finish(rows, [tests], named)


def order(run: Experiment) -> None:
    """Depth-first, breadth-first and random order, after some Gibbs sweeps."""
    named = _named(run.options.weights)
    tests = run.test_set("568K")
    rows = []
    for name, folder in named.items():
        for sweeps in numbers(run.options.sweeps):
            model = run.model(tests, folder, f"sweeps={sweeps}")
            what = f"{name}, {sweeps} sweep{'s' * (sweeps != 1)}"
            rows.append(tests.score(what, run.draw(tests, model, what), order=name, sweeps=sweeps))
    columns = COLUMNS[run.name]
    left_out = ("bond RMSE nm", "E improper", "CG RMSD nm", "LJ W1 kJ/mol")
    _curves(run, rows, [c for c in columns if c.label not in left_out], "order", "sweeps", "Gibbs sweeps")
    run.finish(rows, [tests], named)


def choice(run: Experiment) -> None:
    """Plain, lowest-energy and Boltzmann-weighted choice among candidates, as settings of one model."""
    tests = run.test_set("568K")
    rows = []
    settings = [("plain", 1)]
    settings += [
        (how, n) for how in ("lowest", "boltzmann") for n in numbers(run.options.candidates) if n > 1
    ]
    for how, n in settings:
        model = run.model(tests, run.options.weights, f"choice={how}", f"candidates={n}")
        what = how if n == 1 else f"{how} of {n}"
        drawn = run.draw(tests, model, what, run.options.samples)
        row = tests.score(what, drawn, choice=how, candidates=n)
        spread = tests.diversity(drawn)
        if spread is not None:
            row.scores["ensemble/diversity"] = spread
        rows.append(row)
    columns = COLUMNS[run.name]
    left_out = ("bond RMSE nm", "g(r)", "CG RMSD nm", "right hand %", "LJ W1 kJ/mol")
    shown = [c for c in columns if c.label not in left_out]
    # All choices among one candidate are the plain one.
    plain = rows[0]
    again = [_renamed(plain, choice=how) for how in ("lowest", "boltzmann")]
    _curves(run, [*again, *rows[1:]], shown, "choice", "candidates", "candidates", logarithmic_x=True)
    run.finish(rows, [tests], {"": run.options.weights})


def steps(run: Experiment) -> None:
    """Integrators and numbers of their steps, raw and thermalised: what fidelity costs."""
    tests = run.test_set("568K")
    rows = []
    for integrator in run.options.integrators.split(","):
        for n in numbers(run.options.steps):
            model = run.model(tests, run.options.weights, f"integrator={integrator}", f"steps={n}")
            what = f"{integrator}, {n} steps"
            raw = run.draw(tests, model, what)
            rows.append(tests.score(f"{what}, raw", raw, integrator=f"{integrator}, raw", steps=n))
            if run.options.refine:
                refined = tests.thermalised(raw, run.threads)
                row = tests.score(
                    f"{what}, thermalised", refined, integrator=f"{integrator}, thermalised", steps=n
                )
                rows.append(row)
    left_out = ("CG RMSD nm", "right hand %")
    shown = [c for c in GENERAL if c.label not in left_out]
    _curves(run, rows, shown, "integrator", "steps", "steps", logarithmic_x=True)
    run.finish(rows, [tests], {"": run.options.weights})


def variants(run: Experiment) -> None:
    """Trainings that differ in some setting, side by side on embedded test frames of a system."""
    named = _named(run.options.weights)
    tests = embedded_set(load_system(run.options.system), run.options.frames, seed=run.options.seed)
    rows = []
    for name, folder in named.items():
        raw = run.draw(tests, run.model(tests, folder, *run.options.settings), name)
        rows.append(tests.score(f"{name}, raw", raw, variant=name))
        if run.options.refine:
            rows.append(tests.score(f"{name}, thermalised", tests.thermalised(raw, run.threads)))
    run.finish(rows, [tests], named)


def _renamed(row: Row, **setting: Any) -> Row:
    return Row(**{**vars(row), "setting": {**row.setting, **setting}})


def _curves(
    run: Experiment,
    rows: Sequence[Row],
    columns: Sequence[Column],
    line: str,
    x: str,
    xlabel: str,
    *,
    logarithmic_x: bool = False,
) -> None:
    """A figure of scores over the setting ``x``, a line for each value of the setting ``line``."""
    cost = "CPU seconds a frame"
    lines: dict[str, list[tuple[float, dict[str, float | None]]]] = {}
    for row in rows:
        point = {c.label: c.number(row.scores.get(c.key)) for c in columns}
        lines.setdefault(str(row.setting[line]), []).append(
            (row.setting[x], {**point, cost: row.cpu_seconds})
        )
    floors = {c.label: c.floor(rows[0].scores.get(c.key)) for c in columns}
    floors["C2ST AUC"] = 0.5
    panels = [c.label for c in columns if any(c.key in row.scores for row in rows)]
    figures.curves(
        run.figure(),
        lines,
        [*panels, cost],
        "Polystyrene at 568 K",
        xlabel=xlabel,
        floors=floors,
        logarithmic_x=logarithmic_x,
    )


def _named(given: Sequence[str]) -> dict[str, str]:
    """Weights by name, from ``NAME=FOLDER`` or ``FOLDER``."""
    found = {}
    for text in given:
        name, equals, folder = text.partition("=")
        found[name if equals else Path(name).name] = folder if equals else name
    if len(found) < len(given):
        raise InputError("two weights have one name; give each as NAME=FOLDER with names of their own")
    return found


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = new_parser(__doc__)
    commands = parser.add_subparsers(dest="experiment", required=True, metavar="EXPERIMENT")
    for experiment in (performance, temperature, steps, chemistry, order, choice, variants):
        name = experiment.__name__
        command = commands.add_parser(name, help=experiment.__doc__, description=experiment.__doc__)
        command.set_defaults(call=experiment)
        if name in ("chemistry", "order", "variants"):
            command.add_argument("--weights", nargs="+", required=True, metavar="NAME=FOLDER")
        else:
            add_options(command, weights=None)
        if name in ("performance", "temperature"):
            command.add_argument("--backend", default="voxel_gan", help="(default %(default)s)")
        else:
            flow = name in ("steps", "variants")
            command.set_defaults(backend="equivariant" if flow else "voxel_gan")
        if name == "steps":
            command.add_argument("--integrators", default="exponential,heun")
            command.add_argument("--steps", default="2,4,8,16")
        if name == "temperature":
            command.add_argument("--states", default="453K,313K")
        if name == "order":
            command.add_argument("--sweeps", default="0,1,2,4")
        if name == "choice":
            command.add_argument("--candidates", default="4,16")
            command.add_argument("--samples", type=int, default=3, help="of a frame, for the diversity")
        if name == "variants":
            command.add_argument("--system", default="adp", help="(default %(default)s)")
            add_options(command, settings=[])
        if name in ("performance", "temperature", "steps", "variants"):
            command.add_argument(
                "--no-refine", dest="refine", action="store_false", help="no thermalised row"
            )
        command.add_argument("--frames", type=int, default=4, help="0: all (default %(default)s)")
        command.add_argument("--molecules", type=int, help="only so many of a frame, to try things out")
        add_options(command, seed=0, threads=None, data=SHARED)
        command.add_argument("--output", type=Path, help="by default docs/BACKEND")
    options = parser.parse_args(arguments)
    options.output = options.output or Path("docs") / options.backend
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    call: Callable[[Experiment], None] = options.call
    with refusals():
        call(Experiment(options))


if __name__ == "__main__":
    main()
