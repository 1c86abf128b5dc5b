"""Reference frames of a training: most to learn from, the last ones held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bmzoo.errors import InputError
from bmzoo.fitting.config import RunConfig
from bmzoo.frames.datasets import pairs, set_apart
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.trajectory import Trajectory
from bmzoo.frames.whole import open_trajectory, whole_molecules
from bmzoo.molecules.labels import LikeAtoms
from bmzoo.molecules.mapping import Mapping
from bmzoo.molecules.topology import Topology
from bmzoo.target import Target, resolve_target
from bmzoo.training.config import TrainingConfig

VALIDATION_ATOMS = 10_000


@dataclass(frozen=True)
class Material:
    """Frames of one molecule.

    Attributes:
        label: ``sps:568K``, with ``@file`` where the mapping is another; or the molecule's name.
        system, state: of the zoo; the molecule's name and nothing for one's own.
        path: the atomistic trajectory.
        n_train: frames to learn from, the first ones.
        held_out: numbers of the frames to validate with.
        mapping: file of the mapping, where it is not the system's own.
        runs, interval: frames of each independent run of a system's trajectory, and ps between them.
    """

    label: str
    system: str
    state: str
    topology: Topology
    path: Path
    n_train: int
    held_out: range
    mapping: str | None = None
    runs: tuple[int, ...] = ()
    interval: float | None = None

    def training_pairs(self) -> Iterator[PairedFrames]:
        """Beads and atoms to learn from, streamed."""
        return pairs(self._frames(range(self.n_train)), self.topology.mapping)

    def held_out_frames(self) -> list[Frame]:
        """Atomistic frames to validate with."""
        return list(self._frames(self.held_out))

    @cached_property
    def sha256(self) -> str:
        """Of the trajectory's file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def describe(self) -> dict[str, Any]:
        """For the record of a training."""
        own = {} if self.mapping is None else {"mapping": Path(self.mapping).name}
        return {
            "system": self.label,
            **own,
            "file": self.path.name,
            "sha256": self.sha256,
            "frames": self.n_train,
            "validation_frames": list(self.held_out),
        }

    def _frames(self, wanted: range) -> Iterator[Frame]:
        frames = Trajectory(self.path).frames(wanted.start, wanted.stop, wanted.step)
        frames = set_apart(frames, self.runs, self.interval)
        like_atoms, n_atoms = LikeAtoms(self.topology), self.topology.n_atoms
        for frame in whole_molecules(frames, self.topology, beads=False):
            atoms = like_atoms.same_hands(frame.positions.reshape(-1, n_atoms, 3))
            yield frame.with_positions(atoms.reshape(-1, 3))


def load_material(config: RunConfig) -> list[Material]:
    """The frames of every system of a training, or of the user's own molecule.

    Raises:
        InputError: unknown systems, systems without training frames, too few frames.
    """
    if not config.systems:
        file = config.mapping if isinstance(config.mapping, str) else None
        target = resolve_target(
            None, config.topology, file, temperature=config.temperature, cutoff=config.cutoff
        )
        assert config.reference is not None
        return [_material(target, Path(config.reference), config.training)]
    found = []
    for name, folder, mapping in zip(config.systems, config.folders, config.mappings, strict=True):
        target = resolve_target(name, data=folder)
        assert target.system is not None
        reference = target.system.reference
        if reference is None or "train" not in reference.splits:
            raise InputError(
                f"{name} has no training frames embedded; make some with 'bmzoo data build', and name "
                "their folder under 'data'"
            )
        path = reference.folder / reference.split("train")["file"]
        if mapping is not None:
            own = target.topology
            target = replace(target, topology=replace(own, mapping=Mapping.from_map(mapping, own.graph)))
        found.append(_material(target, path, config.training, mapping))
    return found


def _material(target: Target, path: Path, config: TrainingConfig, mapping: str | None = None) -> Material:
    topology, system = target.topology, target.system
    trajectory = open_trajectory(path, topology, beads=False)
    total = len(trajectory)
    n_held = max(1, round(config.validation_share * total)) if config.validation_share else 0
    if n_held >= total:
        raise InputError(
            f"{path} holds {total} frames; with training.validation_share {config.validation_share} none is "
            "left to learn from"
        )
    wanted = config.validation_frames or max(2, VALIDATION_ATOMS // trajectory.n_particles)
    step = max(1, n_held // wanted)
    name, state = (system.name, system.state) if system else (topology.graph.name, "")
    other = f"@{Path(mapping).stem}" if mapping is not None else ""
    reference = system.reference if system else None
    return Material(
        label=":".join(filter(None, (name, state))) + other,
        system=name,
        state=state,
        topology=topology,
        path=path,
        n_train=total - n_held,
        held_out=range(total - n_held, total, step)[:wanted],
        mapping=mapping,
        runs=reference.runs("train") if reference else (),
        interval=reference.split("train").get("interval_ps") if reference else None,
    )
