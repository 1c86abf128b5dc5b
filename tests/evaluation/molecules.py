"""Small systems whose right answers are known."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from bmzoo.frames.frame import Frame
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping
from bmzoo.molecules.topology import Topology

MASSES = {"C": 12.011, "H": 1.008, "N": 14.007, "O": 15.999}


def make_graph(
    elements: list[str], bonds: list[tuple[int, int]], names: list[str] | None = None
) -> MolecularGraph:
    n = len(elements)
    return MolecularGraph(
        name="TEST",
        elements=tuple(elements),
        names=tuple(names or [f"{e}{i}" for i, e in enumerate(elements)]),
        types=tuple(elements),
        masses=np.array([MASSES[e] for e in elements]),
        bonds=np.array(bonds),
        residue_ids=np.ones(n, dtype=np.int64),
        residue_names=("TST",) * n,
    )


def make_mapping(owners: list[int], bead_bonds: list[tuple[int, int]]) -> Mapping:
    """Beads at the centroid of their atoms."""
    n_beads = max(owners) + 1
    weights = np.zeros((n_beads, len(owners)))
    weights[owners, np.arange(len(owners))] = 1
    return Mapping(
        molecule="TEST",
        bead_names=tuple(f"B{i}" for i in range(n_beads)),
        bead_types=("B",) * n_beads,
        weights=csr_array(weights),
        owners=np.array(owners),
        bonds=np.array(bead_bonds, dtype=np.int64).reshape(-1, 2),
    )


def zigzag(n_atoms: int = 8) -> np.ndarray:
    """A flat carbon chain, nm."""
    x = np.arange(n_atoms)
    return np.stack([0.126 * x, 0.088 * (x % 2), np.zeros(n_atoms)], axis=1)


def chain_topology(n_atoms: int = 8, *, field: bool = True) -> Topology:
    """Carbon chain, two atoms a bead; bonds held, angles harmonic, Lennard-Jones beyond two bonds."""
    bonds = [(i, i + 1) for i in range(n_atoms - 1)]
    graph = make_graph(["C"] * n_atoms, bonds)
    owners = [i // 2 for i in range(n_atoms)]
    mapping = make_mapping(owners, [(i, i + 1) for i in range(max(owners))])
    return Topology(graph, mapping, chain_field(n_atoms) if field else None, temperature=300.0)


def chain_field(n_atoms: int) -> ForceField:
    bonds = np.array([(i, i + 1) for i in range(n_atoms - 1)])
    angles = np.array([(i, i + 1, i + 2) for i in range(n_atoms - 2)])
    dihedrals = np.array([(i, i + 1, i + 2, i + 3) for i in range(n_atoms - 3)])
    return ForceField(
        types=("C",) * n_atoms,
        masses=np.full(n_atoms, 12.011),
        charges=np.zeros(n_atoms),
        sigma=np.full(n_atoms, 0.35),
        epsilon=np.full(n_atoms, 0.3),
        bonds=bonds,
        bond_r0=np.full(len(bonds), 0.1537),
        bond_k=np.full(len(bonds), 2e5),
        constraints=bonds,
        constraint_r0=np.full(len(bonds), 0.1537),
        angles=angles,
        angle_theta0=np.full(len(angles), np.radians(110.0)),
        angle_k=np.full(len(angles), 500.0),
        dihedrals=dihedrals,
        dihedral_n=np.full(len(dihedrals), 3),
        dihedral_phase=np.zeros(len(dihedrals)),
        dihedral_k=np.full(len(dihedrals), 5.0),
        dihedral_improper=np.zeros(len(dihedrals), dtype=bool),
        exclusions=np.concatenate([bonds, angles[:, [0, 2]]]),
        cutoff=1.0,
    )


def chain_frames(
    n_frames: int,
    *,
    seed: int = 0,
    noise: float = 0.008,
    n_molecules: int = 4,
    samples: int = 1,
    box: float = 2.6,
) -> list[Frame]:
    """Chains side by side in a box, every atom with Gaussian noise of its own."""
    rng = np.random.default_rng(seed)
    places = np.stack([np.zeros(n_molecules), 0.6 * np.arange(n_molecules), np.zeros(n_molecules)], axis=1)
    ideal = zigzag() + places[:, None]
    frames = []
    for index in range(n_frames):
        for sample in range(samples):
            x = ideal + noise * rng.normal(size=ideal.shape)
            frames.append(Frame(x.reshape(-1, 3), box=box * np.eye(3), index=index, sample=sample))
    return frames
