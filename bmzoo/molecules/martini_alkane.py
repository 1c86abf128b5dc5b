"""Alkanes in Martini 2: a chain of beads of type C1, four carbons each.

Marrink, Risselada, Yefimov, Tieleman, de Vries, J. Phys. Chem. B 111, 7812 (2007).
"""

from __future__ import annotations

from bmzoo.molecules.beads import chain_graph, identity_mapping
from bmzoo.molecules.topology import Topology

BEAD_TYPE = "C1"
MASS = 72.0
"""g/mol, of every bead of the model, whatever it stands for."""
SIGMA, EPSILON = 0.47, 3.5
"""nm, kJ/mol: level IV, C1 with C1."""
BOND_LENGTH, BOND_K = 0.47, 1250.0
"""nm, kJ/mol/nm2, of ``k/2 (r - r0)^2``."""
ANGLE_K = 25.0
"""kJ/mol, of ``k/2 (cos theta - cos 180)^2``."""
SHIFT, CUTOFF = 0.9, 1.2
"""nm: where the force begins to deviate from Lennard-Jones, and where it ends."""


def build_topology(name: str, n_beads: int, temperature: float) -> Topology:
    """A chain of C1 beads, each its own bead; the engine has the parameters, the topology none."""
    graph = chain_graph(name, (BEAD_TYPE,) * n_beads, MASS)
    return Topology(graph, identity_mapping(graph), None, temperature)
