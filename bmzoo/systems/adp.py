"""Alanine dipeptide, ACE-ALA-NME, 22 atoms: the small molecule of the temporal VAE paper.

Force field: amber99sb-ildn with implicit water (OBC2). Coarse-grained model: the six heavy atoms that
fix (phi, psi) and the hand of the alanine, a bead each (Shmilovich, Stieffenhofer, Charron, Hoffmann,
J. Phys. Chem. A 126, 9124, 2022).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bmzoo.molecules.formats.native import load_topology_json
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping
from bmzoo.molecules.topology import Topology
from bmzoo.systems.system import Landscape, System, chosen_state, embedded

TITLE = "Alanine dipeptide"
STATES = ("300K",)
TEMPERATURE = 300.0
DATA = Path(__file__).parent / "data" / "adp"

BEADS = (("ACE", "C"), ("ALA", "N"), ("ALA", "CA"), ("ALA", "CB"), ("ALA", "C"), ("NME", "N"))
"""Residue and atom name."""


def load(state: str | None = None) -> System:
    """Alanine dipeptide at 300 K, without a box.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = chosen_state("adp", state, STATES)
    graph, force_field = load_topology_json(DATA / "topology.json")
    return System(
        name="adp",
        state=chosen,
        title=f"{TITLE}, {TEMPERATURE:.0f} K",
        topology=Topology(graph, build_mapping(graph), force_field, TEMPERATURE),
        periodic=False,
        benchmark_frames=300,
        reference=embedded(DATA / chosen),
        landscape=Landscape("phi_psi", phi_psi_atoms(graph)),
    )


def bead_atoms(graph: MolecularGraph) -> tuple[int, ...]:
    """The atoms that are beads, along the chain."""
    labels = list(zip(graph.residue_names, graph.names, strict=True))
    return tuple(labels.index((residue, name)) for residue, name in BEADS)


def phi_psi_atoms(graph: MolecularGraph) -> tuple[tuple[int, ...], ...]:
    """C-N-CA-C and N-CA-C-N."""
    acetyl, n, ca, _, c, amide = bead_atoms(graph)
    return (acetyl, n, ca, c), (n, ca, c, amide)


def build_mapping(graph: MolecularGraph) -> Mapping:
    """Six beads, each one heavy atom; every other atom belongs to the nearest of them along bonds."""
    atoms = bead_atoms(graph)
    beads = np.arange(len(atoms))
    weights = csr_array((np.ones(len(atoms)), (beads, np.array(atoms))), shape=(len(atoms), graph.n_atoms))
    return Mapping(
        molecule=graph.name,
        bead_names=tuple(name for _, name in BEADS),
        bead_types=tuple(f"{residue}-{name}" for residue, name in BEADS),
        weights=weights,
        owners=nearest_beads(graph, atoms),
        bonds=np.array([(0, 1), (1, 2), (2, 3), (2, 4), (4, 5)]),
        source="bmzoo.systems.adp",
    )


def nearest_beads(graph: MolecularGraph, atoms: tuple[int, ...]) -> NDArray[np.int64]:
    """``(n_atoms,)`` bead that is fewest bonds away; the earlier one where two are equally near."""
    owners = np.full(graph.n_atoms, -1, dtype=np.int64)
    waiting = list(atoms)
    owners[waiting] = np.arange(len(atoms))
    for atom in waiting:
        for neighbour in graph.neighbours[atom]:
            if owners[neighbour] < 0:
                owners[neighbour] = owners[atom]
                waiting.append(neighbour)
    return owners
