"""Chignolin CLN025, ACE-YYDPETGTWY-NME, 175 atoms: the mini-protein of the temporal VAE paper.

Force field: amber99sb-ildn with implicit water (OBC2). Coarse-grained model: the ten alpha carbons, a
bead each (Shmilovich, Stieffenhofer, Charron, Hoffmann, J. Phys. Chem. A 126, 9124, 2022). The reference
frames are a seeded ensemble: their populations are not thermodynamic.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from bmzoo.molecules.formats.native import load_topology_json
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping
from bmzoo.molecules.topology import Topology
from bmzoo.systems.system import Landscape, System, chosen_state, embedded

TITLE = "Chignolin"
STATES = ("350K",)
TEMPERATURE = 350.0
DATA = Path(__file__).parent / "data" / "cln"

N_RESIDUES = 10
TICA_LAG = 10
"""Frames between the pairs that TICA correlates; one picosecond each in the train and test splits."""


def load(state: str | None = None) -> System:
    """Chignolin at 350 K, without a box.

    Raises:
        InputError: for a state that it does not have.
    """
    chosen = chosen_state("cln", state, STATES)
    graph, force_field = load_topology_json(DATA / "topology.json")
    return System(
        name="cln",
        state=chosen,
        title=f"{TITLE}, {TEMPERATURE:.0f} K",
        topology=Topology(graph, build_mapping(graph), force_field, TEMPERATURE),
        periodic=False,
        benchmark_frames=40,
        reference=embedded(DATA / chosen),
        landscape=Landscape(
            "tica_ca", (alpha_carbons(graph),), lag=TICA_LAG, centres=150, lag_time=10.0, processes=4
        ),
    )


def alpha_carbons(graph: MolecularGraph) -> tuple[int, ...]:
    """The CA atoms, in sequence."""
    return tuple(i for i, name in enumerate(graph.names) if name == "CA")


def build_mapping(graph: MolecularGraph) -> Mapping:
    """Ten beads, each an alpha carbon, which owns its residue; the caps go to the first and the last."""
    atoms = alpha_carbons(graph)
    names = [graph.residue_names[atom] for atom in atoms]
    weights = csr_array((np.ones(N_RESIDUES), (np.arange(N_RESIDUES), np.array(atoms))),
                        shape=(N_RESIDUES, graph.n_atoms))  # fmt: skip
    first = graph.residue_ids[atoms[0]]
    return Mapping(
        molecule=graph.name,
        bead_names=tuple(f"{name}{number}" for number, name in enumerate(names, start=1)),
        bead_types=tuple(names),
        weights=weights,
        owners=np.clip(graph.residue_ids - first, 0, N_RESIDUES - 1),
        bonds=np.stack([np.arange(N_RESIDUES - 1), np.arange(1, N_RESIDUES)], axis=1),
        source="bmzoo.systems.cln",
    )
