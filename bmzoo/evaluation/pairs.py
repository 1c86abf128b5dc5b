"""Pairs of atoms with their distances, shared by all metrics that look at neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a batch, each once.

    Attributes:
        frame: frame in the batch.
        first, second: atom in its molecule.
        first_molecule, second_molecule: molecule in its frame.
        inside: whether both are of the same molecule, and of the same image of it.
        distance: nm.
    """

    frame: NDArray[np.int32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    first_molecule: NDArray[np.int32]
    second_molecule: NDArray[np.int32]
    inside: NDArray[np.bool_]
    distance: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.distance)

    def select(self, chosen: NDArray) -> Pairs:
        """Some of the pairs."""
        return Pairs(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def non_bonded_pairs(
    positions: NDArray[np.float64], boxes: NDArray[np.float64] | None, cutoff: float
) -> Pairs:
    """All pairs within a cutoff; without a box and with one molecule, all pairs.

    Args:
        positions: ``(n_frames, n_molecules, n_atoms, 3)`` nm, molecules whole.
        boxes: ``(n_frames, 3, 3)`` nm or ``None``.
        cutoff: nm; may exceed half of the box, images count as pairs of their own.
    """
    n_frames, n_molecules, n_atoms, _ = positions.shape
    if boxes is None and n_molecules == 1:
        return _every_pair(positions[:, 0])
    parts = []
    for frame in range(n_frames):
        points = positions[frame].reshape(-1, 3)
        i, j, distance, direct = close_pairs(points, None if boxes is None else boxes[frame], cutoff)
        first_molecule, first = np.divmod(i.astype(np.int32), np.int32(n_atoms))
        second_molecule, second = np.divmod(j.astype(np.int32), np.int32(n_atoms))
        inside = (first_molecule == second_molecule) & direct
        number = np.full(len(i), frame, dtype=np.int32)
        parts.append((number, first, second, first_molecule, second_molecule, inside, distance))
    return Pairs(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _every_pair(molecules: NDArray[np.float64]) -> Pairs:
    n_frames, n_atoms, _ = molecules.shape
    i, j = (index.astype(np.int32) for index in np.triu_indices(n_atoms, k=1))
    difference = molecules[:, j] - molecules[:, i]
    distance = np.sqrt(np.einsum("fpx,fpx->fp", difference, difference)).ravel()
    zeros = np.zeros(len(distance), dtype=np.int32)
    frame = np.repeat(np.arange(n_frames, dtype=np.int32), len(i))
    first, second = np.tile(i, n_frames), np.tile(j, n_frames)
    return Pairs(frame, first, second, zeros, zeros, np.ones(len(distance), dtype=bool), distance)


def close_pairs(
    points: NDArray[np.float64], box: NDArray[np.float64] | None, cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Pairs of ``(n, 3)`` points in nm within a cutoff, each once; the box is ``(3, 3)`` nm or ``None``.

    Returns:
        ``(n_pairs,)`` each: first, second, distance in nm, and whether no image is involved.
    """
    from vesin import NeighborList

    periodic = box is not None
    lattice = np.zeros((3, 3)) if box is None else np.asarray(box, dtype=np.float64)
    search = NeighborList(cutoff=cutoff, full_list=False, n_threads=1)
    pairs, shifts, distance = search.compute(
        np.ascontiguousarray(points, dtype=np.float64), lattice, periodic, quantities="PSd"
    )
    pairs = np.asarray(pairs).astype(np.int64)
    return pairs[:, 0], pairs[:, 1], np.asarray(distance), ~np.any(np.asarray(shifts), axis=1)
