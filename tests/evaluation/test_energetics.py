import numpy as np
import pytest
import torch
from molecules import chain_frames, chain_topology

from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.energetics import Energetics
from bmzoo.representations.energies import Energies


def test_energies_from_the_shared_pairs_are_the_force_fields() -> None:
    """The pair list is found once for all metrics; energies from it agree with the force field's own."""
    topology = chain_topology()
    frames = chain_frames(2, noise=0.02)
    x = np.stack([f.positions for f in frames]).reshape(1, 2, 4, 8, 3)
    boxes = np.stack([f.box for f in frames])
    batch = Batch(Context(topology), x, boxes, np.zeros((2, 4), dtype=int), 1, np.arange(2), np.arange(2))
    molecules, totals = Energetics(batch.context)._evaluate(batch)
    energies = Energies(topology.force_field)
    for place, frame in enumerate(frames):
        positions = torch.as_tensor(frame.positions)
        terms = energies.terms(positions, frame.box)
        shares = energies.per_molecule(positions, frame.box)["lennard_jones"]
        np.testing.assert_allclose(molecules["lj"][place], shares, rtol=1e-9)
        # Held bonds are no part of the reference's energy.
        assert totals["total"][place] == pytest.approx(float(terms["total"] - terms["bond"]), rel=1e-9)
