"""The edge where a user's frames become bmzoo's: checked against the topology, molecules whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.periodic import MoleculeMaker
from bmzoo.molecules.topology import Topology


def whole_molecules(frames: Iterable[Frame], topology: Topology, *, beads: bool) -> Iterator[Frame]:
    """Checks frames against the topology and makes their molecules whole.

    Args:
        frames: atoms, or beads, in the topology's order.
        beads: whether the particles are beads.

    Raises:
        InputError: a frame with the wrong number of particles or with NaN.
    """
    bonds = topology.mapping.bonds if beads else topology.graph.bonds
    per_molecule = topology.n_beads if beads else topology.n_atoms
    maker = MoleculeMaker(bonds, per_molecule)
    for frame in frames:
        topology.count_molecules(len(frame), beads=beads)
        if not np.isfinite(frame.positions).all():
            raise InputError(f"{frame.name or f'frame {frame.index}'} has positions that are not numbers")
        yield frame if frame.box is None else frame.with_positions(maker(frame.positions, frame.box))
