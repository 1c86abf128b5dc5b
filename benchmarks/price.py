"""What a second a frame buys: the geometric baseline after 0.1 to 100 ps of MD with the beads held.

    python benchmarks/price.py adp --frames 40
    python benchmarks/price.py cln --frames 12 --durations 0.1,1,10
    python benchmarks/price.py sps --frames 4 --durations 0.1,1 --backends fragments,equivariant

Minimisation and restrained MD of a geometric guess is what people do today. Beside it stand the other
backends, raw and thermalised. One sample a frame, one thread; times are CPU seconds, which other jobs on the
machine lengthen little. Writes SYSTEM-STATE.json (a benchmark's results, without scores of single classes)
and SYSTEM-STATE.svg into --output after every row; rows that are there already are not computed again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from _common import new_parser, refusals, set_threads, weights_label
from _scoring import TestSet, embedded_set
from _sources import names

import bmzoo
from bmzoo.benchmark.results import COLUMNS, Results, Row
from bmzoo.errors import InputError
from bmzoo.evaluation.evaluate import Evaluation
from bmzoo.frames.frame import Frame
from bmzoo.pipeline import generate
from bmzoo.report.pareto import draw_pareto
from bmzoo.report.source import Entry, Part
from bmzoo.simulation.refine import RefineSettings, make_refiner
from bmzoo.systems import load_system

BASELINE = "geometric"
FAMILIES = ("distributions", "consistency", "validity", "detectability")
CLOCK = "CPU seconds a frame, one thread"


class Pricing:
    """One system: its rows, written as they come."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.tests: TestSet = embedded_set(load_system(options.system), options.frames, seed=options.seed)
        system = self.tests.system
        self.stem: Path = options.output / f"{system.name}-{system.state}"
        self.title = system.title
        self.evaluation = Evaluation(system.topology, families=FAMILIES, seed=options.seed)
        self.prepared = self.evaluation.prepare(self.tests.atoms)
        settings = {"systems": [options.system], "frames": len(self.tests.atoms), "samples": 1}
        settings |= {"seed": options.seed, "clock": CLOCK}
        self.results = Results(settings=settings)
        if self.path.is_file():
            before = Results.read(self.path)
            if before.settings != settings:
                raise InputError(
                    f"{self.path} was made with other settings; remove it, or choose another --output"
                )
            self.results.rows = before.rows

    @property
    def path(self) -> Path:
        return self.stem.with_name(f"{self.stem.name}.json")

    def run(self) -> None:
        """All rows of all backends."""
        durations = [f"thermalise:{text}" for text in self.options.durations.split(",")]
        self.backend(BASELINE, ["none", "minimise", *durations])
        for name in names(self.options.backends):
            self.backend(name, ["none", "thermalise"])
        # Longer runs may have been asked for later.
        order = list(dict.fromkeys(row.backend for row in self.results.rows))
        self.results.rows.sort(key=lambda row: order.index(row.backend))
        self.write()

    def backend(self, name: str, refinements: Sequence[str]) -> None:
        """The raw frames once, every refinement from them."""
        known = {row.refine for row in self.results.rows if row.backend == name}
        wanted = [refine for refine in refinements if refine not in known]
        if not wanted:
            return
        model = bmzoo.load_backmapper(name, self.tests.system)
        # The first call pays for imports and caches.
        list(generate(model, self.tests.coarse[:1], seed=self.options.seed))
        began = time.process_time()
        raw = list(generate(model, self.tests.coarse, seed=self.options.seed))
        cost = time.process_time() - began
        for refine in wanted:
            frames, seconds, failed = self.refined(raw, refine)
            self.add(name, refine, frames, cost + seconds, failed)

    def refined(self, raw: list[Frame], refine: str) -> tuple[list[Frame], float, list[str]]:
        """Frames, CPU seconds of the refinement, and what did not relax."""
        settings = replace(RefineSettings.parse(refine), threads=1)
        refiner = make_refiner(self.tests.system.topology, settings, seed=self.options.seed)
        if refiner is None:
            return raw, 0.0, []
        began = time.process_time()
        found = [refiner.refine(*pair) for pair in zip(raw, self.tests.coarse, strict=True)]
        seconds = time.process_time() - began
        return [one.frame for one in found], seconds, [one.message for one in found if not one.relaxed]

    def add(self, name: str, refine: str, frames: list[Frame], seconds: float, failed: list[str]) -> None:
        """Scores, and writes what there is so far."""
        tests, system = self.tests, self.tests.system
        found = self.evaluation.score(self.prepared, frames, reference=tests.atoms, coarse=tests.coarse)
        weights = weights_label(name, None, system)
        n_frames, n_atoms = len(tests.atoms), len(tests.atoms[0])
        row = Row(
            system=system.name,
            state=system.state,
            test_set="in_distribution",
            backend=name,
            weights="" if weights == "none" else weights,
            refine=refine,
            seed=self.options.seed,
            n_frames=n_frames,
            n_samples=1,
            n_atoms=n_atoms,
            seconds=seconds,
            atoms_per_second=n_frames * n_atoms / max(seconds, 1e-9),
            peak_memory_mb=0.0,
            scores={key: found.scores[key].as_dict() for key in COLUMNS.values() if key in found.scores},
            failed_frames=failed,
        )
        self.results.rows.append(row)
        self.write()
        auc = row.scores["detectability/c2st_auc"]["value"]
        print(f"{name} {refine}: AUC {auc:.3f}, {seconds / n_frames:.3g} CPU s a frame", file=sys.stderr)

    def write(self) -> None:
        """Results and figure."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.results.write(self.path)
        backends = list(dict.fromkeys(row.backend for row in self.results.rows))
        part = Part(self.results.rows[0].system, self.results.rows[0].state)
        part.entries = [Entry(r, self.path.parent, backends.index(r.backend) + 1) for r in self.results.rows]
        drawing = draw_pareto(part, clock=CLOCK)
        assert drawing is not None
        said = f"C2ST AUC against {CLOCK}, {self.title}"
        self.stem.with_name(f"{self.stem.name}.svg").write_text(drawing.standalone(part.label, said))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__, seed=0, output=Path("docs/price"))
    parser.add_argument("system", help="with a state where wanted: adp, cln, sps:568K")
    parser.add_argument("--durations", default="0.1,1,10,100", help="ps (default %(default)s)")
    parser.add_argument("--backends", default="fragments,equivariant", help="beside it (default %(default)s)")
    parser.add_argument("--frames", type=int, default=40, help="test frames (default %(default)s)")
    options = parser.parse_args(arguments)
    set_threads(1)
    with refusals():
        Pricing(options).run()


if __name__ == "__main__":
    main()
