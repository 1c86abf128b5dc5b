"""Who sees whom: for every bead of a frame the particles that its atoms are placed among."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.voxel_gan.template import Template
from bmzoo.frames.periodic import neighbour_pairs

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layout:
    """The columns of a bead's surroundings that are the same in every frame: those of its own molecule.

    Columns are the atoms of the beads in ``template.close``, then those beads.

    Attributes:
        particles: ``(n_beads, n_fixed)`` particle of the molecule (atoms, then beads), -1.
        column_of: ``(n_beads, n_atoms + n_beads)`` its column, -1.
    """

    particles: Ints
    column_of: Ints

    @property
    def n_fixed(self) -> int:
        return self.particles.shape[1]


def make_layout(template: Template) -> Layout:
    """Columns that every placement around a bead can refer to."""
    n_atoms, n_beads = template.n_atoms, template.topology.n_beads
    rows = []
    for close in template.close:
        atoms = [np.flatnonzero(template.owners == bead) for bead in close]
        rows.append(np.concatenate([*atoms, n_atoms + np.array(close)]).astype(np.int64))
    particles = np.full((n_beads, max(len(row) for row in rows)), -1, dtype=np.int64)
    column_of = np.full((n_beads, n_atoms + n_beads), -1, dtype=np.int64)
    for bead, row in enumerate(rows):
        particles[bead, : len(row)] = row
        column_of[bead, row] = np.arange(len(row))
    return Layout(particles, column_of)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Surroundings of every bead of one frame.

    Particles of a frame are the atoms of all molecules, then their beads, then one that is nowhere.

    Attributes:
        particles: ``(n_all_beads, n_columns)`` particles of the frame.
        columns: ``(n_all_beads, n_columns)`` columns of the template's table.
        shifts: ``(n_all_beads, n_columns, 3)`` nm to add to their positions.
        pairs: ``(n, 2)`` beads that see one another, both ways.
        box: ``(3, 3)`` nm or ``None``.
    """

    particles: NDArray[np.int32]
    columns: NDArray[np.int32]
    shifts: NDArray[np.float32]
    pairs: Ints
    box: Floats | None

    @property
    def n_beads(self) -> int:
        return len(self.particles)

    @cached_property
    def adjacent(self) -> NDArray[np.bool_]:
        """``(n_beads, n_beads)`` whether atoms of two beads may see one another; with themselves."""
        found = np.eye(self.n_beads, dtype=bool)
        found[self.pairs[:, 0], self.pairs[:, 1]] = True
        return found


def find_surroundings(template: Template, layout: Layout, beads: Floats, box: Floats | None) -> Surroundings:
    """Surroundings within the cutoff between beads, and of bonded relatives whatever their distance.

    Args:
        beads: ``(n_molecules, n_beads, 3)`` nm, molecules whole.
        box: ``(3, 3)`` nm or ``None``.
    """
    n_molecules, n_beads = beads.shape[:2]
    first, second, shifts = _near(template, beads, box)
    width = layout.n_fixed
    fixed, fixed_columns = _fixed(template, layout, n_molecules)
    blocks = _bead_blocks(template)
    block = blocks[second % n_beads]
    ordinal = _ordinals(first, block_sizes := (block >= 0).sum(axis=1), n_molecules * n_beads)
    total = width + int(np.bincount(first, block_sizes, minlength=1).max(initial=0))
    nowhere = n_molecules * (template.n_atoms + n_beads)
    particles = np.full((n_molecules * n_beads, total), nowhere, dtype=np.int32)
    columns = np.zeros((n_molecules * n_beads, total), dtype=np.int32)
    offsets = np.zeros((n_molecules * n_beads, total, 3), dtype=np.float32)
    particles[:, :width], columns[:, :width] = fixed, fixed_columns
    pair, place = np.nonzero(block >= 0)
    row, column = first[pair], width + ordinal[pair] + _running(block_sizes)
    particle, molecule = block[pair, place], second[pair] // n_beads
    is_bead = particle >= template.n_atoms
    particles[row, column] = np.where(
        is_bead,
        n_molecules * template.n_atoms + molecule * n_beads + particle - template.n_atoms,
        molecule * template.n_atoms + particle,
    )
    columns[row, column] = template.n_atoms + particle
    offsets[row, column] = shifts[pair]
    own = np.array([(b, c) for b, close in enumerate(template.close) for c in close if b != c]).reshape(-1, 2)
    bonded = (own[None] + n_beads * np.arange(n_molecules)[:, None, None]).reshape(-1, 2)
    pairs = np.concatenate([np.stack([first, second], axis=1), bonded])
    return Surroundings(particles, columns, offsets, pairs[pairs[:, 0] != pairs[:, 1]], box)


def _near(template: Template, beads: Floats, box: Floats | None) -> tuple[Ints, Ints, Floats]:
    """Pairs of beads both ways, nearest first for every first, relatives of the own molecule left out."""
    n_beads = beads.shape[1]
    found = neighbour_pairs(beads.reshape(-1, 3), box, template.config.cutoff)
    moved = found.shifts @ box if box is not None else np.zeros((len(found.first), 3))
    first = np.concatenate([found.first, found.second])
    second = np.concatenate([found.second, found.first])
    shifts = np.concatenate([moved, -moved])
    distances = np.concatenate([found.distances, found.distances])
    close = np.zeros((n_beads, n_beads), dtype=bool)
    for bead, others in enumerate(template.close):
        close[bead, list(others)] = True
    here = (first // n_beads == second // n_beads) & (np.abs(shifts).max(axis=1, initial=0) < 1e-6)
    keep = np.flatnonzero(~(here & close[first % n_beads, second % n_beads]))
    keep = keep[np.lexsort((second[keep], distances[keep], first[keep]))]
    return first[keep], second[keep], shifts[keep]


def _fixed(template: Template, layout: Layout, n_molecules: int) -> tuple[Ints, Ints]:
    n_atoms, n_beads = template.n_atoms, template.topology.n_beads
    row, there = layout.particles, layout.particles >= 0
    molecules = np.arange(n_molecules)[:, None, None]
    is_bead = row >= n_atoms
    particles = np.where(
        is_bead, n_molecules * n_atoms + molecules * n_beads + row - n_atoms, molecules * n_atoms + row
    )
    particles = np.where(there, particles, n_molecules * (n_atoms + n_beads))
    columns = np.where(there, np.where(is_bead, row + n_atoms, row), 0)
    repeated = np.broadcast_to(columns, (n_molecules, *columns.shape))
    return particles.reshape(-1, row.shape[1]), repeated.reshape(-1, row.shape[1])


def _bead_blocks(template: Template) -> Ints:
    """``(n_beads, largest)`` the particles that come with a bead: its own atoms, and itself."""
    own = [np.flatnonzero(template.owners == bead) for bead in range(template.topology.n_beads)]
    blocks = np.full((len(own), max(map(len, own)) + 1), -1, dtype=np.int64)
    for bead, atoms in enumerate(own):
        blocks[bead, : len(atoms)] = atoms
        blocks[bead, len(atoms)] = template.n_atoms + bead
    return blocks


def _ordinals(first: Ints, sizes: Ints, n: int) -> Ints:
    """Columns taken by earlier pairs of the same first bead; ``first`` ascends."""
    before = np.cumsum(sizes) - sizes
    starts = np.searchsorted(first, np.arange(n))
    base = np.append(before, sizes.sum())[np.minimum(starts, len(before))]
    return before - base[first]


def _running(sizes: Ints) -> Ints:
    """0, 1, ... within every block."""
    before = np.cumsum(sizes) - sizes
    return np.arange(int(sizes.sum())) - np.repeat(before, sizes)
