"""Frames from and to MDAnalysis universes; the only other place where angstrom is spoken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.molecules.graph import MolecularGraph

ANGSTROM = 0.1
"""nm"""


def frames_of_universe(
    group: Any, *, start: int | None = None, stop: int | None = None, step: int | None = None
) -> Iterator[Frame]:
    """Frames of an MDAnalysis Universe or AtomGroup, one at a time, in nm and ps.

    Raises:
        InputError: if it is neither, or has no trajectory; a step of 0.
    """
    if not hasattr(group, "universe"):
        raise InputError(f"expected a path, an MDAnalysis Universe or AtomGroup, not {type(group).__name__}")
    if not hasattr(group.universe, "trajectory"):
        raise InputError("the Universe has no trajectory; load one into it")
    if step == 0:
        raise InputError("the step between frames must not be 0")
    return _frames(group, start, stop, step)


def _frames(group: Any, start: int | None, stop: int | None, step: int | None) -> Iterator[Frame]:
    from MDAnalysis.lib.mdamath import triclinic_vectors

    universe, atoms = group.universe, group.atoms
    for step_ in universe.trajectory[start:stop:step]:
        dimensions = step_.dimensions
        has_box = dimensions is not None and np.all(np.asarray(dimensions)[:3] > 0)
        yield Frame(
            positions=atoms.positions.astype(np.float64) * ANGSTROM,
            box=triclinic_vectors(dimensions, dtype=np.float64) * ANGSTROM if has_box else None,
            time=float(step_.time),
            index=int(step_.frame),
            name=f"universe, frame {step_.frame}",
        )


def to_universe(frames: Sequence[Frame], graph: MolecularGraph) -> Any:
    """An in-memory MDAnalysis Universe of copies of one molecule, with names, masses and bonds.

    Args:
        frames: one or more atomistic frames, all of the same size.
        graph: the molecule that they hold copies of.

    Raises:
        InputError: no frames.
    """
    import MDAnalysis as mda
    from MDAnalysis.coordinates.memory import MemoryReader
    from MDAnalysis.lib.mdamath import triclinic_box

    if not frames:
        raise InputError("no frames to put into a universe; check start, stop and step")
    n_molecules = len(frames[0]) // graph.n_atoms
    residues, first, inverse = np.unique(graph.residue_ids, return_index=True, return_inverse=True)
    n_residues = len(residues)
    universe = mda.Universe.empty(
        n_atoms=n_molecules * graph.n_atoms,
        n_residues=n_molecules * n_residues,
        atom_resindex=np.concatenate([inverse + n_residues * m for m in range(n_molecules)]),
        trajectory=True,
    )
    universe.add_TopologyAttr("names", list(graph.names) * n_molecules)
    universe.add_TopologyAttr("types", list(graph.types) * n_molecules)
    universe.add_TopologyAttr("elements", list(graph.elements) * n_molecules)
    universe.add_TopologyAttr("masses", np.tile(graph.masses, n_molecules))
    universe.add_TopologyAttr("resnames", [graph.residue_names[i] for i in first] * n_molecules)
    universe.add_TopologyAttr("resids", np.arange(1, n_molecules * n_residues + 1))
    offsets = np.arange(n_molecules)[:, None, None] * graph.n_atoms
    universe.add_TopologyAttr("bonds", (graph.bonds[None] + offsets).reshape(-1, 2))
    boxes = [
        np.zeros(6) if f.box is None else triclinic_box(*(np.asarray(f.box, dtype=np.float64) / ANGSTROM))
        for f in frames
    ]
    coordinates = np.array([f.positions for f in frames], dtype=np.float32) / ANGSTROM
    interval = frames[1].time - frames[0].time if len(frames) > 1 else 1.0
    universe.load_new(
        coordinates,
        format=MemoryReader,
        dimensions=np.array(boxes, dtype=np.float32),
        dt=interval if interval > 0 else 1.0,
        time_offset=frames[0].time,
    )
    return universe
