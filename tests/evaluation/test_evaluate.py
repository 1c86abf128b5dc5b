import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from molecules import chain_frames, chain_topology
from scipy.spatial.transform import Rotation

from bmzoo.errors import InputError
from bmzoo.evaluation.evaluate import FAMILIES, Evaluation
from bmzoo.evaluation.metric import MAX_BLOCKS
from bmzoo.frames.frame import Frame
from bmzoo.systems import load_system

FAST = [f for f in FAMILIES if f != "detectability"]


def values(result: object) -> dict[str, float]:
    return {name: score.value for name, score in result.scores.items()}


def test_the_same_ensemble_scores_at_the_floor() -> None:
    result = Evaluation(chain_topology(), families=FAST).run(
        chain_frames(40, seed=1), chain_frames(40, seed=2, samples=2), n_samples=2
    )
    for name in (
        "distributions/angle_jsd",
        "distributions/dihedral_jsd",
        "distributions/bond_jsd",
        "energetics/lj_w1",
    ):
        assert 0.5 < result.scores[name].ratio < 2, name
    assert result.scores["energetics/equipartition_angle"].value == pytest.approx(1, abs=0.1)
    assert result.scores["distributions/bond_rmse"].ratio == pytest.approx(1, abs=0.1)
    assert all(s.stderr is None or s.stderr >= 0 for s in result.scores.values())


def test_another_ensemble_does_not() -> None:
    evaluation = Evaluation(chain_topology(), families=FAST)
    prepared = evaluation.prepare(chain_frames(20, seed=1))
    good = evaluation.score(prepared, chain_frames(20, seed=2))
    bad = evaluation.score(prepared, chain_frames(20, seed=2, noise=0.016))
    for name in (
        "distributions/angle_jsd",
        "distributions/angle_w1",
        "packing/g_cc_mean_abs",
        "energetics/angle_w1",
    ):
        assert bad.scores[name].value > 2 * good.scores[name].value, name
    assert bad.scores["energetics/equipartition_angle"].value > 2


def test_consistency_is_the_rmsd_of_the_beads() -> None:
    frames = chain_frames(6)
    moved = [f.with_positions(f.positions + np.array([0.03, 0.0, 0.04])) for f in frames]
    through = [f.with_positions(f.positions + f.box[1]) for f in moved]
    evaluation = Evaluation(chain_topology(), families=["consistency"])
    for generated in (moved, through):
        score = evaluation.run(frames, generated).scores["consistency/cg_rmsd"]
        assert score.value == pytest.approx(0.05, abs=1e-6)
    coarse = [f.with_positions(chain_topology().mapping.apply(f.positions)) for f in moved]
    score = evaluation.run(frames, moved, coarse=coarse).scores["consistency/cg_rmsd"]
    assert score.value == pytest.approx(0, abs=1e-6)


def test_rmsd_over_all_samples() -> None:
    frames = chain_frames(5)
    shifts = (0.01, 0.02, 0.06)
    samples = [
        replace(f, positions=f.positions + np.array([shift, 0, 0]), sample=k)
        for f in frames
        for k, shift in enumerate(shifts)
    ]
    found = values(Evaluation(chain_topology(), families=["ensemble"]).run(frames, samples, n_samples=3))
    assert found["ensemble/rmsd_mean"] == pytest.approx(np.mean(shifts), abs=1e-6)
    assert found["ensemble/rmsd_min"] == pytest.approx(0.01, abs=1e-6)


def draw(beads: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Atoms in pairs around their beads, which are kept: independent noise along z."""
    offset = np.zeros((len(beads), 2, 3))
    offset[:, 0, 1] = 0.05
    offset[:, 0, 2] = spread * rng.normal(size=len(beads))
    offset[:, 1] = -offset[:, 0]
    return (beads[:, None] + offset).reshape(-1, 3)


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.0])
def test_diversity_is_one_for_the_reference_ensemble(factor: float) -> None:
    rng = np.random.default_rng(0)
    ideal = np.array([[0.25 * i, 0.06 * (i % 2), 0.03 * i * i] for i in range(4)])
    topology = chain_topology(field=False)
    beads = ideal + 0.003 * rng.normal(size=(200, 4, 3))
    reference = [Frame(draw(b, 0.02, rng), index=i) for i, b in enumerate(beads)]
    generated = [
        Frame(draw(b, 0.02 * factor, rng), index=i, sample=k) for i, b in enumerate(beads) for k in range(3)
    ]
    result = Evaluation(topology, families=["ensemble"]).run(reference, generated, n_samples=3)
    assert result.scores["ensemble/diversity"].value == pytest.approx(factor, abs=0.15 * factor + 1e-9)


def test_diversity_without_enough_frames_says_so() -> None:
    frames, generated = chain_frames(4), chain_frames(4, samples=2)
    result = Evaluation(chain_topology(), families=["ensemble"]).run(frames, generated, n_samples=2)
    assert "ensemble/diversity" not in result.scores
    assert "cannot be estimated" in result.scores["ensemble/diversity_nm"].note


def test_c2st_knows_noise_from_the_real_thing() -> None:
    evaluation = Evaluation(chain_topology(), families=["detectability"])
    prepared = evaluation.prepare(chain_frames(16, seed=1))
    same = evaluation.score(prepared, chain_frames(16, seed=2)).scores["detectability/c2st_auc"]
    other = evaluation.score(prepared, chain_frames(16, seed=2, noise=0.03)).scores["detectability/c2st_auc"]
    assert same.value == pytest.approx(0.5, abs=0.12)
    assert same.floor == pytest.approx(0.5, abs=0.12)
    assert other.value > 0.9


@given(st.integers(0, 10_000))
@settings(max_examples=4, deadline=None)
def test_scores_do_not_see_rotations_and_translations(seed: int) -> None:
    turn = Rotation.random(random_state=seed)
    reference, generated = chain_frames(4, seed=1), chain_frames(4, seed=2, noise=0.012)

    def turned(frames: list[Frame]) -> list[Frame]:
        # A general rotation of a box is no longer lower triangular: without one.
        return [Frame(turn.apply(f.positions) + 0.7, index=f.index) for f in frames]

    evaluation = Evaluation(chain_topology(), families=FAST)
    plain = [[Frame(f.positions, index=f.index) for f in frames] for frames in (reference, generated)]
    one = values(evaluation.run(*plain))
    other = values(evaluation.run(turned(reference), turned(generated)))
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=1e-5, abs=2e-5), name


def test_scores_do_not_see_translations_in_the_box() -> None:
    reference, generated = chain_frames(4, seed=1), chain_frames(4, seed=2, noise=0.012)
    moved = [f.with_positions(f.positions + np.array([0.9, 1.7, -0.4])) for f in generated]
    back = [f.with_positions(f.positions + np.array([0.9, 1.7, -0.4])) for f in reference]
    evaluation = Evaluation(chain_topology(), families=FAST)
    one, other = values(evaluation.run(reference, generated)), values(evaluation.run(back, moved))
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=1e-5, abs=2e-5), name


def test_few_frames_are_halved_by_molecule() -> None:
    evaluation = Evaluation(chain_topology())
    prepared = evaluation.prepare(chain_frames(1, seed=1, n_molecules=4))
    assert prepared.by_molecule
    result = evaluation.score(prepared, chain_frames(1, seed=2, n_molecules=4))
    assert result.scores["distributions/angle_jsd"].floor > 0
    lone = [Frame(f.positions[:8]) for f in chain_frames(1)]
    assert (
        Evaluation(chain_topology(), families=FAST).run(lone, lone).scores["distributions/angle_jsd"].floor
        is None
    )


def test_memory_does_not_grow_with_the_trajectory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmzoo.evaluation.stream.ATOMS_PER_BATCH", 16 * 64)
    evaluation = Evaluation(chain_topology(), families=["distributions", "validity", "consistency"])
    pattern = chain_frames(16, n_molecules=2)

    def peak(n_frames: int) -> int:
        def frames() -> Iterator[Frame]:
            return (replace(pattern[i % 16], index=i) for i in range(n_frames))

        tracemalloc.start()
        prepared = evaluation.prepare(frames())
        result = evaluation.score(prepared, frames(), reference=frames())
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert prepared.n_frames == n_frames
        assert result.scores["consistency/cg_rmsd"].value == pytest.approx(0.0, abs=1e-6)
        assert all(len(blocks) <= MAX_BLOCKS for blocks in prepared.blocks)
        return used

    peak(64)
    assert peak(2400) < 1.2 * peak(800)


def test_frames_that_do_not_pair() -> None:
    result = Evaluation(chain_topology(), families=["ensemble", "distributions"]).run(
        chain_frames(6), chain_frames(4)
    )
    assert "ensemble/rmsd_mean" not in result.scores
    assert "do not pair" in result.notes[0]
    assert "distributions/angle_jsd" in result.scores


def test_bad_input() -> None:
    with pytest.raises(InputError, match="distributions"):
        Evaluation(chain_topology(), families=["distribution"])
    evaluation = Evaluation(chain_topology(), families=["distributions"])
    with pytest.raises(InputError, match="no reference frames"):
        evaluation.prepare([])
    with pytest.raises(InputError, match="no multiple"):
        evaluation.prepare([Frame(np.zeros((9, 3)))])
    broken = chain_frames(5)
    broken[4].positions[3, 1] = np.nan
    with pytest.raises(InputError, match="not finite"):
        evaluation.prepare(broken)
    with pytest.raises(InputError, match="left over"):
        evaluation.run(chain_frames(4), chain_frames(5), n_samples=2)


def test_results_are_plain_data(tmp_path: object) -> None:
    result = Evaluation(chain_topology(), families=["distributions"]).run(chain_frames(4), chain_frames(4))
    assert isinstance(result.as_dict()["scores"]["distributions/angle_jsd"]["value"], float)
    result.save_histograms(tmp_path / "histograms.npz")
    stored = np.load(tmp_path / "histograms.npz")
    assert stored["distributions/angle[C-C-C]:reference"].sum() == 4 * 4 * 6
    assert len(stored["distributions/angle[C-C-C]:edges"]) + 1 == len(
        stored["distributions/angle[C-C-C]:reference"]
    )


def test_labels_of_hydrogens_tell_no_frame_from_another() -> None:
    """Test and training frames of adp number the hydrogens of both methyl groups in opposite hands."""
    system = load_system("adp")
    assert system.reference is not None
    evaluation = Evaluation(system.topology, families=["detectability"])
    one, other = (list(system.reference.frames(name, 0, 4000, 10)) for name in ("test", "train"))
    found = evaluation.run(iter(one), iter(other), coarse=None, n_samples=1).scores
    assert found["detectability/c2st_auc"].value < 0.7
