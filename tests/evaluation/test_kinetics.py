"""Kinetics: processes whose timescales and velocities are known, and trajectories that lost their order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from molecules import chain_frames, chain_topology, make_graph, make_mapping
from scipy.spatial.transform import Rotation
from scipy.stats import wasserstein_distance

from bmzoo.evaluation.autocorrelation import between_curves, correlate
from bmzoo.evaluation.batch import Batch
from bmzoo.evaluation.context import Context
from bmzoo.evaluation.evaluate import Evaluation, Result
from bmzoo.evaluation.histograms import count
from bmzoo.evaluation.markov import (
    chapman_kolmogorov,
    cosines,
    count_transitions,
    estimate,
    metastable_sets,
)
from bmzoo.evaluation.rotors import dihedral_groups
from bmzoo.evaluation.stream import Clock
from bmzoo.evaluation.velocities import displacements, internal, wasserstein_between
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology
from bmzoo.systems import load_system
from bmzoo.systems.system import Landscape

LEAVE, RETURN = 0.04, 0.02
RELAXATION = -1 / np.log(1 - LEAVE - RETURN)
"""Frames; the timescale of a chain with two states."""


def two_states(rng: np.random.Generator, n_frames: int) -> np.ndarray:
    state = np.zeros(n_frames, dtype=np.int64)
    for i in range(1, n_frames):
        state[i] = state[i - 1] ^ (rng.random() < (RETURN if state[i - 1] else LEAVE))
    return state


def test_a_chain_of_two_states() -> None:
    rng = np.random.default_rng(0)
    runs = [np.stack([two_states(rng, 2000) for _ in range(4)], axis=1) for _ in range(8)]
    counts = np.sum(count_transitions(runs, 5, 2), axis=0)
    model = estimate(counts, 5 * 0.5, 2)
    assert model.timescales[0] == pytest.approx(0.5 * RELAXATION, rel=0.1)
    assert np.isnan(model.timescales[1])
    assert model.stationary == pytest.approx([RETURN / (LEAVE + RETURN), LEAVE / (LEAVE + RETURN)], abs=0.03)
    assert cosines(model, model)[0] == pytest.approx(1)
    sets = metastable_sets(model, 2, 2)
    assert len(set(sets.tolist())) == 2

    def later(n: int):
        return estimate(np.sum(count_transitions(runs, 5 * n, 2), axis=0), 2.5 * n, 2)

    predicted, found = chapman_kolmogorov(model, later, sets, (1, 2, 4))
    np.testing.assert_allclose(predicted, found, atol=0.03)
    np.testing.assert_allclose(predicted[0], found[0], atol=1e-12)


def test_clusters_that_nobody_left_and_came_back_to() -> None:
    counts = np.zeros((4, 4))
    counts[:2, :2] = [[50, 10], [10, 50]]
    counts[2, 2], counts[2, 3] = 20, 1
    model = estimate(counts, 1.0, 3)
    assert model.states.tolist() == [0, 1]
    assert model.share == pytest.approx(120 / 141)
    assert not model.modes[2:].any()
    assert np.isnan(estimate(np.diag([3.0, 1.0]), 1.0, 1).timescales).all()
    assert metastable_sets(model, 2, 4).tolist()[2:] == [-1, -1]


def walker(seed: int, n_runs: int = 10, n_frames: int = 200, samples: int = 1) -> list[Frame]:
    """Five carbons that open and close as a two-state chain; their noise remembers ten frames."""
    rng = np.random.default_rng(seed)
    frames = []
    for run in range(n_runs):
        states = [two_states(rng, n_frames) for _ in range(samples)]
        noise = [ornstein_uhlenbeck(rng, n_frames, (5, 3)) for _ in range(samples)]
        for i in range(n_frames):
            for k in range(samples):
                x = 0.02 * noise[k][i]
                x[:, 0] += np.arange(5) * (0.38 if states[k][i] else 0.3)
                x[:, 1] += 0.1 * (np.arange(5) % 2)
                x[4, 2] += 0.1
                frames.append(Frame(x, time=0.5 * i, index=run * n_frames + i, sample=k))
    return frames


def ornstein_uhlenbeck(rng: np.random.Generator, n_frames: int, shape: tuple[int, ...]) -> np.ndarray:
    """Unit variance, autocorrelation exp(-t/10)."""
    keep = np.exp(-0.1)
    x = np.empty((n_frames, *shape))
    x[0] = rng.normal(size=shape)
    for i in range(1, n_frames):
        x[i] = keep * x[i - 1] + np.sqrt(1 - keep**2) * rng.normal(size=shape)
    return x


TOPOLOGY = Topology(make_graph(["C"] * 5, [(i, i + 1) for i in range(4)]), make_mapping([0] * 5, []))
SLOW = Landscape("tica_ca", ((0, 1, 2, 3, 4),), lag=5, centres=12, lag_time=2.5, processes=2)


@pytest.fixture(scope="module")
def found() -> dict[str, Result]:
    evaluation = Evaluation(TOPOLOGY, landscape=SLOW, families=["kinetics"])
    reference, another = walker(1), walker(2)
    prepared = evaluation.prepare(reference)
    order = np.random.default_rng(0).permutation(len(reference))
    shuffled = [f.with_positions(reference[j].positions) for f, j in zip(reference, order, strict=True)]
    return {
        "another": evaluation.score(prepared, another),
        "simulated": evaluation.score(prepared, another, reference=reference, simulated=True),
        "parallel": evaluation.score(prepared, walker(3, n_runs=5, samples=2), n_samples=2),
        "shuffled": evaluation.score(prepared, shuffled),
    }


def test_another_trajectory_of_the_same_process(found: dict[str, Result]) -> None:
    for name in ("another", "parallel"):
        scores = found[name].scores
        slowest = scores["kinetics/timescale[1]"]
        assert slowest.value == pytest.approx(0.5 * RELAXATION, rel=0.35)
        assert abs(slowest.value - 0.5 * RELAXATION) < 3 * slowest.stderr + 1
        assert scores["kinetics/cosine[1]"].ratio > 0.8
        assert scores["kinetics/cosine_all[1]"].value > 0.8
        assert scores["kinetics/chapman_kolmogorov"].value < 0.1
        assert scores["kinetics/velocity_w1[heavy]"].value < 0.02
        assert "kinetics/velocity_w1[hydrogen]" not in scores


def test_a_simulation_is_compared_over_its_slowest_process(found: dict[str, Result]) -> None:
    paired, alone = found["another"].scores, found["simulated"].scores
    assert alone["kinetics/timescale[1]"] == paired["kinetics/timescale[1]"]
    assert "kinetics/timescale_error[1]" not in alone
    assert "kinetics/timescale[2]" not in alone
    if "kinetics/relative_timescale[2]" in paired:
        assert alone["kinetics/relative_timescale[2]"] == paired["kinetics/relative_timescale[2]"]
        assert "kinetics/relative_timescale_error[2]" in alone
    assert alone["kinetics/bead_velocity_w1"].value < 0.02


def test_frames_that_lost_their_order(found: dict[str, Result]) -> None:
    good, bad = found["another"].scores, found["shuffled"].scores
    assert bad["kinetics/velocity_w1"].value > 10 * good["kinetics/velocity_w1"].value
    assert bad["kinetics/timescale[1]"].value < 3
    assert bad["kinetics/cosine[1]"].value < 0.7
    assert bad["kinetics/timescale_error[1]"].value > 4 * good["kinetics/timescale_error[1]"].value


def test_velocities_of_a_known_process(found: dict[str, Result]) -> None:
    """Steps of an Ornstein-Uhlenbeck process have the variance 2 (1 - exp(-0.1)) in each direction."""
    entry = found["another"].histograms["kinetics/velocity"]
    middles = np.sqrt(entry["edges"][1:] * entry["edges"][:-1])
    counts = entry["generated"][1:-1]
    # Opening and closing moves whole atoms by up to 0.32 nm: the slow tenth of all steps is left out.
    expected = 0.02 / 0.5 * np.sqrt(2 * (1 - np.exp(-0.1)))
    median = np.interp(0.5, np.cumsum(counts) / counts.sum(), middles)
    # The median of a Maxwell distribution.
    assert median == pytest.approx(1.5382 * expected, rel=0.08)
    assert entry["reference_halves"].sum() == pytest.approx(entry["reference"].sum())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.2, 5))
def test_wasserstein_of_uneven_bins(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.lognormal(size=300), factor * rng.lognormal(size=400)
    exponents = np.linspace(-4, 4, 801)
    counts = [count(np.log10(x), np.zeros_like(x, dtype=int), 1, exponents)[0] for x in (one, other)]
    value = wasserstein_between(10**exponents)(*counts)
    assert value == pytest.approx(wasserstein_distance(one, other), rel=0.05, abs=0.02)


def test_motion_through_the_box_is_no_jump() -> None:
    topology = chain_topology()
    frames = chain_frames(3, n_molecules=1)
    x = np.stack([f.positions for f in frames])
    jumped = x.copy()
    jumped[1] += frames[0].box[0]

    def batch(positions: np.ndarray) -> Batch:
        return Batch(
            Context(topology),
            positions[None, :, None],
            np.stack([f.box for f in frames]),
            np.zeros((3, 1), dtype=int),
            1,
            np.arange(3),
            np.arange(3),
            follows=np.array([False, True, True]),
        )

    np.testing.assert_allclose(displacements(batch(jumped)), displacements(batch(x)), atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_rigid_motion_is_not_internal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    then = rng.normal(size=(2, 3, 1, 6, 3))
    now = then @ Rotation.random(rng=rng).as_matrix() + rng.normal(size=3)
    fitted = np.arange(6) < 4
    np.testing.assert_allclose(internal(now, now - then, fitted), 0, atol=1e-10)
    # An atom that is not fitted keeps the whole of its own motion.
    now[..., 5, 0] += 0.3
    left = internal(now, now - then, fitted)
    expected = np.broadcast_to([0.3, 0, 0], (2, 3, 1, 3))
    np.testing.assert_allclose(left[..., 5, :], expected, atol=1e-10)


def test_what_follows_in_time() -> None:
    clock = Clock()
    first = clock(np.array([0.0, 0.5, 1.0, 2.0, 2.5]))
    assert first.tolist() == [False, True, True, False, True]
    assert clock(np.array([3.0, 0.0, 0.5])).tolist() == [True, False, True]
    assert not Clock()(np.zeros(4)).any()
    late = np.float32(1e5) + np.float32(0.1) * np.arange(5, dtype=np.float32)
    assert Clock()(late.astype(float))[1:].all()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 40))
def test_batches_do_not_matter(size: int) -> None:
    """Velocities and autocorrelations are the same however the stream is cut."""
    evaluation = Evaluation(TOPOLOGY, families=["kinetics"])
    frames = walker(5, n_runs=2, n_frames=60)
    whole = evaluation.prepare(frames)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bmzoo.evaluation.stream.ATOMS_PER_BATCH", 5 * size)
        cut = evaluation.prepare(frames)
    for one, other in zip(whole.blocks, cut.blocks, strict=True):
        for key in one.rules:
            np.testing.assert_array_equal(one.total(key), other.total(key))


def test_frames_without_times_have_no_kinetics() -> None:
    frames = [replace(frame, time=0.0) for frame in walker(1, n_runs=1)]
    result = Evaluation(TOPOLOGY, landscape=SLOW, families=["kinetics"]).run(frames, frames)
    assert not result.scores
    assert len(result.notes) == 1
    assert "do not follow one another in time" in result.notes[0]
    late = [replace(frame, time=2 * frame.time) for frame in walker(1, n_runs=1)]
    timed = walker(1, n_runs=1)
    notes = Evaluation(TOPOLOGY, families=["kinetics"]).run(timed, late).notes
    assert any("0.5 ps apart, generated ones 1 ps" in note for note in notes)


def test_autocorrelation_of_a_turning_dihedral() -> None:
    angles = (0.1 * np.arange(50))[:, None, None] * np.ones((1, 2, 1))
    sums = correlate(angles, np.array([1, 10, 60]))
    np.testing.assert_allclose(sums[0, :2, 0] / sums[0, :2, 1], np.cos([0.1, 1.0]))
    assert sums[0, 2].tolist() == [0, 0]
    assert between_curves(sums, sums) == 0


def test_rotors() -> None:
    def names(system: str) -> dict[str, list[str]]:
        topology = load_system(system).topology
        groups = dihedral_groups(Context(topology))
        return {
            kind: [" ".join(topology.graph.names[a] for a in row) for row in rows]
            for kind, rows in groups.items()
        }

    assert names("adp") == {"methyl": ["O C CH3 H1", "N CA CB HB1", "C N C H1"]}
    cln = names("cln")
    assert sum(name.startswith("N CA CB") for name in cln["side_chain"]) == 8
    # Rings do not turn: proline has none, tyrosine two.
    assert len(cln["side_chain"]) == 3 * 2 + 2 + 3 + 1 + 1 + 2
    assert len(cln["methyl"]) == 4
    octane = load_system("octane").topology
    assert {k: len(v) for k, v in dihedral_groups(Context(octane)).items()} == {"methyl": 2}


def test_alanine_dipeptide() -> None:
    """Embedded frames, and the same with their order lost."""
    system = load_system("adp")
    assert system.reference is not None
    frames = list(system.reference.frames("test", 0, 600))
    evaluation = Evaluation(system.topology, landscape=system.landscape, families=["kinetics"])
    prepared = evaluation.prepare(frames)
    same = evaluation.score(prepared, frames).scores
    order = np.random.default_rng(0).permutation(600).tolist()
    shuffled = [
        frames[j].with_positions(frames[j].positions, time=f.time) for f, j in zip(frames, order, strict=True)
    ]
    lost = evaluation.score(prepared, shuffled)
    for name in ("kinetics/velocity_w1", "kinetics/autocorrelation[methyl]"):
        assert same[name].value == pytest.approx(same[name].floor)
        assert lost.scores[name].value > 5 * same[name].value
    assert same["kinetics/timescale[1]"].value == same["kinetics/timescale[1]"].floor > 5
    assert same["kinetics/cosine_all[1]"].value == pytest.approx(1)
