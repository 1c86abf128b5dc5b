"""Two steps in one: ``morphing+voxel_gan`` morphs the beads, then puts atoms back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.registry import get_backend
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.molecules.beads import bead_graph, identity_mapping
from bmzoo.molecules.topology import Topology

JOIN = "+"


class NoSettings(BaseModel):
    """The steps have their own."""

    model_config = ConfigDict(extra="forbid")


class Composed(Backmapper):
    """A step from beads to beads, and one from these to atoms; get it from ``load_backmapper``."""

    Config = NoSettings

    def __init__(self, first: Backmapper, second: Backmapper) -> None:
        super().__init__(second.topology)
        self.steps = (first, second)
        self.name = f"{first.name}{JOIN}{second.name}"  # type: ignore[misc]
        self.capabilities = replace(  # type: ignore[misc]
            second.capabilities,
            generative=first.capabilities.generative or second.capabilities.generative,
            keeps_beads=first.capabilities.keeps_beads and second.capabilities.keeps_beads,
        )

    def to(self, device: str) -> None:
        for step in self.steps:
            step.to(device)

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`; every sample goes through both steps on its own."""
        first, second = self.steps
        for frame in frames:
            for beads in first.backmap([frame], n_samples=n_samples, seed=seed):
                # a stream of its own for every sample: the second step counts from 0 again
                (atoms,) = second.backmap([beads], n_samples=1, seed=seed + beads.sample)
                yield replace(atoms, sample=beads.sample)


def step_names(name: str) -> tuple[str, str]:
    """``morphing+voxel_gan`` as its two steps.

    Raises:
        InputError: another number of steps, or a first one that does not turn beads into beads.
    """
    first, _, second = name.partition(JOIN)
    if not second or JOIN in second:
        raise InputError(f"'{name}' should be two backends joined by '+', such as morphing+voxel_gan")
    if get_backend(first).capabilities.keeps_beads:
        raise InputError(
            f"'{first}' puts atoms back and cannot be the first of two steps; "
            "'morphing' turns beads into beads"
        )
    get_backend(second)
    return first, second


def bead_topology(topology: Topology) -> Topology:
    """The beads of a molecule as its particles: what the first step works on."""
    graph = bead_graph(topology)
    return Topology(graph, identity_mapping(graph), None, topology.temperature)


def bead_pairs(pairs: Iterable[PairedFrames]) -> Iterator[PairedFrames]:
    """The beads of reference pairs as reference of the first step."""
    return (PairedFrames(pair.coarse, pair.coarse) for pair in pairs)


def settings_of(name: str, settings: Sequence[str]) -> tuple[list[str], list[str]]:
    """``morphing.s=4`` is one of the first step, what has no such prefix of the second."""
    mark = f"{name}."
    first = [s.removeprefix(mark) for s in settings if s.startswith(mark)]
    return first, [s for s in settings if not s.startswith(mark)]
