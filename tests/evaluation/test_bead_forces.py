"""Forces summed over beads, and the divergence of their distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from molecules import chain_frames, chain_topology
from scipy.spatial.transform import Rotation

from bmzoo.errors import InputError
from bmzoo.evaluation.bead_forces import (
    BeadForces,
    Components,
    bead_force_divergence,
    bead_shares,
    sum_over_beads,
)
from bmzoo.evaluation.evaluate import Evaluation
from bmzoo.systems import load_system

MAPPING = chain_topology().mapping


def _ensemble(seed: int, width: float = 1.0, n_frames: int = 64) -> BeadForces:
    rng = np.random.default_rng(seed)
    shape = (n_frames, 30, MAPPING.n_beads, 3)
    return BeadForces(rng.normal(size=shape), width * rng.normal(size=shape))


@pytest.mark.parametrize("name", ["sps", "octane", "cumene", "adp", "cln"])
def test_beads_bear_all_of_the_force(name: str) -> None:
    """Shared atoms, and atoms without weight, count once."""
    mapping = load_system(name).topology.mapping
    shares = bead_shares(mapping)
    np.testing.assert_allclose(np.asarray(shares.sum(axis=0)).ravel(), 1)
    forces = np.random.default_rng(0).normal(size=(2, 3, mapping.n_atoms, 3))
    beads = sum_over_beads(forces, shares)
    assert beads.shape == (2, 3, mapping.n_beads, 3)
    np.testing.assert_allclose(beads.sum(axis=2), forces.sum(axis=2), atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_components_do_not_see_turns_and_shifts(seed: int) -> None:
    found = _ensemble(seed, n_frames=1)
    turn = Rotation.random(random_state=seed).as_matrix()
    turned = BeadForces(found.positions @ turn.T + 3, found.forces @ turn.T)
    components = Components.of(MAPPING)
    np.testing.assert_allclose(components(turned), components(found), atol=1e-9)


def test_components_of_a_known_force() -> None:
    positions = np.zeros((1, 1, MAPPING.n_beads, 3))
    positions[..., 0] = np.arange(MAPPING.n_beads)
    forces = np.zeros_like(positions)
    forces[0, 0, 0] = (3.0, 4.0, 0.0)
    components = Components.of(MAPPING)
    values = components(BeadForces(positions, forces))[0, 0]
    assert values[0] == pytest.approx(5)
    along = {tuple(e): v for e, v in zip(components.ends.tolist(), values[MAPPING.n_beads :], strict=True)}
    assert along[0, 1] == pytest.approx(3)
    assert along[1, 0] == 0


def test_models_are_ranked_by_how_far_their_forces_are_off() -> None:
    reference = _ensemble(0)
    scores = [
        bead_force_divergence(MAPPING, reference, _ensemble(k, width))["bead_force_jsd"]
        for k, width in enumerate((1.0, 1.2, 2.0), start=1)
    ]
    values = [score.value for score in scores]
    assert values == sorted(values)
    assert values[0] < 2 * scores[0].floor < values[1]
    # also where neither frames nor their number agree
    other = bead_force_divergence(MAPPING, reference, _ensemble(9, n_frames=40))["bead_force_jsd"]
    assert other.value < values[1]


def test_the_metric_is_the_function() -> None:
    topology = chain_topology()
    frames = chain_frames(40, noise=0.01)
    result = Evaluation(topology, families=["forces"]).run(frames, frames)
    assert (
        result.scores["forces/bead_force_jsd[B-B]"].value <= result.scores["forces/bead_force_jsd[B-B]"].floor
    )
    worse = Evaluation(topology, families=["forces"]).run(frames, chain_frames(40, noise=0.05))
    score = worse.scores["forces/bead_force_jsd"]
    assert score.value > 2 * score.floor
    entry = worse.histograms["forces/bead_force[B]"]
    assert len(entry["reference"]) == len(entry["edges"]) + 1


def test_a_system_without_force_field_has_no_forces() -> None:
    assert not Evaluation(chain_topology(field=False), families=["forces"]).metrics


def test_what_does_not_belong_together_is_refused() -> None:
    good = _ensemble(0)
    with pytest.raises(InputError, match="should both be"):
        bead_force_divergence(MAPPING, good, BeadForces(good.positions[:, :, :2], good.forces[:, :, :2]))
    with pytest.raises(InputError, match="no frames"):
        bead_force_divergence(MAPPING, good, BeadForces(good.positions[:0], good.forces[:0]))
