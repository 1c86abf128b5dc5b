"""What a coarse-grained force field is fitted to: beads of the reference frames and the forces on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.coarse.force_mapping import constraint_groups, force_map, slice_atoms
from bmzoo.errors import InputError
from bmzoo.molecules.topology import Topology
from bmzoo.systems.reference import Reference
from bmzoo.systems.system import System

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ForceData:
    """Frames of one molecule's beads.

    Attributes:
        positions: ``(n_frames, n_beads, 3)`` nm, each frame centred on its mean.
        forces: ``(n_frames, n_beads, 3)`` kJ/mol/nm.
        runs: frames of each run; the runs follow one another.
        stored: whether the atoms' forces were stored with the frames, not computed from them.
    """

    positions: Floats
    forces: Floats
    runs: tuple[int, ...]
    stored: bool


def load_force_data(system: System, split: str = "train") -> ForceData:
    """Beads and optimally aggregated forces of a split; see :mod:`bmzoo.coarse.force_mapping`.

    Forces that the reference did not keep are computed from its frames by OpenMM; the rounding of the
    frames then adds noise, but no bias, to them.

    Raises:
        InputError: a system with a box, without reference frames or force field.
    """
    topology, reference = system.topology, reference_of(system)
    field = topology.force_field
    if system.periodic or field is None:
        raise InputError(
            f"force matching wants one molecule with a force field and no box, not {system.name}"
        )
    atoms = np.stack([frame.positions for frame in reference.frames(split)])
    stored = "forces" in reference.split(split)
    forces = reference.forces(split) if stored else _computed(topology, reference, split)
    beads = slice_atoms(topology.mapping)
    groups = constraint_groups(topology.graph.n_atoms, field.constraints)
    mapped = np.einsum("ba,nax->nbx", force_map(beads, groups, forces), forces, optimize=True)
    positions = atoms[:, beads].astype(np.float64)
    positions -= positions.mean(axis=1, keepdims=True)
    return ForceData(positions.astype(np.float32), mapped.astype(np.float32), reference.runs(split), stored)


def reference_of(system: System) -> Reference:
    """The reference frames of a system.

    Raises:
        InputError: if it has none.
    """
    if system.reference is None:
        raise InputError(
            f"{system.name}:{system.state} has no reference frames; make some with bmzoo data build"
        )
    return system.reference


def _computed(topology: Topology, reference: Reference, split: str) -> Floats:
    from bmzoo.simulation.atom_forces import AtomForces

    forces = AtomForces(topology)
    found = [forces(frame.positions[None], None)[0] for frame in reference.frames(split)]
    return np.array(found, dtype=np.float32)


def bead_masses(system: System) -> NDArray[np.float64]:
    """``(n_beads,)`` g/mol: the masses of all atoms that a bead owns."""
    graph, mapping = system.topology.graph, system.topology.mapping
    return np.bincount(mapping.owners, graph.masses, minlength=mapping.n_beads).astype(np.float64)
