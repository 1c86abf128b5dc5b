"""Training data: scenes cut from reference frames, with what has been placed at that time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.inputs import BeadReader
from bmzoo.backends.voxel_gan.observation import Observer, Scene
from bmzoo.backends.voxel_gan.state import NOWHERE
from bmzoo.backends.voxel_gan.surroundings import Surroundings, find_surroundings
from bmzoo.errors import InputError
from bmzoo.frames.frame import PairedFrames
from bmzoo.frames.periodic import nearest_image_of
from bmzoo.frames.random import random_stream

HEAVY = 2.0
"""How much more often heavy atoms are learned than hydrogens: everything else hangs on them."""
JITTER = 0.1
"""How far other molecules are ahead or behind in the first pass, as a share of their atoms."""


class Batch(NamedTuple):
    """Single placements: scenes, and the atom to place in each, ``(batch,)``."""

    scene: Scene
    atoms: Tensor


class TrainingSet:
    """Reference frames, ready to be cut.

    Args:
        observer: of the molecule.
        pairs: reference frames.
        seed: of all batches.
        limit: frames that are kept; of more, evenly spaced ones.

    Raises:
        InputError: no frames.
    """

    def __init__(
        self, observer: Observer, pairs: Iterable[PairedFrames], *, seed: int, limit: int = 10_000
    ) -> None:
        self.template, self.layout = observer.template, observer.layout
        self.seed = seed
        read = BeadReader(self.template.topology)
        kept = list(pairs)
        kept = kept[:: -(-len(kept) // limit) or 1]
        self.frames: list[tuple[NDArray[np.float32], Surroundings]] = []
        for pair in kept:
            beads = read(pair.coarse)
            atoms = np.asarray(pair.atomistic.positions, dtype=float).reshape(len(beads), -1, 3)
            box = None if pair.atomistic.box is None else np.asarray(pair.atomistic.box, dtype=float)
            if box is not None:
                shift = self.template.topology.mapping.apply(atoms.reshape(-1, 3)).reshape(beads.shape)
                atoms = atoms + (nearest_image_of(shift, beads, box) - shift)[:, :1]
            every = np.concatenate([atoms.reshape(-1, 3), beads.reshape(-1, 3), [[NOWHERE] * 3]])
            around = find_surroundings(self.template, self.layout, beads, box)
            self.frames.append((every.astype(np.float32), around))
        if not self.frames:
            raise InputError("there are no reference frames to train on")
        n_beads = self.template.topology.n_beads
        self._rank = np.concatenate([self.template.rank, self.template.rank, np.full(n_beads, -1)])
        self._own = observer.own.numpy()
        self._trained = np.flatnonzero(self.template.alone < 0)
        shares = np.where(self.template.is_hydrogen[self._trained], 1.0, HEAVY)
        self._shares = shares / shares.sum()
        self._n_heavy = int((~self.template.is_hydrogen).sum())

    def hands(self) -> NDArray[np.float32]:
        """``(n_atoms,)`` the template's hands; where they are free and all frames agree, the frames'.

        Hydrogens of a CH2 group are told apart by their labels, which a file orders as it likes.
        """
        triple, n = self.template.triple, self.template.n_atoms
        summed, count = np.zeros(n), 0
        for particles, around in self.frames[:100]:
            n_molecules = around.n_beads // self.template.topology.n_beads
            x = particles[: n_molecules * n].reshape(n_molecules, n, 3)
            p, a, b = (x[:, triple[:, k]] for k in range(3))
            summed += np.sign((np.cross(a - p, b - p) * (x - p)).sum(-1)).sum(0)
            count += n_molecules
        mean = summed / count
        agreed = (triple[:, 0] >= 0) & (np.abs(mean) > 0.9)
        return np.where(agreed, np.sign(mean), self.template.hand).astype(np.float32)

    def __call__(self, step: int) -> Batch:
        """The single placements of a step."""
        rng, config = random_stream(self.seed, step), self.template.config
        size = config.batch
        frames = np.sort(rng.integers(len(self.frames), size=size))
        atoms = rng.choice(self._trained, size=size, p=self._shares)
        width = max(self.frames[frame][1].particles.shape[1] for frame in frames)
        positions = np.full((size, width, 3), NOWHERE, dtype=np.float32)
        columns = np.zeros((size, width), dtype=np.int64)
        molecules = np.full((size, width), -1, dtype=np.int64)
        n_beads = self.template.topology.n_beads
        for frame in np.unique(frames):
            particles, around = self.frames[frame]
            rows = np.flatnonzero(frames == frame)
            n_molecules = around.n_beads // n_beads
            beads = rng.integers(n_molecules, size=len(rows)) * n_beads + self.template.owners[atoms[rows]]
            index = around.particles[beads]
            last = index.shape[1]
            centre = particles[n_molecules * self.template.n_atoms + beads]
            positions[rows, :last] = particles[index] + around.shifts[beads] - centre[:, None]
            columns[rows, :last] = around.columns[beads]
            there = index < len(particles) - 1
            molecules[rows, :last] = np.where(there, index // self.template.n_atoms, -1)
        visible = self._visible(rng, atoms, columns, molecules)
        by_phase = np.array([config.bead_noise, config.hydrogen_bead_noise])
        bead_noise = by_phase[self.template.is_hydrogen[atoms].astype(int)]
        noise = bead_noise[:, None] * (columns >= 2 * self.template.n_atoms)
        noise = noise + config.atom_noise * rng.random(size)[:, None] ** 2 * visible
        positions += rng.standard_normal(positions.shape, dtype=np.float32) * noise[..., None].astype(
            np.float32
        )
        scene = Scene(*(torch.from_numpy(x) for x in (positions, visible, columns)))
        return Batch(scene, torch.from_numpy(atoms))

    def _visible(
        self,
        rng: np.random.Generator,
        atoms: NDArray[np.int64],
        columns: NDArray[np.int64],
        molecules: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Half of the scenes as in the first pass, half as in a sweep, where everything is placed."""
        n, n_heavy = self.template.n_atoms, self._n_heavy
        rank, hydrogen = self.template.rank[atoms], self.template.is_hydrogen[atoms]
        end = np.where(hydrogen, n, n_heavy)
        ahead = rng.normal(0, JITTER * n, size=(len(atoms), int(molecules.max(initial=0)) + 1))
        ahead = np.take_along_axis(ahead, molecules.clip(0), axis=1)
        limit = rank[:, None] + np.where(columns < n, 0, ahead)
        limit = np.clip(limit, np.where(hydrogen, n_heavy, 0)[:, None], end[:, None])
        sweep = rng.random(len(atoms)) < 0.5
        rest = np.ones(columns.shape, dtype=bool)
        if self.template.config.redraw == "bead":
            owners = np.concatenate([self.template.owners, np.full(n + self.template.topology.n_beads, -1)])
            rest = owners[columns] != self.template.owners[atoms][:, None]
            rest |= self.template.is_hydrogen[columns % n] != hydrogen[:, None]
        limit = np.where(sweep[:, None] & rest, end[:, None], limit)
        return (self._rank[columns] < limit) & (molecules >= 0)
