"""Reference data on disk: one folder per system and state.

``provenance.json``  how it was made, physical checks, file hashes, and ``splits``:
                     ``{"train": {"file": "train.xtc", "runs": [n_frames, ...], "interval_ps": 1.0,
                     "forces": "train_forces.npz" (optional), "note": ...}, "test": {...}, ...}``
``<split>_forces.npz``  array ``forces``, ``(n_frames, n_atoms, 3)`` kJ/mol/nm, half precision.
``generalisation``   null, or frames of a coarse-grained simulation, beads without atoms: ``{"file": "cg.npz",
                     "runs": [...], "interval_ps": 1.0, ...}``, see :mod:`bmzoo.frames.beads`.
``<split>.xtc``      atomistic frames, molecules whole, runs one after another: frames of one run
                     are contiguous in time, ``interval_ps`` apart; different runs are independent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.beads import DAMAGED
from bmzoo.frames.datasets import set_apart
from bmzoo.frames.frame import Frame


@dataclass(frozen=True)
class Reference:
    """Opens a reference folder lazily; nothing is read before it is asked for."""

    folder: Path

    @cached_property
    def provenance(self) -> dict[str, Any]:
        path = self.folder / "provenance.json"
        if not path.is_file():
            raise InputError(
                f"{self.folder} holds no reference data (provenance.json is missing); "
                "make some with 'bmzoo data build' or 'bmzoo data import-deepbm'"
            )
        try:
            data: Any = json.loads(path.read_text())
        except ValueError as error:
            raise InputError(f"{path} is not valid JSON ({error}); make the data again") from error
        if not isinstance(data, dict) or not isinstance(data.get("splits"), dict):
            raise InputError(f"{path} names no splits; make the data again")
        return data

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.provenance["splits"])

    def split(self, name: str) -> dict[str, Any]:
        """The description of one split.

        Raises:
            InputError: if there is no such split.
        """
        splits = self.provenance["splits"]
        if name not in splits:
            raise InputError(f"{self.folder} has no split '{name}'; it has {', '.join(splits)}")
        found: dict[str, Any] = splits[name]
        return found

    def runs(self, name: str) -> tuple[int, ...]:
        """Number of frames of each run of a split; the runs follow one another."""
        return tuple(self.split(name)["runs"])

    def n_frames(self, name: str) -> int:
        """Number of frames of a split."""
        return sum(self.runs(name))

    def forces(self, name: str) -> NDArray[np.float32]:
        """Forces on the atoms of every frame of a split.

        Returns:
            ``(n_frames, n_atoms, 3)`` kJ/mol/nm.

        Raises:
            InputError: if none were kept, or their file is missing or does not fit.
        """
        file = self.split(name).get("forces")
        if file is None:
            kept = [split for split in self.splits if "forces" in self.split(split)]
            raise InputError(
                f"{self.folder} keeps no forces for the split '{name}'; "
                f"it has them for: {', '.join(kept) or 'none'}"
            )
        path = self.folder / file
        try:
            with np.load(path) as archive:
                forces = archive["forces"].astype(np.float32)
        except DAMAGED as error:
            raise InputError(f"{path} is missing or damaged ({error}); make the data again") from error
        if len(forces) != self.n_frames(name):
            raise InputError(f"{path} holds {len(forces)} frames, the split '{name}' {self.n_frames(name)}")
        return forces

    def frames(self, name: str, start: int = 0, stop: int | None = None, step: int = 1) -> Iterator[Frame]:
        """Streams the atomistic frames of a split, in order, timed by :func:`set_apart`.

        Raises:
            InputError: no such split, a file that is missing or damaged or not what provenance.json says.
        """
        from bmzoo.frames.trajectory import Trajectory

        trajectory = Trajectory(self.folder / self.split(name)["file"])
        if len(trajectory) != self.n_frames(name):
            raise InputError(
                f"{trajectory.paths[0]} holds {len(trajectory)} frames, "
                f"provenance.json says {self.n_frames(name)}; make the data again"
            )
        frames = trajectory.frames(start, stop, step)
        return set_apart(frames, self.runs(name), self.split(name).get("interval_ps"))

    @property
    def coarse(self) -> dict[str, Any]:
        """The description of the coarse-grained simulation.

        Raises:
            InputError: if there is none.
        """
        found: dict[str, Any] | None = self.provenance.get("generalisation")
        if found is None:
            raise InputError(
                f"{self.folder} has no frames of a coarse-grained simulation; see bmzoo simulate-cg"
            )
        return found

    def coarse_frames(self, start: int = 0, stop: int | None = None, step: int = 1) -> Iterator[Frame]:
        """Streams the beads of a coarse-grained simulation, in order, timed by :func:`set_apart`.

        They have no atomistic counterpart.

        Raises:
            InputError: none are kept, or a file that is missing, damaged or not what provenance.json says.
        """
        from bmzoo.frames.trajectory import Trajectory

        described = self.coarse
        trajectory = Trajectory(self.folder / described["file"])
        if len(trajectory) != sum(described["runs"]):
            raise InputError(
                f"{trajectory.paths[0]} holds {len(trajectory)} frames, "
                f"provenance.json says {sum(described['runs'])}; make the data again"
            )
        return set_apart(trajectory.frames(start, stop, step), described["runs"], described["interval_ps"])
