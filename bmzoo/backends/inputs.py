"""What every backend checks of a CG frame before it works on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.periodic import make_whole
from bmzoo.molecules.topology import Topology


def bead_positions(frame: Frame, topology: Topology, *, periodic: bool | None = None) -> NDArray[np.float64]:
    """Beads of a CG frame, molecule by molecule, each made whole along its bead bonds.

    A molecule stays at the image of its first bead.

    Args:
        frame: beads, nm.
        topology: what one molecule is.
        periodic: whether a box is required (``True``), refused (``False``) or either.

    Returns:
        ``(n_molecules, n_beads, 3)`` nm.

    Raises:
        InputError: wrong number of beads, positions that are not finite, a box that is missing,
            flat or not wanted.
    """
    where = frame.name or f"frame {frame.index}"
    positions = np.asarray(frame.positions, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise InputError(f"{where}: positions must be (n, 3), not {positions.shape}")
    n_molecules = topology.count_molecules(len(positions), beads=True)
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if len(bad):
        raise InputError(
            f"{where}: bead {bad[0] + 1} has a position that is not a finite number "
            f"({len(bad)} such beads); leave this frame out, or repair the trajectory"
        )
    box = _check_box(frame, where, periodic)
    bonds = topology.mapping.bonds
    if box is not None and len(bonds):
        all_bonds = np.arange(n_molecules)[:, None, None] * topology.n_beads + bonds
        positions = make_whole(positions, box, all_bonds.reshape(-1, 2))
    return positions.reshape(n_molecules, topology.n_beads, 3)


def _check_box(frame: Frame, where: str, periodic: bool | None) -> NDArray[np.float64] | None:
    if frame.box is None:
        if periodic:
            raise InputError(f"{where} has no box, and the system is periodic; give a trajectory with a box")
        return None
    if periodic is False:
        raise InputError(
            f"{where} has a box, but this backend only knows isolated molecules; remove the box, "
            "or choose a backend that is periodic"
        )
    box = np.asarray(frame.box, dtype=np.float64)
    if box.shape != (3, 3) or not np.isfinite(box).all() or abs(np.linalg.det(box)) < 1e-6:
        raise InputError(f"{where}: the box must be three vectors that span a volume, not {box.tolist()}")
    return box
