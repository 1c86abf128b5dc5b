"""The fragments backend: the library fragments whose beads are nearest, superposed onto the beads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy.spatial.transform import Rotation

from bmzoo.backends.backmapper import Backmapper, Capabilities
from bmzoo.backends.fragments.assembly import Assembly, Task
from bmzoo.backends.fragments.config import FragmentsConfig
from bmzoo.backends.fragments.groups import cut
from bmzoo.backends.fragments.library import FragmentClass, build, collect
from bmzoo.backends.inputs import BeadReader
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.random import random_stream
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]

LARGEST_WHOLE = 8
"""Beads up to which ``scope: auto`` looks up whole molecules."""


class Fragments(Backmapper):
    """Nearest neighbours in a library of reference frames, by molecule or by bead."""

    name = "fragments"
    capabilities = Capabilities(
        periodic=True, generative=True, transferable=True, equivariant=True, fitting="library"
    )
    Config = FragmentsConfig

    def __init__(self, topology: Topology, config: BaseModel | None = None) -> None:
        super().__init__(topology, config)
        self._settings = cast(FragmentsConfig, self.config)
        scope = self._settings.scope
        if scope == "auto":
            scope = "molecule" if topology.n_beads <= LARGEST_WHOLE else "bead"
        self.groups = cut(topology, scope, self._settings.reach)
        self._assembly = Assembly(topology, self.groups, self._settings)
        self._turned = any(len(group.beads) < 3 for group in self.groups)
        self._library: dict[str, FragmentClass] = {}

    def fit(self, pairs: Iterable[PairedFrames], *, seed: int = 0) -> None:
        """Cuts reference frames into fragments; the beads are those of the topology's own mapping."""
        molecules = collect(pairs, self.topology, self._settings.max_molecules)
        self._library = build(molecules, self.topology, self.groups, self._settings.max_fragments)

    def adopt(self, other: Backmapper) -> None:
        """Shares the library of another molecule's instance, such as a shorter chain's.

        Raises:
            InputError: a fragment that this molecule needs is missing there.
        """
        self._library = cast(Fragments, other)._library
        self._classes()

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`; samples differ in the fragments that are drawn.

        Raises:
            InputError: if no library was given before.
        """
        classes = self._classes()
        read = BeadReader(self.topology)
        for frame in frames:
            beads = read(frame)
            found = self._search(beads, classes)
            for sample in range(n_samples):
                uniform, rotations = self._draws((seed, frame.index, sample), len(beads))
                atoms = self._assembly(Task(beads, frame.box, classes, found, uniform, rotations))
                yield frame.with_positions(atoms.reshape(-1, 3), sample=sample)

    def state(self) -> dict[str, Any]:
        """Context and atoms of every class of fragments."""
        return {
            f"{key}.{what}": getattr(library, what)
            for key, library in self._library.items()
            for what in ("beads", "atoms")
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restores a library; it may come from another molecule made of the same fragments.

        Raises:
            InputError: a fragment that this molecule needs is missing.
        """
        arrays = {name: np.asarray(value) for name, value in state.items()}
        keys = [name.removesuffix(".beads") for name in arrays if name.endswith(".beads")]
        self._library = {
            key: FragmentClass.stored(arrays[f"{key}.beads"], arrays[f"{key}.atoms"]) for key in keys
        }
        self._classes()

    def _classes(self) -> list[FragmentClass]:
        if not self._library:
            raise InputError(
                "backend 'fragments' has no library; give reference frames to fit(), or load saved ones"
            )
        missing = [group.label for group in self.groups if group.key not in self._library]
        if missing:
            more = f" (and {len(missing) - 1} others)" if len(missing) > 1 else ""
            raise InputError(
                f"the library has no fragment for {missing[0]}{more} of {self.topology.graph.name}; "
                "give reference frames of this molecule, or use 'geometric', which needs none"
            )
        return [self._library[group.key] for group in self.groups]

    def _search(self, beads: Floats, classes: list[FragmentClass]) -> list[NDArray[np.int64]]:
        """Candidates for every group, ``(n_molecules, n_candidates)``; groups of a class at once."""
        found: list[NDArray[np.int64]] = [np.zeros((0, 0), dtype=np.int64)] * len(self.groups)
        for key in dict.fromkeys(group.key for group in self.groups):
            members = [number for number, group in enumerate(self.groups) if group.key == key]
            contexts = np.concatenate([beads[:, self.groups[number].beads] for number in members])
            nearest = classes[members[0]].nearest(contexts, self._settings.candidates)
            for number, rows in zip(members, np.split(nearest, len(members)), strict=True):
                found[number] = rows
        return found

    def _draws(self, key: tuple[int, int, int], n_molecules: int) -> tuple[Floats, Floats]:
        """Random numbers of one sample; see :class:`Task`."""
        n_groups, n_draws = len(self.groups), 1 + self._settings.sweeps
        uniform = np.empty((n_molecules, n_groups, n_draws))
        rotations = np.empty((n_molecules, n_groups, 3, 3))
        for molecule in range(n_molecules):
            stream = random_stream(*key, molecule)
            uniform[molecule] = stream.random((n_groups, n_draws))
            if self._turned:
                rotations[molecule] = Rotation.random(n_groups, rng=stream).as_matrix()
        return uniform, rotations
