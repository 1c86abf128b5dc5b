"""Frames as the graphs that the network sees: every atom with the atoms and beads that it hears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.neighbours import nearest
from bmzoo.backends.equivariant.tables import Tables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BEAD_CUTOFF = 2.5
"""nm between beads that hear each other."""
IMAGE = 1e-6
"""nm; a smaller shift is none."""
FAR = 1000.0
"""nm between the frames of isolated molecules that are searched together."""


class Graph(NamedTuple):
    """Atoms of one or several units (frames, samples, patches), all copies of one molecule or parts of it.

    A row of ``senders`` or ``beads`` belongs to the atom that hears them.

    Attributes:
        atoms: ``(n,)`` which atom of the molecule each is.
        units: ``(n,)`` which unit it belongs to.
        anchors: ``(n, 3)`` nm.
        senders: ``(n, k)`` atoms that are heard: bonded ones first, then the nearest; the atom itself
            where there are no more.
        paths: ``(n, k)`` row of the molecule's paths; ``n_paths`` for atoms that are only near; -1 none.
        shifts: ``(n, k, 3)`` nm to add to the senders' positions.
        beads: ``(n, k_beads, 3)`` nm, positions of the beads that are heard.
        bead_kinds: ``(n, k_beads)`` which bead of the molecule each is, -1 for none.
        bead_own: ``(n, k_beads)`` whether it belongs to the atom's own molecule.
        quads: ``(n_quads, 5)`` centres with three or four neighbours, see ``Tables.centres``.
        quad_kinds: ``(n_quads,)`` row of the molecule's centres.
    """

    atoms: Tensor
    units: Tensor
    anchors: Tensor
    senders: Tensor
    paths: Tensor
    shifts: Tensor
    beads: Tensor
    bead_kinds: Tensor
    bead_own: Tensor
    quads: Tensor
    quad_kinds: Tensor

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Graph:
        """On a device, with all coordinates in a precision."""
        return Graph(*(p.to(device, dtype) if p.is_floating_point() else p.to(device) for p in self))


class Part(NamedTuple):
    """The numpy arrays of units that are searched together; without neighbours among atoms.

    Attributes:
        atoms, anchors, beads, bead_kinds, bead_own, quads, quad_kinds: as of :class:`Graph`.
        units: ``(n,)`` counted from 0; several only without a box.
        molecules: ``(n,)`` atoms of one molecule, in one image, have the same number.
        path_senders: ``(n, most_paths)`` bonded atoms, -1 where there are no more or they are left out.
        box: ``(3, 3)`` nm or ``None``.
    """

    atoms: Ints
    units: Ints
    anchors: Floats
    molecules: Ints
    beads: Floats
    bead_kinds: Ints
    bead_own: NDArray[np.bool_]
    path_senders: Ints
    quads: Ints
    quad_kinds: Ints
    box: Floats | None = None


def n_neighbours(tables: Tables, config: EquivariantConfig) -> int:
    """Atoms that an atom hears: never fewer than its bonded ones."""
    return max(config.neighbours, tables.most_paths)


def hear_beads(
    tables: Tables, config: EquivariantConfig, beads: Floats, box: Floats | None
) -> tuple[Floats, Ints, NDArray[np.bool_]]:
    """The beads nearest to every bead, itself first, periodic images counted.

    Args:
        beads: ``(n_molecules, n_beads, 3)`` nm.

    Returns:
        For all beads of the frame ``(n, k)``: positions relative to the first, which bead of the molecule
        each is (-1 none), and whether it is of the same molecule.
    """
    flat, n_beads = beads.reshape(-1, 3), tables.n_beads
    found = nearest(flat, box, config.beads, BEAD_CUTOFF)
    there = found.points >= 0
    positions = np.where(there[..., None], flat[found.points] + found.shifts - flat[:, None], 0.0)
    same = found.points // n_beads == np.arange(len(flat))[:, None] // n_beads
    own = there & same & (np.abs(found.shifts).max(-1, initial=0) < IMAGE)
    return positions, np.where(there, found.points % n_beads, -1), own


def frame_part(tables: Tables, config: EquivariantConfig, beads: Floats, box: Floats | None) -> Part:
    """All molecules of one frame; ``beads`` ``(n_molecules, n_beads, 3)`` nm."""
    count, n = len(beads), tables.n_atoms
    relative, kinds, own = hear_beads(tables, config, beads, box)
    owners = (tables.n_beads * np.arange(count)[:, None] + tables.owners).reshape(-1)
    steps = n * np.arange(count)[:, None, None]
    senders = np.where(tables.slots >= 0, tables.paths[0][tables.slots], -1)
    return Part(
        atoms=np.tile(np.arange(n), count),
        units=np.zeros(count * n, dtype=np.int64),
        anchors=(tables.anchors @ beads).reshape(-1, 3),
        molecules=np.repeat(np.arange(count), n),
        beads=relative[owners] + beads.reshape(-1, 3)[owners][:, None],
        bead_kinds=kinds[owners],
        bead_own=own[owners],
        path_senders=np.where(senders >= 0, senders + steps, -1).reshape(count * n, -1),
        quads=(tables.centres + steps).reshape(-1, 5),
        quad_kinds=np.tile(np.arange(len(tables.centres)), count),
        box=box,
    )


def isolated_part(tables: Tables, config: EquivariantConfig, beads: Floats) -> Part:
    """Several frames without a box, a unit each: ``(n_frames, n_molecules, n_beads, 3)`` nm.

    They are searched in one go, far from one another.
    """
    n_frames, count = beads.shape[:2]
    shifts = _spread(np.arange(n_frames))
    part = frame_part(tables, config, (beads + shifts[:, None, None]).reshape(-1, *beads.shape[2:]), None)
    units = np.repeat(np.arange(n_frames), count * tables.n_atoms)
    return part._replace(
        units=units,
        anchors=part.anchors - shifts[units],
        beads=part.beads - shifts[units][:, None],
    )


def _spread(units: Ints) -> Floats:
    """``(..., 3)`` nm, so far apart that no unit reaches another."""
    return units[..., None] * np.array([FAR, 0.0, 0.0])


def hear_atoms(
    tables: Tables, config: EquivariantConfig, part: Part, atoms: Floats
) -> tuple[Ints, Ints, Floats]:
    """Whom every atom hears where the atoms are now: senders, paths and shifts as of :class:`Graph`.

    Args:
        atoms: ``(n, 3)`` nm.
    """
    n, k = len(atoms), n_neighbours(tables, config)
    paths = np.where(part.path_senders >= 0, tables.slots[part.atoms], -1)
    where = atoms if part.box is not None else atoms + _spread(part.units)
    found = nearest(where, part.box, k + 1, config.cutoff)
    in_place = np.abs(found.shifts).max(-1) < IMAGE
    itself = (found.points == np.arange(n)[:, None]) & in_place
    bonded = in_place & (part.molecules[found.points] == part.molecules[:, None])
    bonded &= tables.are_bonded(part.atoms[:, None], part.atoms[found.points])
    near = (found.points >= 0) & ~itself & ~bonded
    senders = np.concatenate([part.path_senders, np.where(near, found.points, -1)], axis=1)
    kinds = np.concatenate([paths, np.where(near, tables.paths.shape[1], -1)], axis=1)
    shifts = np.concatenate([np.zeros((n, paths.shape[1], 3)), found.shifts], axis=1)
    first = np.argsort(senders < 0, axis=1, kind="stable")[:, :k]
    senders, kinds = (np.take_along_axis(x, first, 1) for x in (senders, kinds))
    shifts = np.take_along_axis(shifts, first[..., None], 1)
    return np.where(senders >= 0, senders, np.arange(n)[:, None]), kinds, shifts


def assemble(
    tables: Tables, config: EquivariantConfig, parts: Sequence[Part], atoms: Sequence[Floats]
) -> Graph:
    """One graph of several parts whose atoms are at ``(n, 3)`` nm each."""
    heard = [hear_atoms(tables, config, part, x) for part, x in zip(parts, atoms, strict=True)]
    starts = np.cumsum([0, *(len(part.atoms) for part in parts[:-1])])
    firsts = np.cumsum([0, *(int(part.units[-1]) + 1 for part in parts[:-1])])

    def joined(arrays: Sequence[NDArray], steps: Ints | None = None) -> Tensor:
        if steps is not None:
            arrays = [array + step for array, step in zip(arrays, steps, strict=True)]
        return torch.from_numpy(np.concatenate(arrays))

    return Graph(
        atoms=joined([p.atoms for p in parts]),
        units=joined([p.units for p in parts], firsts),
        anchors=joined([p.anchors for p in parts]),
        senders=joined([h[0] for h in heard], starts),
        paths=joined([h[1] for h in heard]),
        shifts=joined([h[2] for h in heard]),
        beads=joined([p.beads for p in parts]),
        bead_kinds=joined([p.bead_kinds for p in parts]),
        bead_own=joined([p.bead_own for p in parts]),
        quads=joined([p.quads for p in parts], starts),
        quad_kinds=joined([p.quad_kinds for p in parts]),
    )
