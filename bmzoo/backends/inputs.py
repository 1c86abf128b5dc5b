"""What every backend checks of a CG frame before it works on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.periodic import MoleculeMaker
from bmzoo.molecules.topology import Topology


class BeadReader:
    """Checks CG frames and gives their beads, molecule by molecule, each whole along its bead bonds.

    A molecule stays at the image of its first bead.

    Args:
        topology: what one molecule is.
        periodic: whether frames must have a box (``True``), must not (``False``), or either.
    """

    def __init__(self, topology: Topology, *, periodic: bool | None = None) -> None:
        self.topology = topology
        self.periodic = periodic
        self._whole = MoleculeMaker(bead_bonds(topology), topology.n_beads)

    def __call__(self, frame: Frame) -> NDArray[np.float64]:
        """Beads of whole molecules, ``(n_molecules, n_beads, 3)`` nm.

        Raises:
            InputError: wrong number of beads, positions that are not finite, a box that is missing,
                flat or not wanted.
        """
        where = frame.name or f"frame {frame.index}"
        positions = np.asarray(frame.positions, dtype=np.float64)
        if positions.ndim != 2 or positions.shape[1] != 3:
            raise InputError(f"{where}: positions must be (n, 3), not {positions.shape}")
        self.topology.count_molecules(len(positions), beads=True)
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if len(bad):
            raise InputError(
                f"{where}: bead {bad[0] + 1} has a position that is not a finite number "
                f"({len(bad)} such beads); leave this frame out, or repair the trajectory"
            )
        positions = self._whole(positions, self._box(frame, where))
        return positions.reshape(-1, self.topology.n_beads, 3)

    def _box(self, frame: Frame, where: str) -> NDArray[np.float64] | None:
        if frame.box is None:
            if self.periodic:
                raise InputError(f"{where} has no box, and the system is periodic; give frames with a box")
            return None
        if self.periodic is False:
            raise InputError(
                f"{where} has a box, but this backend only knows isolated molecules; remove the box, "
                "or choose a backend that is periodic"
            )
        box = np.asarray(frame.box, dtype=np.float64)
        if box.shape != (3, 3) or not np.isfinite(box).all() or abs(np.linalg.det(box)) < 1e-6:
            raise InputError(f"{where}: the box must be three vectors that span a volume, not {box.tolist()}")
        return box


def bead_bonds(topology: Topology) -> NDArray[np.int64]:
    """``(n, 2)`` bonded beads; where the mapping lists none, beads whose own atoms are bonded."""
    mapping = topology.mapping
    if len(mapping.bonds):
        return mapping.bonds
    pairs = np.sort(mapping.owners[topology.graph.bonds], axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
