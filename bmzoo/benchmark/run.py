"""Runs a plan: generates, refines, scores, writes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from bmzoo.backends.loading import weights_matching
from bmzoo.benchmark.plan import Job, Plan, Settings, make_plan
from bmzoo.benchmark.results import Results, Row, place
from bmzoo.benchmark.test_set import HeldOut, TestSet
from bmzoo.errors import InputError
from bmzoo.evaluation.cost import CostMeter
from bmzoo.folders import LOCK, claimed, empty
from bmzoo.frames.frame import Frame
from bmzoo.pipeline import generate, read_samples, write_samples
from bmzoo.simulation.refine import RefineSettings, make_refiner
from bmzoo.target import library_system, load_backmapper

if TYPE_CHECKING:
    from bmzoo.backends.backmapper import Backmapper

Report = Callable[[int, str], None]


def run(settings: Settings, *, plan: Plan | None = None, report: Report | None = None) -> Path:
    """Runs the benchmark.

    Args:
        settings: what to do.
        plan: what :func:`make_plan` made of them, if it is at hand.
        report: called with the number of rows finished and what comes next.

    Returns:
        The folder: ``results.json``, ``<system>-<state>/<backend>/<refine>.xtc`` and
        ``.histograms.npz`` beside each, ``<system>-<state>/scene.npz``; those made from the beads of a
        simulation are in ``<system>-<state>-generalisation``.

    Raises:
        InputError: bad settings, an output folder that exists or that another process makes.
    """
    output = Path(settings.output or f"bmzoo-benchmark-{datetime.now():%Y%m%d-%H%M%S}")
    if output.exists():
        raise InputError(f"{output} exists already; choose another --output, or remove it")
    plan = plan or make_plan(settings)
    partial = output.with_name(f".{output.name}.partial")
    with claimed(partial):
        empty(partial)
        try:
            results = _run_plan(plan, settings, partial, report or (lambda done, what: None))
            results.write(partial / "results.json")
            (partial / LOCK).unlink()
            os.replace(partial, output)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return output


def count_rows(plan: Plan) -> int:
    """Rows that a plan will give, for progress bars."""
    return sum(len(job.refine) for job in plan.jobs)


def _run_plan(plan: Plan, settings: Settings, folder: Path, report: Report) -> Results:
    results = Results(settings=asdict(settings), skipped=plan.skipped)
    done = 0
    for _, group in groupby(plan.jobs, key=lambda job: id(job.system)):
        jobs = list(group)
        system = jobs[0].system
        report(done, f"{system.name}: reference")
        held_out, models = HeldOut(jobs[0], settings), _Models(settings)
        rows: dict[str, list[Row]] = {}
        sets: dict[str, TestSet] = {}
        for job in jobs:
            if job.test_set not in sets:
                sets[job.test_set] = TestSet(job, held_out)
                sets[job.test_set].write_scene(folder)
            test_set = sets[job.test_set]
            try:
                model, weights = models(job, test_set)
            except InputError as error:
                plan.skip(system, str(error), backend=job.backend, test_set=job.test_set)
                done += len(job.refine)
                continue
            runner = _JobRunner(job, settings, test_set, model, weights, folder)
            for refine in job.refine:
                report(done, f"{place(system.name, system.state, job.test_set)} {job.backend} {refine}")
                try:
                    rows.setdefault(job.test_set, []).append(runner.row(refine))
                except InputError as error:
                    plan.skip(system, f"{refine}: {error}", backend=job.backend, test_set=job.test_set)
                done += 1
        results.rows += chain.from_iterable(rows[name] for name in sets if name in rows)
    report(done, "done")
    return results


class _Models:
    """Loads a backend once for all test sets of a system that it comes to in turn."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last: tuple[str, tuple[Backmapper, str]] | None = None

    def __call__(self, job: Job, test_set: TestSet) -> tuple[Backmapper, str]:
        if self._last is None or self._last[0] != job.backend:
            self._last = job.backend, _load(job, test_set, self._settings)
        return self._last[1]


def _load(job: Job, test_set: TestSet, settings: Settings) -> tuple[Backmapper, str]:
    """The model, warmed up, and what it was made from."""
    model = load_backmapper(
        job.backend,
        job.system,
        weights=settings.weights,
        settings=settings.changes,
        device=settings.device,
    )
    # First calls pay for imports, compilation and caches; they are not what is measured.
    for _ in model.backmap([test_set.coarse[0]], n_samples=1, seed=0):
        pass
    weights = settings.weights
    if weights is None and model.capabilities.fitting == "gradient":
        system = job.system
        found = weights_matching(job.backend, system.topology, system.name, system.state, kin=system.kin)
        weights = found.name if found else None
    if weights is None and model.capabilities.fitting == "library":
        source = library_system(job.system)
        weights = f"library {source.name}:{source.state}" if source else None
    return model, str(weights or "")


class _JobRunner:
    """Rows of one backend: the raw trajectory is generated once, every refinement starts from it."""

    def __init__(
        self, job: Job, settings: Settings, test_set: TestSet, model: Backmapper, weights: str, folder: Path
    ) -> None:
        self.job, self.settings, self.test_set = job, settings, test_set
        self.model, self.weights, self.root = model, weights, folder
        self.folder = folder / test_set.folder / job.backend
        self.folder.mkdir(parents=True)
        self.raw_cost: CostMeter | None = None

    def row(self, refine: str) -> Row:
        """Generates or refines, writes the trajectory, scores it."""
        if self.raw_cost is None:
            self.raw_cost = self._write(self._generated(), "none", self.job.n_samples)
        settings = RefineSettings.parse(refine)
        if settings == RefineSettings.parse("none"):
            return self._scored(refine, self.job.n_samples, self.raw_cost, [])
        # A minimum has no ensemble, and costs ten times a thermalised sample: one a frame.
        n_samples = 1 if settings == RefineSettings.parse("minimise") else self.job.n_samples
        failed: list[str] = []
        cost = self._write(self._refined(refine, n_samples, failed), refine, n_samples)
        cost.seconds += self.raw_cost.seconds * n_samples / self.job.n_samples
        return self._scored(refine, n_samples, cost, failed)

    def _path(self, refine: str) -> Path:
        return self.folder / f"{refine.replace(':', '-')}.xtc"

    def _write(self, frames: Iterable[Frame], refine: str, n_samples: int) -> CostMeter:
        meter = CostMeter()
        timed = meter.measure(frames)
        for _ in write_samples(timed, self._path(refine), self.job.system.topology, n_samples):
            pass
        return meter

    def _generated(self) -> Iterator[Frame]:
        job = self.job
        return generate(self.model, self.test_set.coarse, n_samples=job.n_samples, seed=self.settings.seed)

    def _read(self, refine: str, n_samples: int) -> Iterator[Frame]:
        indices = [frame.index for frame in self.test_set.coarse]
        return read_samples(self._path(refine), n_samples, indices)

    def _refined(self, refine: str, n_samples: int, failed: list[str]) -> Iterator[Frame]:
        topology = self.job.system.topology
        refiner = make_refiner(topology, RefineSettings.parse(refine), seed=self.settings.seed)
        assert refiner is not None
        coarse = {frame.index: frame for frame in self.test_set.coarse}
        for atoms in self._read("none", self.job.n_samples):
            if atoms.sample >= n_samples:
                continue
            refined = refiner.refine(atoms, coarse[atoms.index])
            if not refined.relaxed:
                failed.append(f"frame {atoms.index} sample {atoms.sample}: {refined.message}")
            yield refined.frame

    def _scored(self, refine: str, n_samples: int, cost: CostMeter, failed: list[str]) -> Row:
        job, test_set = self.job, self.test_set
        result = test_set.score(self._read(refine, n_samples), n_samples)
        path = self._path(refine)
        result.save_histograms(path.with_suffix(".histograms.npz"))
        n_frames, n_atoms = len(test_set.coarse), len(test_set.held_out.atoms[0])
        return Row(
            system=job.system.name,
            state=job.system.state,
            test_set=test_set.name,
            backend=job.backend,
            weights=self.weights,
            refine=refine,
            seed=self.settings.seed,
            n_frames=n_frames,
            n_samples=n_samples,
            n_atoms=n_atoms,
            seconds=cost.seconds,
            atoms_per_second=n_frames * n_samples * n_atoms / max(cost.seconds, 1e-9),
            peak_memory_mb=cost.peak_memory_mb,
            scores={name: score.as_dict() for name, score in result.scores.items()},
            trajectory=str(path.relative_to(self.root)),
            failed_frames=failed,
            worst=result.worst,
            notes=result.notes,
        )
