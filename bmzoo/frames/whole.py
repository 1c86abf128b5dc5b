"""The edge where a user's frames become bmzoo's: checked against the topology, molecules whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.periodic import MoleculeMaker
from bmzoo.frames.trajectory import Source, Trajectory
from bmzoo.molecules.topology import Topology


def open_trajectory(
    path: Source, topology: Topology, *, beads: bool, structure: str | Path | None = None
) -> Trajectory:
    """A trajectory of a topology's molecules.

    Args:
        path: see :class:`Trajectory`.
        beads: whether the particles are beads.
        structure: gro or pdb with their names, for formats without.

    Raises:
        InputError: see :class:`Trajectory`; no whole number of molecules, or particles in another order.
    """
    trajectory = Trajectory(path, structure)
    topology.count_molecules(trajectory.n_particles, beads=beads)
    if (names := trajectory.names()) is not None:
        check_order(names, topology, beads=beads, where=str(structure or trajectory.paths[0]))
    return trajectory


def check_order(names: Sequence[str], topology: Topology, *, beads: bool, where: str) -> None:
    """Refuses particles that are surely in another order than the topology's.

    A file may have names of its own; but the topology's names in another order are a mistake, and so are its
    elements, the first letters of names.

    Args:
        names: of all particles of a frame, a whole number of molecules.

    Raises:
        InputError: naming the first particle out of order.
    """
    own = topology.mapping.bead_names if beads else topology.graph.names
    sides = [(list(names), list(own))]
    if not beads:
        sides.append(([_letter(name) for name in names], [e[0] for e in topology.graph.elements]))
    for found, one in sides:
        wanted = one * (len(found) // len(one))
        if found != wanted and sorted(found) == sorted(wanted):
            first = next(k for k, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
            raise InputError(
                f"{where}: particle {first + 1} is {names[first]}, where the topology has "
                f"{own[first % len(own)]}; bring the particles into the topology's order"
            )


def _letter(name: str) -> str:
    """The first of a name such as HB1 or 1HB."""
    return name.lstrip("0123456789")[:1].upper()


def whole_molecules(frames: Iterable[Frame], topology: Topology, *, beads: bool) -> Iterator[Frame]:
    """Checks frames against the topology and makes their molecules whole.

    Args:
        frames: atoms, or beads, in the topology's order.
        beads: whether the particles are beads.

    Raises:
        InputError: a frame with the wrong number of particles, with NaN, or in a box that is none.
    """
    bonds = topology.mapping.bonds if beads else topology.graph.bonds
    per_molecule = topology.n_beads if beads else topology.n_atoms
    maker = MoleculeMaker(bonds, per_molecule)
    for frame in frames:
        topology.count_molecules(len(frame), beads=beads)
        where = frame.name or f"frame {frame.index}"
        if not np.isfinite(frame.positions).all():
            raise InputError(f"{where} has positions that are not numbers")
        try:
            whole = maker(frame.positions, frame.box)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        yield frame if frame.box is None else frame.with_positions(whole)
