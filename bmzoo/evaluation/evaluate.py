"""The evaluation: streams both sides through the metrics, and gathers their scores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError, unknown
from bmzoo.evaluation.autocorrelation import DihedralAutocorrelation
from bmzoo.evaluation.batch import grouped, stack_frames
from bmzoo.evaluation.bead_forces import BeadForceDivergence
from bmzoo.evaluation.consistency import CoarseRMSD
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.detectability import Detectability
from bmzoo.evaluation.distributions import BondLengths, ChainSize, InternalCoordinates
from bmzoo.evaluation.energetics import Energetics
from bmzoo.evaluation.ensemble import Diversity, PairedRMSD
from bmzoo.evaluation.landscape import Dihedral2D, SlowComponents
from bmzoo.evaluation.metric import Blocks, Metric
from bmzoo.evaluation.packing import Intermolecular, Intramolecular
from bmzoo.evaluation.score import Score
from bmzoo.evaluation.slow_processes import SlowProcesses
from bmzoo.evaluation.stream import Group, Progress, Side
from bmzoo.evaluation.validity import Contacts, PeptideBonds, Perception, Rings, Stereochemistry
from bmzoo.evaluation.velocities import Velocities
from bmzoo.frames.frame import Frame

if TYPE_CHECKING:
    from bmzoo.molecules.topology import Topology
    from bmzoo.systems.system import Landscape

METRICS: tuple[type[Metric], ...] = (
    InternalCoordinates,
    BondLengths,
    ChainSize,
    Intermolecular,
    Intramolecular,
    Energetics,
    BeadForceDivergence,
    CoarseRMSD,
    Contacts,
    Perception,
    Stereochemistry,
    Rings,
    PeptideBonds,
    PairedRMSD,
    Diversity,
    Detectability,
    Dihedral2D,
    SlowComponents,
    Velocities,
    DihedralAutocorrelation,
    SlowProcesses,
)
FAMILIES = tuple(dict.fromkeys(metric.family for metric in METRICS))
MIN_FRAMES = 4
"""With fewer frames, blocks and halves are of molecules."""
SIMULATED = (
    "the beads are those of a coarse-grained simulation: what is compared with the reference also tells how "
    "far the beads' own distribution and dynamics are off, and no method can make up for that; scores that "
    "need the atoms of each frame are left out"
)


@dataclass
class Result:
    """What the evaluation found.

    Attributes:
        scores: by ``family/observable``.
        histograms: by ``family/observable``: edges, reference, generated, reference_halves.
        worst: the worst frame of a validity or consistency score.
        notes: scores that could not be given, and why.
    """

    scores: dict[str, Score] = field(default_factory=dict)
    histograms: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)
    worst: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the histograms."""
        scores = {name: score.as_dict() for name, score in self.scores.items()}
        return {"scores": scores, "worst": dict(self.worst), "notes": list(self.notes)}

    def save_histograms(self, path: str | Path) -> None:
        """Writes all histograms into one npz file: ``name:edges``, ``name:reference``, ..."""
        arrays = {
            f"{name}:{key}": value for name, entry in self.histograms.items() for key, value in entry.items()
        }
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


@dataclass
class ReferenceStatistics:
    """The reference's side of every score, computed once for many generated trajectories."""

    blocks: list[Blocks]
    n_frames: int
    by_molecule: bool
    shape: tuple[int, int]
    """Molecules, and atoms of one."""


class Evaluation:
    """Scores generated frames of one system against its reference.

    Args:
        topology: molecule, mapping and, if known, force field.
        landscape: projection of the free-energy surface.
        families: which families of scores; all by default.
        seed: of bootstraps and subsamples.

    Raises:
        InputError: an unknown family.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        landscape: Landscape | None = None,
        families: Collection[str] | None = None,
        seed: int = 0,
    ) -> None:
        for name in families or ():
            if name not in FAMILIES:
                raise unknown("family of scores", name, FAMILIES)
        self.context = Context(topology, landscape, seed)
        wanted = FAMILIES if families is None else families
        chosen = [m for m in METRICS if m.family in wanted and m.applies(self.context)]
        self.metrics = [metric(self.context) for metric in chosen]

    def prepare(self, frames: Iterable[Frame], *, progress: Progress | None = None) -> ReferenceStatistics:
        """Streams reference frames once.

        Raises:
            InputError: no frames, or frames that do not fit the topology.
        """
        stream = iter(frames)
        first = list(islice(stream, MIN_FRAMES))
        if not first:
            raise InputError("there are no reference frames to compare with; check the range of frames")
        atoms = stack_frames(first, self.context.n_atoms, "atoms")
        shape = atoms.shape[1], atoms.shape[2]
        by_molecule = len(first) < MIN_FRAMES and shape[0] >= 2
        side = Side(self.context, self.metrics, by_molecule=by_molecule, is_reference=True, progress=progress)
        side.consume(Group([frame]) for frame in chain(first, stream))
        return ReferenceStatistics(side.blocks, side.n_frames, by_molecule, shape)

    def score(
        self,
        prepared: ReferenceStatistics,
        generated: Iterable[Frame],
        *,
        reference: Iterable[Frame] | None = None,
        coarse: Iterable[Frame] | None = None,
        n_samples: int = 1,
        simulated: bool = False,
        progress: Progress | None = None,
    ) -> Result:
        """Streams generated frames and compares them with a prepared reference.

        Args:
            prepared: what :meth:`prepare` gave.
            generated: ``n_samples`` frames for each CG frame, in the reference's order.
            reference: the reference frames once more, for scores that need pairs.
            coarse: the CG frames; the mapped reference where not given.
            simulated: the CG frames are those of a coarse-grained simulation: they pair with no reference
                frame, are distributed as its model likes, and have its dynamics' time.
            progress: called with the number of CG frames done.

        Raises:
            InputError: no frames, or frames that do not fit the topology.
        """
        side = Side(
            self.context,
            self.metrics,
            by_molecule=prepared.by_molecule,
            is_reference=False,
            progress=progress,
            simulated=simulated,
        )
        reference = None if simulated else reference
        side.consume(self._groups(generated, reference, coarse, n_samples))
        if not side.n_frames:
            raise InputError("there are no generated frames to score; check the range of frames")
        result = Result()
        matched = side.n_frames == prepared.n_frames and side.n_molecules == prepared.shape[0]
        paired = matched and reference is not None
        if simulated:
            result.notes.append(SIMULATED)
        elif not matched:
            result.notes.append(
                f"{side.n_frames} generated frames do not pair with {prepared.n_frames} reference frames: "
                "scores that need pairs are left out"
            )
        for metric, expected, found in zip(self.metrics, prepared.blocks, side.blocks, strict=True):
            usable = {"none": True, "coarse": paired or coarse is not None, "reference": paired}
            if usable[metric.pairing] and found.filled:
                self._gather(result, metric, expected, found)
        return result

    def run(
        self,
        reference: Iterable[Frame],
        generated: Iterable[Frame],
        *,
        coarse: Iterable[Frame] | None = None,
        n_samples: int = 1,
        simulated: bool = False,
        progress: Progress | None = None,
    ) -> Result:
        """:meth:`prepare` and :meth:`score` in one: the reference first, then the generated frames.

        The reference is read twice: an iterator, which cannot be, is kept in memory.
        """
        if isinstance(reference, Iterator):
            reference = list(reference)
        prepared = self.prepare(reference, progress=progress)
        return self.score(
            prepared,
            generated,
            reference=reference,
            coarse=coarse,
            n_samples=n_samples,
            simulated=simulated,
            progress=progress,
        )

    def _groups(
        self,
        generated: Iterable[Frame],
        reference: Iterable[Frame] | None,
        coarse: Iterable[Frame] | None,
        n_samples: int,
    ) -> Iterator[Group]:
        beads = iter(coarse) if coarse is not None else None
        partners = iter(reference) if reference is not None else iter(())
        for number, frames in enumerate(grouped(generated, n_samples)):
            n_molecules = len(frames[0]) // self.context.n_atoms
            partner = next(partners, None)
            atoms = None
            if partner is not None and len(partner) == len(frames[0]):
                atoms = np.asarray(partner.positions, dtype=np.float32).reshape(n_molecules, -1, 3)
            if beads is not None:
                bead_frame = next(beads, None)
                if bead_frame is None:
                    raise InputError(
                        f"there are {number} CG frames, but more generated ones; check the number of samples"
                    )
                given = stack_frames([bead_frame], self.context.topology.n_beads, "beads")[0]
            elif atoms is not None:
                mapped = self.context.topology.mapping.apply(atoms.reshape(-1, 3))
                given = mapped.reshape(n_molecules, -1, 3)
            else:
                given = None
            yield Group(frames, atoms, given)

    def _gather(self, result: Result, metric: Metric, reference: Blocks, generated: Blocks) -> None:
        outcome = metric.conclude(reference, generated)
        for name, score in outcome.scores.items():
            result.scores[f"{metric.family}/{name}"] = score
        for name, entry in outcome.histograms.items():
            result.histograms[f"{metric.family}/{name}"] = entry
        for name, text in outcome.worst.items():
            result.worst[f"{metric.family}/{name}"] = text
        result.notes.extend(outcome.notes)
