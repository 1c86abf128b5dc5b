"""Feature channels: what counts where, for any molecule and any rules."""

from __future__ import annotations

import numpy as np
import pytest

from bmzoo.errors import InputError
from bmzoo.molecules import polystyrene
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.representations.channels import atom_classes, channel_table, default_channels

TOPOLOGY = polystyrene.build_topology(568.0)
GRAPH = TOPOLOGY.graph
CLASSES = atom_classes(GRAPH)


def test_classes_say_element_and_neighbours() -> None:
    propanol = atom_classes(MolecularGraph.from_smiles("CCO"))
    assert set(propanol) == {"C4", "O2", "H(C4)", "H(O2)"}
    assert set(CLASSES) == {"C3", "C4", "H(C3)", "H(C4)"}


def test_every_visible_atom_counts_once_by_default() -> None:
    channels = default_channels(CLASSES, TOPOLOGY.mapping.bead_types)
    table = channel_table(TOPOLOGY, channels)
    n = GRAPH.n_atoms
    assert table.shape == (n, 2 * n + TOPOLOGY.n_beads, len(channels))
    visible = np.ones((n, n), dtype=bool)
    visible[np.ix_(~GRAPH.is_hydrogen, GRAPH.is_hydrogen)] = False
    others = [k for k, rule in enumerate(channels) if rule != "molecule"]
    own = visible & ~np.eye(n, dtype=bool)
    assert (table[:, :n, others].sum(-1) == own).all()
    assert (table[:, n : 2 * n, others].sum(-1) == visible).all()
    assert (table[:, 2 * n :].sum(-1) == 1).all()
    assert (table[:, :n, channels.index("molecule")] == own).all()


def test_bonds_are_where_the_graph_has_them() -> None:
    table = channel_table(TOPOLOGY, ["bond:*", "angle:C*", "bead:B"])
    atom = next(a for a in range(GRAPH.n_atoms) if GRAPH.is_hydrogen[a])
    assert np.flatnonzero(table[atom, : GRAPH.n_atoms, 0]).tolist() == list(GRAPH.neighbours[atom])
    second = {n for p in GRAPH.neighbours[atom] for n in GRAPH.neighbours[p]} - {atom}
    carbons = sorted(n for n in second if not GRAPH.is_hydrogen[n])
    assert np.flatnonzero(table[atom, : GRAPH.n_atoms, 1]).tolist() == carbons
    assert table[atom, 2 * GRAPH.n_atoms :, 2].sum() == TOPOLOGY.mapping.bead_types.count("B")


@pytest.mark.parametrize("rule", ["bonds:C4", "bond", "molecule:C4"])
def test_rules_that_make_no_sense(rule: str) -> None:
    with pytest.raises(InputError, match=r"channel|relation"):
        channel_table(TOPOLOGY, [rule])
