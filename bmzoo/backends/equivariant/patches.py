"""Patches of periodic frames: all atoms about a bead, cut out and no longer periodic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.graph import Part, hear_beads
from bmzoo.backends.equivariant.neighbours import images
from bmzoo.backends.equivariant.tables import Tables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Patch:
    """Atoms about a bead, whose position is the origin.

    Attributes:
        part: without a box.
        molecules: ``(n_copies,)`` molecules of the frame that have atoms in the patch, a row for each image.
        shifts: ``(n_copies, 3)`` nm to add to their positions.
        copies: ``(n,)`` row of each atom.
        inner: ``(n,)`` whether an atom is far enough from the rim to count.
    """

    part: Part
    molecules: Ints
    shifts: Floats
    copies: Ints
    inner: NDArray[np.bool_]


class PatchCutter:
    """Cuts patches from one frame.

    Args:
        beads: ``(n_molecules, n_beads, 3)`` nm.
        box: ``(3, 3)`` nm.
    """

    def __init__(self, tables: Tables, config: EquivariantConfig, beads: Floats, box: Floats) -> None:
        self.tables, self.config, self.beads, self.box = tables, config, beads, box

    @cached_property
    def _heard(self) -> tuple[Floats, Ints, NDArray[np.bool_]]:
        return hear_beads(self.tables, self.config, self.beads, self.box)

    @cached_property
    def _images(self) -> tuple[Floats, Ints, Floats, Floats]:
        return images(self.beads.reshape(-1, 3), self.box, self.config.patch)

    def cut(self, bead: int) -> Patch:
        """The patch about a bead of the frame."""
        tables, n_beads = self.tables, self.tables.n_beads
        positions, origin, moved, inside = self._images
        away = np.linalg.norm(positions - inside[bead], axis=1)
        chosen = np.flatnonzero(away < self.config.patch)
        found, shifts = origin[chosen], moved[chosen] - inside[bead]
        keys = np.concatenate([(found // n_beads)[:, None], np.rint(shifts / 1e-4).astype(np.int64)], axis=1)
        _, first, copy = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        molecules, steps = found[first] // n_beads, shifts[first]
        taken = np.full((len(first), n_beads), -1, dtype=np.int64)
        taken[copy.reshape(-1), found % n_beads] = np.arange(len(found))
        of_atom = taken[:, tables.owners]
        copies, atoms = np.nonzero(of_atom >= 0)
        node = np.full(of_atom.shape, -1, dtype=np.int64)
        node[copies, atoms] = np.arange(len(atoms))
        owner = of_atom[copies, atoms]
        relative, kinds, own = self._heard
        of_owner = found[owner]
        centres = positions[chosen][owner] - inside[bead]
        senders = np.where(tables.slots >= 0, tables.paths[0][tables.slots], -1)[atoms]
        quads = node[:, tables.centres]
        row, kind = np.nonzero((quads >= 0).all(-1))
        anchors = (tables.anchors @ self.beads[molecules]) + steps[:, None]
        part = Part(
            atoms=atoms,
            units=np.zeros(len(atoms), dtype=np.int64),
            anchors=anchors[copies, atoms],
            molecules=copies,
            beads=relative[of_owner] + centres[:, None],
            bead_kinds=kinds[of_owner],
            bead_own=own[of_owner],
            path_senders=np.where(senders >= 0, node[copies[:, None], senders], -1),
            quads=quads[row, kind],
            quad_kinds=kind,
        )
        rim = self.config.patch - self.config.margin
        return Patch(part, molecules, steps, copies, (away[chosen][owner] < rim))


def turned(part: Part, rotation: Floats) -> Part:
    """The same, all coordinates multiplied by ``rotation`` from the right."""
    return part._replace(anchors=part.anchors @ rotation, beads=part.beads @ rotation)
