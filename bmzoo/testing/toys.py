"""Toy systems for tests of backends: one small chiral molecule, alone or several in a triclinic box."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial.transform import Rotation

from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.random import random_stream
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping, Rule
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]

MASSES = {"C": 12.011, "H": 1.008, "O": 15.999, "Cl": 35.45}
TETRAHEDRAL = np.arccos(-1.0 / 3.0)

Z_MATRIX: tuple[tuple[str, int, int, int, float, float, int], ...] = (
    # element, bonded to, angle to, dihedral to, length nm, dihedral rad, rotor
    ("C", -1, -1, -1, 0.0, 0.0, -1),
    ("H", 0, -1, -1, 0.109, 0.0, -1),
    ("Cl", 0, 1, -1, 0.178, 0.0, -1),
    ("C", 0, 1, 2, 0.153, 2 * np.pi / 3, -1),
    ("H", 3, 0, 1, 0.109, np.pi / 3, 0),
    ("H", 3, 0, 1, 0.109, np.pi, 0),
    ("H", 3, 0, 1, 0.109, -np.pi / 3, 0),
    ("C", 0, 1, 2, 0.153, -2 * np.pi / 3, -1),
    ("H", 7, 0, 1, 0.109, np.pi / 3, 1),
    ("H", 7, 0, 1, 0.109, np.pi, 1),
    ("O", 7, 0, 1, 0.143, -np.pi / 3, 1),
    ("H", 10, 7, 0, 0.096, np.pi, 2),
)
"""2-chloropropan-1-ol; rotors turn the atoms behind a bond."""
OWNERS = (0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3)
BOX = np.array([[3.0, 0.0, 0.0], [0.7, 2.8, 0.0], [-0.9, 0.6, 2.6]])


def toy_topology() -> Topology:
    """Twelve atoms, four beads, one stereocentre; the central carbon is shared by two beads."""
    elements = tuple(row[0] for row in Z_MATRIX)
    bonds = np.array([(row[1], atom) for atom, row in enumerate(Z_MATRIX) if row[1] >= 0])
    graph = MolecularGraph(
        name="TOY",
        elements=elements,
        names=tuple(f"{element}{atom + 1}" for atom, element in enumerate(elements)),
        types=elements,
        masses=np.array([MASSES[element] for element in elements]),
        bonds=bonds,
        residue_ids=np.ones(len(elements), dtype=np.int64),
        residue_names=("TOY",) * len(elements),
    )
    graph = graph.with_hands(_molecule(np.zeros(3)))
    weights = np.zeros((4, len(elements)))
    weights[OWNERS, range(len(elements))] = graph.masses
    weights[0, 0] = weights[1, 0] = graph.masses[0] / 2
    mapping = Mapping(
        molecule="TOY",
        bead_names=("A1", "B1", "C1", "D1"),
        bead_types=("A", "B", "C", "D"),
        weights=csr_array(weights),
        owners=np.array(OWNERS),
        bonds=np.array([[0, 1], [0, 2], [2, 3]]),
        rules=(Rule("out", (1, 0, 2, 3, 7)),),
        source="toy",
    )
    return Topology(graph, mapping, temperature=300.0)


def toy_frames(
    n_frames: int, n_molecules: int = 1, *, periodic: bool = False, seed: int = 0
) -> Iterator[Frame]:
    """Atomistic frames: rotors turn freely, atoms jitter by 0.002 nm, molecules stand on a grid.

    Args:
        n_frames: how many, indices from 0.
        n_molecules: at most eight with ``periodic``.
        periodic: in a triclinic box; molecules are whole and may stick out of it.
    """
    for index in range(n_frames):
        stream = random_stream(seed, index)
        molecules = [_molecule(stream.uniform(-np.pi, np.pi, 3)) for _ in range(n_molecules)]
        turned = [m @ Rotation.random(rng=stream).as_matrix() for m in molecules]
        places = np.array([[m % 2, m // 2 % 2, m // 4] for m in range(n_molecules)]) / 2
        positions = np.stack(turned) + (places @ BOX)[:, None]
        positions += 0.002 * stream.standard_normal(positions.shape)
        yield Frame(
            positions.reshape(-1, 3),
            box=BOX.copy() if periodic else None,
            time=2.0 * index,
            index=index,
            name=f"toy, frame {index}",
        )


def toy_pairs(
    n_frames: int, n_molecules: int = 1, *, periodic: bool = False, seed: int = 0
) -> Iterator[PairedFrames]:
    """The same with their beads."""
    mapping = toy_topology().mapping
    for frame in toy_frames(n_frames, n_molecules, periodic=periodic, seed=seed):
        yield PairedFrames(frame.with_positions(mapping.apply(frame.positions)), frame)


def _molecule(rotors: Floats) -> Floats:
    """``(12, 3)`` nm, its first atom at the origin; ``rotors`` are three angles, radian."""
    placed: list[Floats] = []
    for _, bonded, angle, dihedral, length, phi, rotor in Z_MATRIX:
        turn = phi + (rotors[rotor] if rotor >= 0 else 0.0)
        origin = placed[bonded] if bonded >= 0 else np.zeros(3)
        back = placed[angle] if angle >= 0 else origin + np.array([0.0, 0.0, 1.0])
        side = placed[dihedral] if dihedral >= 0 else back + np.array([1.0, 0.0, 0.0])
        axis = (origin - back) / np.linalg.norm(origin - back)
        normal = np.cross(back - side, axis)
        normal /= np.linalg.norm(normal)
        inwards = np.cross(normal, axis)
        bend = np.cos(turn) * inwards + np.sin(turn) * normal
        placed.append(origin + length * (-np.cos(TETRAHEDRAL) * axis + np.sin(TETRAHEDRAL) * bend))
    return np.stack(placed)
