"""What a benchmark will do, decided before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, product
from pathlib import Path
from typing import TYPE_CHECKING

from bmzoo.benchmark.results import TEST_SETS
from bmzoo.errors import InputError, unknown

if TYPE_CHECKING:
    from bmzoo.systems.system import System


@dataclass(frozen=True)
class Settings:
    """Settings of one benchmark.

    Attributes:
        systems: names, with a state where wanted (``sps:313K``).
        backends: names, or ``("all",)``.
        frames: test frames a system; by default what each system says.
        samples: samples a frame of generative backends; others, and ``minimise`` rows, have one.
        refine: refinements, each a row; by default ``none`` and ``thermalise``, and ``minimise``
            for backends that learn nothing, as in the papers' baseline.
        device: ``auto``, ``cpu`` or ``cuda``, for networks.
        seed: of the sampling and the classifiers.
        output: folder to create; by default named after the time.
        data: reference frames to use instead of the embedded ones (one system only).
        split: which split of the reference is held out: the test set ``in_distribution``, and what frames
            of the test set ``generalisation`` are compared with.
        test_sets: of :data:`~bmzoo.benchmark.results.TEST_SETS`.
        weights: folder or tag of a checkpoint, of the one backend named.
        consecutive: test frames are whole runs (or beginnings of runs) of consecutive frames, for
            kinetics, and all of them where ``frames`` is not given; otherwise single frames, evenly spread.
            Both test sets have equally many frames.
        changes: ``name=value`` settings of the one backend named.
    """

    systems: Sequence[str] = ("sps", "adp", "cln")
    backends: Sequence[str] = ("all",)
    frames: int | None = None
    samples: int = 3
    refine: Sequence[str] | None = None
    device: str = "auto"
    seed: int = 0
    output: str | Path | None = None
    data: str | Path | None = None
    split: str = "test"
    test_sets: Sequence[str] = ("in_distribution",)
    weights: str | Path | None = None
    consecutive: bool = False
    changes: Sequence[str] = ()

    def __post_init__(self) -> None:
        from bmzoo.simulation.refine import RefineSettings

        if not self.systems:
            raise InputError("name at least one system to benchmark")
        if self.frames is not None and self.frames < 2:
            raise InputError(f"a benchmark needs at least 2 frames a system, not {self.frames}")
        if self.samples < 1:
            raise InputError(f"the number of samples must be at least 1, not {self.samples}")
        if not self.test_sets:
            raise InputError("name at least one test set: in-distribution, generalisation")
        for name in self.test_sets:
            if name not in TEST_SETS:
                raise unknown("test set", name.replace("_", "-"), [n.replace("_", "-") for n in TEST_SETS])
        if self.device not in ("auto", "cpu", "cuda"):
            raise unknown("device", self.device, ("auto", "cpu", "cuda"))
        if self.data is not None and len(self.systems) != 1:
            raise InputError("--data holds the frames of one system; name just that one with --systems")
        if self.weights is not None and (len(self.backends) != 1 or "all" in self.backends):
            raise InputError("--weights are those of one backend; name just that one with --backends")
        if self.changes and (len(self.backends) != 1 or "all" in self.backends):
            raise InputError("--set changes one backend; name just that one with --backends")
        for refine in self.refine or ():
            RefineSettings.parse(refine)


@dataclass(frozen=True)
class Job:
    """One backend on one test set of a system; each refinement of it is a row.

    Attributes:
        frames: of the reference, those of the split one after another.
        simulated: frames of the coarse-grained simulation that are backmapped; none in the test set
            ``in_distribution``.
    """

    system: System
    backend: str
    test_set: str
    frames: tuple[range, ...]
    simulated: tuple[range, ...]
    n_samples: int
    refine: tuple[str, ...]


@dataclass
class Plan:
    """Jobs, and what was left out, with the reason."""

    jobs: list[Job] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)

    def skip(self, system: System, reason: str, *, backend: str = "", test_set: str = "") -> None:
        entry = {"system": system.name, "state": system.state, "reason": reason}
        entry |= {k: v for k, v in (("backend", backend), ("test_set", test_set)) if v}
        self.skipped.append(entry)


def make_plan(settings: Settings) -> Plan:
    """Loads the systems and decides which rows there will be.

    Raises:
        InputError: an unknown system or backend, or no system with frames of the split.
    """
    from bmzoo.backends.registry import backend_names, get_backend
    from bmzoo.systems import load_system

    known = backend_names()
    chosen = known if tuple(settings.backends) == ("all",) else tuple(settings.backends)
    for name in chosen:
        if name not in known:
            raise unknown("backend", name, known)
    plan = Plan()
    for name in settings.systems:
        system = load_system(name, data=settings.data)
        if system.reference is None or settings.split not in system.reference.splits:
            plan.skip(system, f"no reference frames for the split '{settings.split}'; give some with --data")
            continue
        frames = _chosen(system.reference.runs(settings.split), settings, system.benchmark_frames)
        sets = _test_sets(plan, system, settings, sum(map(len, frames)))
        for backend, (test_set, simulated) in product(chosen, sets.items()):
            capabilities = get_backend(backend).capabilities
            plan.jobs.append(
                Job(
                    system,
                    backend,
                    test_set,
                    frames,
                    simulated,
                    settings.samples if capabilities.generative else 1,
                    tuple(settings.refine or default_refinements(capabilities.fitting)),
                )
            )
    if settings.systems and not plan.jobs:
        names = ", ".join(settings.systems)
        if any("test_set" in entry for entry in plan.skipped):
            raise InputError(
                f"no frames of a CG simulation are embedded for {names}; make some with 'bmzoo simulate-cg', "
                "backmap them, and score them with 'bmzoo evaluate --simulated'"
            )
        raise InputError(
            f"there are no reference frames for the split '{settings.split}' of {names}; "
            "see 'bmzoo systems', or give some with --data"
        )
    return plan


def _test_sets(plan: Plan, system: System, settings: Settings, n_frames: int) -> dict[str, tuple[range, ...]]:
    """Frames of the simulation by test set; what there is none of is skipped."""
    assert system.reference is not None
    described = system.reference.provenance.get("generalisation")
    found: dict[str, tuple[range, ...]] = {}
    for name in settings.test_sets:
        if name == "in_distribution":
            found[name] = ()
        elif described is None:
            plan.skip(system, "no frames of a CG simulation are embedded", test_set=name)
        else:
            found[name] = _chosen(described["runs"], settings, n_frames, n_frames)
    if described is not None and "generalisation" not in settings.test_sets:
        reason = "not asked for; frames of a CG simulation are embedded: --test-sets generalisation"
        plan.skip(system, reason, test_set="generalisation")
    return found


def _chosen(
    runs: Sequence[int], settings: Settings, n_single: int, n_whole: int | None = None
) -> tuple[range, ...]:
    """Frames of runs that follow one another, by default ``n_single`` single ones or ``n_whole`` in runs."""
    if settings.consecutive:
        return _whole_runs(runs, settings.frames or n_whole or sum(runs))
    return (_spread(sum(runs), settings.frames or n_single),)


def default_refinements(fitting: str) -> tuple[str, ...]:
    """Rows of a backend by default."""
    return ("none", "minimise", "thermalise") if fitting == "none" else ("none", "thermalise")


def _spread(n_available: int, n_wanted: int) -> range:
    step = max(1, n_available // n_wanted)
    return range(0, n_available, step)[:n_wanted]


def _whole_runs(runs: Sequence[int], n_wanted: int) -> tuple[range, ...]:
    """Runs evenly spread, as few as hold the frames wanted, all cut to one length."""
    ends = list(accumulate(runs))
    n_runs = min(len(runs), -(-n_wanted * len(runs) // ends[-1]))
    length = -(-n_wanted // n_runs)
    chosen = [k * len(runs) // n_runs for k in range(n_runs)]
    return tuple(range(ends[k] - runs[k], ends[k] - runs[k] + min(length, runs[k])) for k in chosen)
