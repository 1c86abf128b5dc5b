"""The melt recipe: a tiny melt, killed and resumed, and the checks that it has to pass."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openmm import OpenMMException
from scipy.spatial.transform import Rotation

from bmzoo.errors import InputError
from bmzoo.molecules import polystyrene
from bmzoo.molecules.stereo import hands
from bmzoo.simulation import melt
from bmzoo.simulation.condensed_run import CondensedRun, Exploded, positions_of
from bmzoo.simulation.melt_checks import (
    check_state,
    check_structure,
    count_pierced_rings,
    trans_fraction,
    wrong_hands,
)
from bmzoo.simulation.melt_engine import MeltRun
from bmzoo.simulation.melt_presets import PRESETS
from bmzoo.simulation.polystyrene_chain import chain_from_torsions, draw_chain
from bmzoo.systems import recipes
from bmzoo.systems.reference import Reference

TOPOLOGY = polystyrene.build_topology(568.0)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[str]]:
    """A tiny melt that was killed once: folder, what was reported before, and after."""
    output = tmp_path_factory.mktemp("melt") / "568K"
    before: list[str] = []
    after: list[str] = []

    def kill_in_production(done: int, what: str) -> None:
        before.append(what)
        if what.startswith("train: produce") and sum("produce" in line for line in before) == 2:
            raise Killed

    with pytest.raises(Killed):
        melt.recipe("tiny").build(output, seed=1, progress=kill_in_production)
    melt.recipe("tiny").build(output, seed=1, progress=lambda done, what: after.append(what))
    return output, before, after


def test_a_killed_build_goes_on(built: tuple[Path, list[str], list[str]]) -> None:
    _, before, after = built
    assert any("compress" in line for line in before)
    # the train melt is not built again, only its last frame is missing
    assert [line for line in after if line.startswith("train")] == ["train: produce, 1.2 of 1.2 ps"]
    assert any(line.startswith("test: compress") for line in after)


def test_frames_and_provenance(built: tuple[Path, list[str], list[str]]) -> None:
    folder, _, _ = built
    reference = Reference(folder)
    provenance = reference.provenance
    assert provenance["system"] == "sps"
    assert provenance["n_atoms"] == 6 * 162
    assert provenance["versions"]["openmm"]
    assert reference.splits == ("train", "test")
    seeds = set()
    for name in reference.splits:
        described = reference.split(name)
        file = folder / described["file"]
        assert described["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert described["checks"]["wrong_stereocentres"] == 0
        assert described["checks"]["pierced_rings"] == 0
        seeds.add(described["seed"])
        frames = list(reference.frames(name))
        assert len(frames) == reference.n_frames(name) == 2
        assert frames[1].time - frames[0].time == pytest.approx(described["interval_ps"], abs=1e-4)
        for frame in frames:
            assert frame.box is not None
            check_structure(TOPOLOGY, frame.positions[None].astype(float), np.asarray(frame.box)[None])
    assert len(seeds) == 2
    assert not folder.with_name(".568K.work").exists()


def test_constrained_bonds_and_independent_melts(built: tuple[Path, list[str], list[str]]) -> None:
    reference = Reference(built[0])
    field = TOPOLOGY.force_field
    assert field is not None
    first = {}
    for name in reference.splits:
        x = next(iter(reference.frames(name))).positions.reshape(-1, 162, 3).astype(float)
        lengths = np.linalg.norm(x[:, field.bonds[:, 0]] - x[:, field.bonds[:, 1]], axis=2)
        assert np.abs(lengths - field.bond_r0).max() < 2e-4
        first[name] = x
    assert np.abs(first["train"] - first["test"]).max() > 0.1


@dataclass
class Still(CondensedRun):
    """One chain alone, begun at once; ``starts`` counts how often."""

    starts: int = 0
    history = "alone"

    def _start(self) -> tuple[np.ndarray, np.ndarray]:
        self.starts += 1
        chain = draw_chain(TOPOLOGY.graph, np.random.default_rng(self.explosions), trans_fraction=0.8)
        return np.diag([6.0, 6.0, 6.0]), chain + 3.0


def still(folder: Path) -> Still:
    settings = replace(PRESETS["tiny"], n_chains=1, hot=0.1, equilibration=0.1, interval=0.1, timestep=0.001)
    return Still(TOPOLOGY, settings, folder, 2, 1)


def exploding(stage: str, times: int, seen: list[str]) -> Callable[[dict[str, Any]], None]:
    """A listener that sees and lets the first reports of a stage be explosions."""

    def listen(record: dict[str, Any]) -> None:
        seen.append(record["stage"])
        if record["stage"] == stage and seen.count(stage) <= times:
            raise OpenMMException("Particle coordinate is NaN")

    return listen


def test_explosion_while_hot_begins_anew(tmp_path: Path) -> None:
    run, seen = still(tmp_path), []
    seeds = {run.derive_seed(0)}
    run.run(exploding("hot", 2, seen))
    assert seen == ["hot", "exploded"] * 2 + ["hot", "equilibrate", "produce", "produce"]
    assert run.starts == 3
    assert run.explosions == 2
    assert run.derive_seed(0) not in seeds
    assert [record["stage"] for record in run.read_log()] == ["hot", "equilibrate", "produce", "produce"]
    assert np.isfinite(run.read_frames()[0]).all()


def test_explosion_later_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    run, seen = still(tmp_path), []
    run.run(exploding("produce", 1, seen))
    assert seen == ["hot", "equilibrate", "produce", "exploded", "produce", "produce"]
    assert run.starts == 1


def test_hopeless_run_says_so(tmp_path: Path) -> None:
    run, seen = still(tmp_path), []
    with pytest.raises(InputError, match=r"exploded 5 times \(Particle coordinate is NaN\); build it with"):
        run.run(exploding("equilibrate", 99, seen))
    assert (seen.count("exploded"), run.starts) == (5, 1)
    # the next run still goes on from the checkpoint, with noise that was not tried
    run.run()
    assert run.starts == 1


def test_stuck_chains_are_not_torn(tmp_path: Path) -> None:
    """Two chains in the same place cannot be squeezed."""
    settings = replace(PRESETS["tiny"], n_chains=2)
    run = MeltRun(TOPOLOGY, settings, tmp_path, 1, 1)
    box = np.diag([8.0, 5.0, 5.0])
    chain = draw_chain(TOPOLOGY.graph, np.random.default_rng(0), trans_fraction=0.8)
    context = run.context(box, 700.0, timestep=0.001, pressure=False, seed=1)
    apart = np.array([1.6, 0.0, 0.0])
    context.setPositions(np.concatenate([chain, chain + apart]))
    assert not run._squeeze(context, box, np.array([0.3, 1.0, 1.0]))
    np.testing.assert_allclose(
        positions_of(context)[162:] - positions_of(context)[:162] - apart, 0.0, atol=1e-5
    )
    context.setPositions(np.concatenate([chain, chain + 0.02]))
    with pytest.raises(Exploded, match="stuck in one another"):
        run._squeeze(context, box, np.full(3, 1 - 1e-6))


def test_refusals(tmp_path: Path, built: tuple[Path, list[str], list[str]]) -> None:
    with pytest.raises(InputError, match="unknown preset 'smal'"):
        recipes.build("sps", "smal", tmp_path / "new")
    with pytest.raises(InputError, match="exists already"):
        melt.recipe("tiny").build(built[0])


def produced(**values: float) -> list[dict[str, Any]]:
    fine = {"temperature": 568.0, "density": 920.0}
    return [{"stage": "hot", "temperature": 1.0, "density": 1.0}, {"stage": "produce"} | fine | values]


def test_state_off_target() -> None:
    assert check_state(produced(), 568.0, 920.0, 0.02)["density"]["mean"] == 920.0
    with pytest.raises(InputError, match=r"mean density is 880\.0 instead of 920\.0"):
        check_state(produced(density=880.0), 568.0, 920.0, 0.02)
    with pytest.raises(InputError, match="mean temperature"):
        check_state(produced(temperature=590.0), 568.0, 920.0, 0.02)


@pytest.fixture(scope="module")
def chain() -> np.ndarray:
    return chain_from_torsions(TOPOLOGY.graph, np.full(17, np.pi), np.random.default_rng(0))


def test_conformers_have_the_tacticity_asked_for() -> None:
    rng = np.random.default_rng(3)
    drawn = draw_chain(TOPOLOGY.graph, rng, trans_fraction=0.62)
    assert wrong_hands(TOPOLOGY.graph, drawn) == 0
    centres, numbered = polystyrene.numbered_hands()
    assert np.all(hands(drawn[None], centres) == numbered)
    checks = check_structure(TOPOLOGY, drawn[None], np.diag([9.0, 9.0, 9.0])[None])
    assert checks["longest_bond_over_r0"] == pytest.approx(1.0)
    assert 0.3 < trans_fraction(drawn, np.array(polystyrene.backbone())) <= 1.0


def test_stretched_chain_is_all_trans(chain: np.ndarray) -> None:
    assert trans_fraction(chain, np.array(polystyrene.backbone())) == 1.0


def test_mirror_image_has_wrong_hands(chain: np.ndarray) -> None:
    assert wrong_hands(TOPOLOGY.graph, chain) == 0
    assert wrong_hands(TOPOLOGY.graph, chain * [1, 1, -1]) == 9
    with pytest.raises(InputError, match="9 stereocentres have the wrong hand"):
        check_structure(TOPOLOGY, (chain * [1, 1, -1])[None], np.diag([9.0, 9.0, 9.0])[None])


def test_long_bonds_are_found(chain: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"a bond is 1\.25 times as long"):
        check_structure(TOPOLOGY, chain[None] * 1.25, np.diag([9.0, 9.0, 9.0])[None])


@pytest.mark.parametrize("shift", [np.zeros(3), np.array([4.0, 0, 0]), np.array([0, -4.0, 8.0])])
def test_pierced_rings_are_found_across_the_boundary(chain: np.ndarray, shift: np.ndarray) -> None:
    """A second chain whose first C-H bond goes through the middle of a ring of the first."""
    box = np.diag([4.0, 4.0, 4.0])
    ring = chain[[5, 6, 8, 10, 12, 14]]
    middle = ring.mean(axis=0)
    normal = np.cross(ring[0] - middle, ring[1] - middle)
    normal /= np.linalg.norm(normal)
    hydrogen, carbon = chain[polystyrene.end_hydrogens()[0]], chain[polystyrene.METHYLENE]
    turn, _ = Rotation.align_vectors([normal], [(carbon - hydrogen) / np.linalg.norm(carbon - hydrogen)])
    second = turn.apply(chain - (hydrogen + carbon) / 2) + middle + shift
    graph = TOPOLOGY.graph
    assert count_pierced_rings(graph, chain, box * 3) == 0
    assert count_pierced_rings(graph, np.concatenate([chain, second]), box) >= 1
