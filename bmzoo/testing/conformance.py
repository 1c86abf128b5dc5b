"""What every backend owes its users, as a suite to inherit; it needs pytest only to be run by it.

>>> class TestMine(BackendConformance):
...     backend = "mine"

A backend that is trained gives itself weights by overriding :meth:`BackendConformance.make`.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

import numpy as np
from scipy.spatial.transform import Rotation

from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.checkpoints import read_checkpoint, save_checkpoint, verify
from bmzoo.backends.config import build_config
from bmzoo.backends.loading import load_backmapper
from bmzoo.backends.registry import backend_names, get_backend
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology
from bmzoo.testing.toys import BOX, toy_pairs, toy_topology
from bmzoo.testing.training_checks import TrainingConformance

SEED = 7
LOOKAHEAD = 64
"""Frames that a backend may read before it gives the first one."""
FAR = 0.5
"""nm; no atom of the toy molecule belongs further from its bead."""


class BackendConformance(TrainingConformance):
    """Inherit it, set ``backend``, and pytest runs every test.

    Attributes:
        backend: name of an installed backend.
        config: changes of its defaults.
        n_library: reference frames that a backend with ``fitting="library"`` is given.
        tolerance: nm; how well symmetries must hold.
        repeats: nm; how well the same seed must repeat itself in other batches.
    """

    backend: ClassVar[str] = ""
    config: ClassVar[Mapping[str, Any]] = {}
    n_library: ClassVar[int] = 40
    tolerance: ClassVar[float] = 1e-3
    repeats: ClassVar[float] = 1e-6

    def make(self, topology: Topology) -> Backmapper:
        """A backmapper that is ready to use; networks begin as they do in every run of the check."""
        backend = get_backend(self.backend)
        if backend.capabilities.fitting == "gradient":
            import torch

            self._made = getattr(self, "_made", 0) + 1
            torch.manual_seed(self._made)
            return backend(topology, build_config(backend.Config, self.config))
        library = toy_pairs(self.n_library, 2, seed=1) if backend.capabilities.fitting == "library" else None
        return load_backmapper(self.backend, topology, config=self.config, library=library)

    # Configuration and checkpoints

    def test_is_listed(self) -> None:
        assert self.backend in backend_names()

    def test_config_survives_json(self) -> None:
        model = get_backend(self.backend).Config
        config = build_config(model, self.config)
        assert model.model_validate_json(config.model_dump_json()) == config

    def test_unknown_config_key_is_named(self) -> None:
        with refused("no_such_key"):
            build_config(get_backend(self.backend).Config, {"no_such_key": 1})

    def test_saved_and_loaded_gives_the_same_frames(self) -> None:
        backmapper, frames = self._ready(2)
        with tempfile.TemporaryDirectory() as folder:
            saved = save_checkpoint(
                backmapper, Path(folder) / "toy", system="toy", seed=SEED, example=frames[0]
            )
            again = read_checkpoint(saved).restore(toy_topology())
            assert_same(again.backmap(frames, seed=SEED), backmapper.backmap(frames, seed=SEED), 1e-6)
            verify(saved, toy_topology())

    # Frames in, frames out

    def test_reads_lazily(self) -> None:
        backmapper, frames = self._ready(1)
        read = 0

        def endless() -> Iterator[Frame]:
            nonlocal read
            for index in count():
                read += 1
                yield dataclasses.replace(frames[0], index=index)

        assert len(list(islice(backmapper.backmap(endless(), seed=SEED), 2))) == 2
        assert read <= LOOKAHEAD, f"{read} frames were read to give two"

    def test_no_frames_give_no_frames(self) -> None:
        assert list(self.make(toy_topology()).backmap([], seed=SEED)) == []

    def test_frame_by_frame_sample_by_sample(self) -> None:
        backmapper, frames = self._ready(3)
        given = list(backmapper.backmap(frames, n_samples=2, seed=SEED))
        assert [(f.index, f.sample) for f in given] == [(i, s) for i in range(3) for s in range(2)]

    def test_box_time_index_and_name_are_kept(self) -> None:
        backmapper, frames = self._ready(2)
        for given, frame in zip(backmapper.backmap(frames, seed=SEED), frames, strict=True):
            assert (given.time, given.index, given.name) == (frame.time, frame.index, frame.name)
            assert (given.box is None) == (frame.box is None)
            if given.box is not None and frame.box is not None:
                assert np.array_equal(given.box, frame.box)

    def test_atoms_are_finite_in_order_and_near_their_beads(self) -> None:
        topology = toy_topology()
        backmapper, frames = self._ready(2)
        for given, frame in zip(backmapper.backmap(frames, seed=SEED), frames, strict=True):
            beads = frame.positions.reshape(-1, topology.n_beads, 3)
            atoms = given.positions.reshape(len(beads), topology.n_atoms, 3)
            assert np.isfinite(atoms).all()
            distances = np.linalg.norm(atoms - beads[:, topology.mapping.owners], axis=2)
            if backmapper.capabilities.fitting != "gradient":
                assert distances.max() < FAR, f"an atom is {distances.max():.2f} nm from its bead"

    # Random numbers

    def test_same_seed_same_frames_however_they_are_batched(self) -> None:
        self._skip_if_temporal("frames depend on earlier ones")
        backmapper, frames = self._ready(4)
        together = list(backmapper.backmap(frames, seed=SEED))
        alone = [next(iter(backmapper.backmap([frame], seed=SEED))) for frame in reversed(frames)]
        assert_same(reversed(alone), together, self.repeats)

    def test_same_seed_same_frames_twice(self) -> None:
        backmapper, frames = self._ready(3)
        once, again = (backmapper.backmap(frames, seed=SEED) for _ in range(2))
        assert_same(once, again, self.repeats)

    def test_more_samples_leave_the_first_ones_alone(self) -> None:
        backmapper, frames = self._ready(2)
        few = [f for f in backmapper.backmap(frames, n_samples=2, seed=SEED) if f.sample == 0]
        one = backmapper.backmap(frames, n_samples=1, seed=SEED)
        assert_same(few, one, self.repeats)

    def test_samples_and_seeds_differ_if_generative(self) -> None:
        if not get_backend(self.backend).capabilities.generative:
            raise SkipTest("it is not generative")
        backmapper, frames = self._ready(1)
        first, second = backmapper.backmap(frames, n_samples=2, seed=SEED)
        other = next(iter(backmapper.backmap(frames, seed=SEED + 1)))
        assert np.abs(first.positions - second.positions).max() > 1e-3, "two samples are alike"
        assert np.abs(first.positions - other.positions).max() > 1e-3, "two seeds give the same"

    # Symmetries

    def test_moves_with_its_beads(self) -> None:
        backmapper, frames = self._ready(2)
        shift = np.array([0.31, -1.17, 0.05])
        moved = [f.with_positions(f.positions + shift) for f in frames]
        back = (f.with_positions(f.positions - shift) for f in backmapper.backmap(moved, seed=SEED))
        assert_same(back, backmapper.backmap(frames, seed=SEED), self.tolerance)

    def test_turns_with_its_beads_if_equivariant(self) -> None:
        if not get_backend(self.backend).capabilities.equivariant:
            raise SkipTest("it does not claim to be equivariant")
        backmapper = self.make(toy_topology())
        frames = [pair.coarse for pair in toy_pairs(2)]
        turn = Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix()
        turned = [f.with_positions(f.positions @ turn) for f in frames]
        back = (f.with_positions(f.positions @ turn.T) for f in backmapper.backmap(turned, seed=SEED))
        assert_same(back, backmapper.backmap(frames, seed=SEED), self.tolerance)

    def test_wrapped_beads_give_whole_molecules(self) -> None:
        self._skip_unless_periodic()
        backmapper, frames = self._ready(2)
        topology = toy_topology()
        wrapped = []
        for frame in frames:
            steps = np.random.default_rng(3).integers(-1, 2, (len(frame), 3))
            steps[:: topology.n_beads] = 0
            wrapped.append(frame.with_positions(frame.positions + steps @ BOX))
        assert_same(
            backmapper.backmap(wrapped, seed=SEED), backmapper.backmap(frames, seed=SEED), self.tolerance
        )

    def test_molecules_can_change_places(self) -> None:
        backmapper, frames = self._ready(1)
        topology = toy_topology()
        beads = frames[0].positions.reshape(-1, topology.n_beads, 3)
        swapped = frames[0].with_positions(beads[::-1].reshape(-1, 3))
        atoms = next(iter(backmapper.backmap([swapped], seed=SEED))).positions
        back = atoms.reshape(len(beads), topology.n_atoms, 3)[::-1]
        if backmapper.capabilities.generative:
            centres = back.mean(axis=1) - beads.mean(axis=1)
            if backmapper.capabilities.fitting == "gradient":
                raise SkipTest("untrained networks place atoms anywhere")
            assert np.linalg.norm(centres, axis=1).max() < FAR, "atoms do not follow their own beads"
        else:
            direct = next(iter(backmapper.backmap(frames, seed=SEED))).positions
            assert np.abs(back.reshape(-1, 3) - direct).max() < self.tolerance

    # Bad input

    def test_wrong_number_of_beads_is_refused(self) -> None:
        backmapper, frames = self._ready(1)
        with refused("beads"):
            list(backmapper.backmap([frames[0].with_positions(frames[0].positions[:-1])], seed=SEED))

    def test_nan_is_refused(self) -> None:
        backmapper, frames = self._ready(1)
        positions = frames[0].positions.copy()
        positions[1, 2] = np.nan
        with refused(frames[0].name):
            list(backmapper.backmap([frames[0].with_positions(positions)], seed=SEED))

    def test_flat_box_is_refused(self) -> None:
        backmapper, frames = self._ready(1)
        flat = dataclasses.replace(frames[0], box=np.zeros((3, 3)))
        with refused("box"):
            list(backmapper.backmap([flat], seed=SEED))

    # Helpers

    def _ready(self, n_frames: int) -> tuple[Backmapper, list[Frame]]:
        """A backmapper, and CG frames of the kind that it can work on."""
        backmapper = self.make(toy_topology())
        periodic = backmapper.capabilities.periodic
        frames = toy_pairs(n_frames, 5 if periodic else 1, periodic=periodic)
        return backmapper, [pair.coarse for pair in frames]

    def _skip_if_temporal(self, why: str) -> None:
        if get_backend(self.backend).capabilities.temporal:
            raise SkipTest(why)

    def _skip_unless_periodic(self) -> None:
        if not get_backend(self.backend).capabilities.periodic:
            raise SkipTest("it is not periodic")


@contextmanager
def refused(word: str) -> Iterator[None]:
    """Passes if the block raises an InputError of one line with ``word`` in it."""
    try:
        yield
    except InputError as error:
        text = str(error)
        assert word in text, f"the message does not mention '{word}': {text}"
        assert "\n" not in text, f"the message has more than one line: {text}"
    else:
        raise AssertionError(f"nothing was refused; an InputError about '{word}' is owed")


def assert_same(found: Any, expected: Any, tolerance: float) -> None:
    """Two series of frames with the same positions, nm."""
    for one, other in zip(found, expected, strict=True):
        worst = np.abs(np.asarray(one.positions) - np.asarray(other.positions)).max()
        assert worst <= tolerance, f"frame {one.index}, sample {one.sample}: {worst:.2g} nm apart"


@dataclass(frozen=True)
class Outcome:
    """One check; ``status`` is passed, skipped or failed."""

    check: str
    status: str
    message: str = ""


@dataclass(frozen=True)
class Report:
    """What :func:`check_backend` found."""

    backend: str
    outcomes: Sequence[Outcome] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        return not any(outcome.status == "failed" for outcome in self.outcomes)

    def lines(self) -> list[str]:
        """One line a check, and a summary."""
        width = max((len(outcome.check) for outcome in self.outcomes), default=0)
        rows = [f"{o.status:8}{o.check:{width}}  {o.message}".rstrip() for o in self.outcomes]
        n_failed = sum(outcome.status == "failed" for outcome in self.outcomes)
        verdict = f"{n_failed} of {len(self.outcomes)} checks failed" if n_failed else "all checks passed"
        return [*rows, f"{self.backend}: {verdict}"]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        outcomes = [dataclasses.asdict(outcome) for outcome in self.outcomes]
        return {"backend": self.backend, "passed": self.passed, "checks": outcomes}


def check_backend(name: str) -> Report:
    """Runs the suite on an installed backend, without pytest.

    Raises:
        InputError: unknown backend, or a class that does not implement the interface.
    """
    get_backend(name)
    suite = type(f"Test{name}", (BackendConformance,), {"backend": name})()
    attributes = {**vars(BackendConformance), **vars(TrainingConformance)}
    checks = [attribute for attribute in attributes if attribute.startswith("test_")]
    return Report(name, tuple(_outcome(suite, check) for check in checks))


def _outcome(suite: BackendConformance, check: str) -> Outcome:
    label = check.removeprefix("test_").replace("_", " ")
    try:
        getattr(suite, check)()
    except SkipTest as reason:
        return Outcome(label, "skipped", str(reason))
    except Exception as error:  # a stranger's backend may raise anything
        return Outcome(label, "failed", f"{type(error).__name__}: {error}".splitlines()[0])
    return Outcome(label, "passed")
