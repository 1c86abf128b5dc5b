"""Top-down models, and the systems whose beads they are to look like."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bmzoo.backends.composed import bead_topology
from bmzoo.backends.scaled import stretched
from bmzoo.errors import InputError
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.lattice import box_volume
from bmzoo.frames.trajectory import read_frames
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.polystyrene_beads import build_topology
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.iterative_inversion import InversionSettings
from bmzoo.systems import load_system
from bmzoo.systems.system import System


@dataclass(frozen=True)
class Models:
    """What is morphed into what, and how it is compared.

    Attributes:
        title: of the top-down model.
        source: its system; the beads are its particles.
        target: the system whose beads stand for the same.
        s: beads merged into one, by default.
        pairs: how g(r) of beads is taken.
        widths: ``width`` of ``fragments`` for beads, and for what is put back where that is beads, too.
        reduced: the top-down model has units of its own: without rescaling its lengths mean nothing.
    """

    title: str
    source: str
    target: str
    s: str
    pairs: InversionSettings
    widths: tuple[float, float | None]
    reduced: bool = False


MODELS = {
    "kg": Models(
        "Kremer-Grest",
        "kg",
        "fritz",
        "2,4,6",
        InversionSettings(cutoff=2.0, bin=0.02, excluded=2),
        (0.1, 0.1),
        reduced=True,
    ),
    "tcs": Models(
        "Martini",
        "tcs:martini",
        "tcs",
        "2,3",
        InversionSettings(cutoff=1.5, bin=0.02, excluded=2),
        (0.05, None),
    ),
}


@dataclass(frozen=True, eq=False)
class Sides:
    """Frames of both models, molecules whole, nm.

    Attributes:
        models: which.
        target: the system whose beads, and atoms, are wanted.
        given: beads of the top-down model.
        library: frames of the target that a generator may look at.
        held_out: frames of the target that results are compared with.
        source: where they come from, in words.
    """

    models: Models
    target: System
    given: list[Frame]
    library: list[Frame]
    held_out: list[Frame]
    source: str

    @property
    def topology(self) -> Topology:
        """Atoms (or the beads of the finer model) with their beads."""
        return self.target.topology

    @cached_property
    def beads(self) -> Topology:
        """Beads as particles."""
        return bead_topology(self.topology)

    @cached_property
    def beads_of_library(self) -> list[Frame]:
        return list(coarse_grain(self.library, self.topology.mapping))

    @cached_property
    def beads_held_out(self) -> list[Frame]:
        return list(coarse_grain(self.held_out, self.topology.mapping))

    @cached_property
    def scaled(self) -> list[Frame]:
        """The top-down model at the target's number of beads per volume, as morphing takes it."""
        density = np.mean([_density(f) for f in self.beads_of_library])
        return [stretched(f, (_density(f) / density) ** (1 / 3)) for f in self.given]


def load(name: str, options: argparse.Namespace) -> Sides:
    """Frames by ``options.source``, ``data`` and ``published``; the first ``frames`` of the top-down model.

    Raises:
        InputError: frames that are not there.
    """
    models = MODELS[name]
    source = load_system(models.source, data=options.source)
    target = load_system(models.target, data=options.data)
    given = embedded(source)[: options.frames]
    if options.published is not None:
        if models.target != "fritz":
            raise InputError(f"--published is for polystyrene, not for {models.target}; take --data")
        library = held_out = published(options.published)
        where = f"{len(held_out)} published frames, which the library is made of, too"
    else:
        library, held_out = embedded(target, ["train"]), embedded(target, ["test"])
        where = f"{len(library)} frames of {target.name} in the library, {len(held_out)} others compared with"
    where = f"{len(given)} frames of {source.title}; {where}"
    return Sides(models, target, given, library, held_out, where)


def embedded(system: System, splits: Sequence[str] | None = None) -> list[Frame]:
    """Reference frames of some splits, by default of all.

    Raises:
        InputError: the system has none.
    """
    reference = system.reference
    if reference is None:
        raise InputError(
            f"no frames of {system.name} {system.state} are embedded; build some with "
            f"'bmzoo data build {system.name}:{system.state} -o FOLDER' and give that folder"
        )
    found = (f for name in splits or reference.splits for f in reference.frames(name))
    return list(whole_molecules(found, system.topology, beads=False))


def published(folder: Path) -> list[Frame]:
    """Published melts of polystyrene, two beads a monomer."""
    return list(whole_molecules(read_frames(folder), build_topology(), beads=False))


def _density(frame: Frame) -> float:
    if frame.box is None:
        raise InputError(f"{frame.name or f'frame {frame.index}'} has no box; its density is unknown")
    return len(frame) / box_volume(frame.box)
