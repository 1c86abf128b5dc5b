"""Small frames for the tests of refinement: an alanine dipeptide, and polystyrene chains in a box."""

from __future__ import annotations

from functools import cache

import numpy as np

from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.dipeptide import make_peptide
from bmzoo.simulation.polystyrene_chain import draw_chain
from bmzoo.systems import adp, sps

BOX = np.array([[4.2, 0.0, 0.0], [-1.9, 4.0, 0.0], [1.2, 1.7, 3.9]])


@cache
def dipeptide() -> tuple[Topology, Frame, Frame]:
    """Topology, atoms, beads."""
    topology = adp.load().topology
    x = make_peptide(0).positions
    return topology, Frame(x, index=3), Frame(topology.mapping.apply(x), index=3)


@cache
def melt(n_chains: int = 2) -> tuple[Topology, Frame, Frame]:
    """Chains side by side in a triclinic box."""
    topology = sps.load().topology
    random = np.random.default_rng(4)
    chains = [draw_chain(topology.graph, random, trans_fraction=0.9) for _ in range(n_chains)]
    placed = [x - x.mean(0) + BOX[0] * (k + 0.5) / n_chains for k, x in enumerate(chains)]
    x = np.concatenate(placed)
    return topology, Frame(x, BOX, index=1), Frame(topology.mapping.apply(x), BOX, index=1)
