"""Training data: windows of consecutive frames, superposed on their mean beads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.inputs import BeadReader
from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.backends.temporal_cvae.seeds import SeedLibrary
from bmzoo.errors import InputError
from bmzoo.frames.datasets import random_rotation
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.random import random_stream
from bmzoo.frames.superpose import superpose
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS = 5
"""Of superposing all frames on their mean."""
TEMPLATE_FRAMES = 2_000
"""Frames whose mean the template is."""
GUESS_FRAMES = 20_000
"""Frames that the linear guess is fitted to."""


class Windows(NamedTuple):
    """A batch of windows of consecutive frames.

    Attributes:
        atoms: ``(batch, unroll, n_atoms, 3)`` nm.
        beads: ``(batch, unroll, n_beads, 3)`` nm.
        history: ``(batch, order, n_atoms, 3)`` nm, atoms before the first frame, superposed on its beads.
        rotations, translations: ``(batch, unroll, 3, 3)`` and ``(batch, unroll, 3)``, which superpose the
            beads of the frame before on a frame's own.
    """

    atoms: Tensor
    beads: Tensor
    history: Tensor
    rotations: Tensor
    translations: Tensor


class TrainingSet:
    """Gives the windows of any step, from seed and step alone.

    Attributes:
        template: ``(n_beads, 3)`` nm, mean beads, about the origin, where none are given.
        atoms, beads: ``(n, ..., 3)`` nm, superposed on the template.
        history: ``(n, order, n_atoms, 3)`` nm, earlier atoms superposed on each frame's beads.
        known: numbers of the frames that have a whole history.
        interval: ps between consecutive frames.

    Raises:
        InputError: no frames, several molecules in a frame, no consecutive times, runs shorter than a
            window, a molecule that does not fit the grid.
    """

    def __init__(
        self,
        topology: Topology,
        config: TemporalCVAEConfig,
        pairs: Iterable[PairedFrames],
        *,
        seed: int,
        template: Floats | None = None,
    ) -> None:
        self.config, self.seed = config, seed
        beads, atoms, times, name = _read(topology, pairs)
        self.template = mean_beads(beads) if template is None else template
        fit = superpose(beads, self.template)
        self.beads, self.atoms = fit(beads).astype(np.float32), fit(atoms).astype(np.float32)
        if config.network == "voxels":
            _check_grid(config, self.atoms, name)
        self.interval, linked = _links(times)
        carry = superpose(self.beads[:-1], self.beads[1:])
        self._rotations = np.concatenate([np.eye(3)[None], carry.rotation])
        self._translations = np.concatenate([np.zeros((1, 3)), carry.translation])
        self.history = self._carried()
        depth = _run_lengths(linked)
        self.known = np.flatnonzero(depth >= config.order)
        self._starts = np.flatnonzero(depth >= config.order + config.unroll - 1) - config.unroll + 1
        if not len(self._starts):
            raise InputError(
                f"no {config.order + config.unroll} reference frames follow one another in time, as order "
                f"{config.order} and unroll {config.unroll} need (longest run: {depth.max() + 1}); give "
                "frames with consecutive times, or lower these settings"
            )

    def __call__(self, step: int) -> Windows:
        """The batch of a step."""
        config, rng = self.config, random_stream(self.seed, step)
        first = rng.choice(self._starts, size=config.batch)
        rows = first[:, None] + np.arange(config.unroll)
        history = self.history[first].astype(np.float64)
        most = config.previous_noise * rng.random((config.batch, 1, 1, 1))
        history = history + most * rng.standard_normal(history.shape)
        arrays = [self.atoms[rows], self.beads[rows], history]
        rotations, translations = self._rotations[rows], self._translations[rows]
        if config.augment == "rotate":
            turns = np.stack([random_rotation(rng) for _ in first])[:, None]
            arrays = [x @ turns for x in arrays]
            rotations = turns.swapaxes(-1, -2) @ rotations @ turns
            translations = (translations[..., None, :] @ turns)[..., 0, :]
        every = (*arrays, rotations, translations)
        return Windows(*(torch.from_numpy(np.asarray(x, dtype=np.float32)) for x in every))

    def guessed(self) -> tuple[Tensor, Tensor, Tensor]:
        """Beads, history and atoms of the frames that the guess is fitted to."""
        rows = thinned(self.known, GUESS_FRAMES)
        beads, history, atoms = (torch.from_numpy(x[rows]) for x in (self.beads, self.history, self.atoms))
        return beads, history, atoms

    def seeds(self) -> SeedLibrary:
        """Beads and history of some frames."""
        rows = thinned(self.known, self.config.seeds)
        return SeedLibrary(self.beads[rows], self.history[rows])

    def _carried(self) -> NDArray[np.float32]:
        found = np.repeat(self.atoms[:, None], self.config.order, axis=1)
        latest = self.atoms
        for back in range(self.config.order):
            moved = latest[:-1] @ self._rotations[1:] + self._translations[1:, None]
            found[1:, back] = moved
            latest = found[:, back]
        return found


def mean_beads(beads: Floats) -> Floats:
    """``(n_beads, 3)`` nm about the origin: the mean of all frames, superposed on it."""
    some = beads[thinned(np.arange(len(beads)), TEMPLATE_FRAMES)]
    mean = some[0]
    for _ in range(ROUNDS):
        mean = superpose(some, mean)(some).mean(0)
    return mean - mean.mean(0)


def thinned(rows: Ints, most: int) -> Ints:
    """At most so many of the rows, evenly."""
    return rows[:: -(-len(rows) // most)] if len(rows) else rows


def the_molecule(read: BeadReader, frame: Frame) -> Floats:
    """Beads ``(n_beads, 3)`` nm of a frame of one molecule.

    Raises:
        InputError: several molecules, or what :class:`BeadReader` refuses.
    """
    beads = read(frame)
    if len(beads) != 1:
        raise InputError(
            f"{frame.name or f'frame {frame.index}'} holds {len(beads)} molecules, and 'temporal_cvae' knows "
            "one molecule at a time; give frames of one molecule, or take a backend that is periodic"
        )
    return beads[0]


def _read(topology: Topology, pairs: Iterable[PairedFrames]) -> tuple[Floats, Floats, Floats, list[str]]:
    read = BeadReader(topology)
    beads, atoms, times, names = [], [], [], []
    for coarse, atomistic in pairs:
        beads.append(the_molecule(read, coarse))
        positions = np.asarray(atomistic.positions, dtype=np.float64)
        own = topology.mapping.apply(positions)
        atoms.append(positions + (beads[-1] - own)[:1])
        times.append(atomistic.time)
        names.append(atomistic.name or f"frame {atomistic.index}")
    if not beads:
        raise InputError("there are no reference frames to train on")
    return np.stack(beads), np.stack(atoms), np.array(times), names


def _check_grid(config: TemporalCVAEConfig, atoms: NDArray[np.float32], names: list[str]) -> None:
    """Every atom must lie in the grid, however a frame is turned."""
    far = np.linalg.norm(atoms, axis=-1) if config.augment == "rotate" else np.abs(atoms).max(-1)
    frame = int(far.max(1).argmax())
    if far[frame].max() >= config.edge / 2:
        raise InputError(
            f"{names[frame]} does not fit the grid: an atom is {far[frame].max():.2f} nm from the middle of "
            f"the beads, and the edge is {config.edge} nm; set 'edge' to {2.1 * far[frame].max():.2g} or more"
        )


def _links(times: Floats) -> tuple[float, NDArray[np.bool_]]:
    """The usual interval, and whether a frame follows the one before by it."""
    gaps = np.diff(times)
    if not (gaps > 0).any():
        raise InputError(
            "the reference frames have no times that follow one another, and 'temporal_cvae' learns from "
            "trajectories; give a trajectory with times, or take a backend that needs none"
        )
    usual = float(np.median(gaps[gaps > 0]))
    return usual, np.concatenate([[False], np.abs(gaps - usual) < 0.01 * usual])


def _run_lengths(linked: NDArray[np.bool_]) -> Ints:
    """How many frames before each one follow one another up to it."""
    numbers = np.arange(len(linked))
    begins = np.maximum.accumulate(np.where(linked, 0, numbers))
    return numbers - begins
