"""A frame: where particles are. nm, ps. Molecules are whole inside bmzoo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """Positions of atoms or beads at one time.

    Attributes:
        positions: ``(n, 3)`` nm, float64 or float32.
        box: ``(3, 3)`` nm, rows are the lattice vectors (lower triangular, GROMACS
            convention), or ``None`` without periodic boundaries.
        time: ps.
        index: number of the frame in its trajectory; random streams derive from it.
        sample: which of several atomistic samples of one CG frame this is.
        name: where the frame comes from, for messages ("melt.xtc, frame 12").
    """

    positions: NDArray[np.floating]
    box: NDArray[np.floating] | None = None
    time: float = 0.0
    index: int = 0
    sample: int = 0
    name: str = ""

    def __len__(self) -> int:
        return len(self.positions)

    def with_positions(self, positions: NDArray[np.floating], **changes: object) -> Frame:
        """The same frame with other particles, ``(n, 3)`` nm; box, time, index and name are kept."""
        return replace(self, positions=positions, **changes)  # type: ignore[arg-type]


class PairedFrames(NamedTuple):
    """A CG frame and the atomistic frame that it was made from."""

    coarse: Frame
    atomistic: Frame
