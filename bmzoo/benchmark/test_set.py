"""What the rows of a benchmark are made from, and what they are compared with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from bmzoo.benchmark.scene import SCENE_FILE, Scene
from bmzoo.evaluation.evaluate import Evaluation, Result
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.whole import whole_molecules

if TYPE_CHECKING:
    from bmzoo.benchmark.plan import Job, Settings
    from bmzoo.frames.frame import Frame


class HeldOut:
    """Reference frames of a system, and the reference's side of every score.

    Args:
        families: of scores; all by default.

    Attributes:
        atoms: the frames, molecules whole.
        coarse: the same, coarse-grained.
    """

    def __init__(self, job: Job, settings: Settings, families: Collection[str] | None = None) -> None:
        reference = job.system.reference
        assert reference is not None
        frames = chain.from_iterable(
            reference.frames(settings.split, part.start, part.stop, part.step) for part in job.frames
        )
        self.system = job.system
        self.atoms = list(whole_molecules(frames, job.system.topology, beads=False))
        self.coarse = list(coarse_grain(self.atoms, job.system.topology.mapping))
        self.evaluation = Evaluation(
            job.system.topology, landscape=job.system.landscape, families=families, seed=settings.seed
        )
        self.prepared = self.evaluation.prepare(self.atoms)


class TestSet:
    """CG frames to backmap, and their scores.

    Args:
        held_out: what is compared with; its own beads are those of ``in_distribution``.
    """

    __test__ = False  # nothing for pytest

    def __init__(self, job: Job, held_out: HeldOut) -> None:
        self.name, self.held_out = job.test_set, held_out
        self.simulated = job.test_set == "generalisation"
        self.coarse: list[Frame] = list(_simulated(job)) if self.simulated else held_out.coarse

    @property
    def folder(self) -> str:
        """Of the trajectories, in the benchmark's own."""
        system = self.held_out.system
        return f"{system.name}-{system.state}" + (f"-{self.name}" if self.simulated else "")

    def score(self, generated: Iterable[Frame], n_samples: int) -> Result:
        """Scores of atomistic frames, ``n_samples`` for each CG frame."""
        return self.held_out.evaluation.score(
            self.held_out.prepared,
            generated,
            reference=None if self.simulated else self.held_out.atoms,
            coarse=self.coarse,
            n_samples=n_samples,
            simulated=self.simulated,
        )

    def write_scene(self, root: Path) -> None:
        """The first frame, for pictures; of a simulation there are no atoms to show."""
        folder = root / self.folder
        folder.mkdir(parents=True)
        if not self.simulated:
            first = self.held_out.atoms[0], self.coarse[0]
            Scene.of(self.held_out.system, *first).write(folder / SCENE_FILE)


def _simulated(job: Job) -> Iterator[Frame]:
    reference = job.system.reference
    assert reference is not None
    for part in job.simulated:
        frames = reference.coarse_frames(part.start, part.stop, part.step)
        yield from whole_molecules(frames, job.system.topology, beads=True)
