"""The chapter on morphing as a command, on chains made up for it; peaks, basins and artefacts by hand."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import write_frames
from bmzoo.molecules.beads import chain_graph, identity_mapping
from bmzoo.molecules.liquids import TETRACOSANE_CHAIN
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.iterative_inversion import InversionSettings
from bmzoo.systems import load_system

SCRIPTS = Path(__file__).parents[2] / "benchmarks"
Floats = NDArray[np.float64]
EDGE = 3.3


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


def grown(n: int, lengths: Floats, angle: float, torsions: Floats) -> Floats:
    """``(n_chains, n, 3)`` nm: bonds ``(n_chains, n - 1)``, one angle, torsions ``(n_chains, n - 3)``."""
    x = np.zeros((len(torsions), n, 3))
    x[:, 1, 0] = lengths[:, 0]
    x[:, 2] = x[:, 1] + lengths[:, 1:2] * [-np.cos(angle), np.sin(angle), 0.0]
    for k in range(3, n):
        axis = x[:, k - 1] - x[:, k - 2]
        axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
        normal = np.cross(x[:, k - 2] - x[:, k - 3], axis)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        turn = torsions[:, k - 3, None]
        aside = np.cos(turn) * np.cross(normal, axis) + np.sin(turn) * normal
        step = -np.cos(angle) * axis + np.sin(angle) * aside
        x[:, k] = x[:, k - 1] + lengths[:, k - 1 : k] * step
    return x


def alkanes(n: int, rng: np.random.Generator) -> Floats:
    """``(n, 74, 3)`` nm, tetracosane: a third of the torsions gauche, hydrogens where they belong."""
    turns = rng.choice([np.pi, 1.15, -1.15], (n, 21), p=[0.66, 0.17, 0.17]) + rng.normal(0, 0.15, (n, 21))
    carbons = grown(24, np.full((n, 23), 0.153), np.radians(112.7), turns)
    graph = load_system("tcs").topology.graph
    chain = np.array(TETRACOSANE_CHAIN)
    x = np.zeros((n, graph.n_atoms, 3))
    x[:, chain] = carbons
    for k, carbon in enumerate(chain.tolist()):
        around = [c for c in (k - 1, k + 1) if 0 <= c < 24]
        out = carbons[:, [k]] - carbons[:, around]
        out /= np.linalg.norm(out, axis=-1, keepdims=True)
        back = out.sum(axis=1)
        back /= np.linalg.norm(back, axis=-1, keepdims=True)
        beside = carbons[:, min(k + 2, 23)] - carbons[:, max(k - 2, 0)]
        side = np.cross(back, beside)
        side /= np.linalg.norm(side, axis=-1, keepdims=True)
        hydrogens = [a for a in graph.neighbours[carbon] if graph.is_hydrogen[a]]
        corners = (0.6 * back + 0.8 * side, 0.6 * back - 0.8 * side)
        third = 0.4 * back - 0.9 * np.cross(back, side)
        for hydrogen, direction in zip(hydrogens, (*corners, third), strict=False):
            x[:, hydrogen] = carbons[:, k] + 0.109 * direction
    return x


def spread(molecules: Floats, edge: float, rng: np.random.Generator) -> Floats:
    """Turned at random and put on the points of a lattice."""
    points = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)[: len(molecules)]
    turns = np.linalg.qr(rng.standard_normal((len(molecules), 3, 3)))[0]
    centred = (molecules - molecules.mean(axis=1, keepdims=True)) @ turns
    return np.asarray(centred + (points * edge / 3)[:, None]).reshape(-1, 3)


def folder(path: Path, system: str, splits: dict[str, list[Frame]]) -> Path:
    """A reference folder."""
    path.mkdir()
    found = {}
    for name, frames in splits.items():
        write_frames(path / f"{name}.xtc", frames)
        found[name] = {"file": f"{name}.xtc", "runs": [len(frames)], "interval_ps": 1.0}
    (path / "provenance.json").write_text(json.dumps({"system": system, "splits": found}))
    return path


def liquid(path: Path) -> Path:
    rng = np.random.default_rng(1)

    def frames(count: int) -> list[Frame]:
        return [
            Frame(spread(alkanes(14, rng), EDGE, rng), EDGE * np.eye(3), index=k, time=float(k))
            for k in range(count)
        ]

    return folder(path, "tcs", {"train": frames(4), "test": frames(4)})


def martini(path: Path) -> Path:
    rng = np.random.default_rng(2)

    def beads() -> Floats:
        lengths = rng.normal(0.46, 0.05, (16, 5))
        return grown(6, lengths, np.radians(140.0), rng.uniform(-np.pi, np.pi, (16, 3)))

    frames = [Frame(spread(beads(), EDGE, rng), EDGE * np.eye(3), index=k, time=float(k)) for k in range(2)]
    return folder(path, "tcs", {"test": frames})


def test_chapter_of_tetracosane(scripts: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openmm")
    data = ["--data", str(liquid(tmp_path / "aa")), "--source", str(martini(tmp_path / "cg"))]
    small = ["--frames", "2", "--s", "2", "--backends", "geometric,fragments", "--refine", "none"]
    small += ["--generators", "fragments"]
    output = tmp_path / "out"
    scripts("morphing").main(["tcs", *data, *small, "--output", str(output)])
    printed = capsys.readouterr().out
    assert "| Martini, rescaled |" in printed
    assert "reference (floor)" in printed
    found = json.loads((output / "tcs.json").read_text())
    rows = {row["chains"]: row for row in found["morphing"]["rows"]}
    morphed = ["fragments, scheme A, s=2", "target, fragments, scheme A, s=2"]
    assert list(rows) == ["target", "target, halves", "Martini", "Martini, rescaled", *morphed]
    before, after = rows["Martini, rescaled"], rows[morphed[0]]
    assert after["angles JSD"] < 0.5 * before["angles JSD"]
    assert after["bonds JSD"] < before["bonds JSD"]
    assert after["end-to-end nm"] == pytest.approx(before["end-to-end nm"], rel=0.1)
    assert rows["target"]["bonds JSD"] == 0
    assert [rows["target"][k] for k in ("overstretched", "too near")] == [0, 0]
    # fourteen chains of the target take the room of sixteen of the model
    ratio = before["contour nm"] / rows["Martini"]["contour nm"]
    assert ratio == pytest.approx((16 / 14) ** (1 / 3), rel=1e-3)
    atoms = found["backmapping"]["rows"]
    assert len(atoms) == 2 * 3 + 1
    assert {row.get("beads") for row in atoms} == {*list(rows)[2:-1], "reference (floor)"}
    records = found["backmapping"]["records"]
    best = {r["beads"]: r["scores"]["consistency/cg_rmsd"]["value"] for r in records}
    assert max(best.values()) < 0.01
    assert any("distribution" in note for note in found["backmapping"]["notes"])
    told = scripts("_morphing_text").morphing_text(found)
    assert "| end-to-end moved, % |" in told
    assert f"| {morphed[0]} |" in told
    assert "| fragments | none |" in told
    for name in ("tcs-beads", "tcs-atoms"):
        assert "<svg" in (output / f"{name}.svg").read_text()


def test_what_is_refused(scripts: Any, tmp_path: Path) -> None:
    main = scripts("morphing").main
    with pytest.raises(SystemExit, match="no part"):
        main(["tcs", "--parts", "all"])
    with pytest.raises(SystemExit, match="for polystyrene"):
        main(["tcs", "--published", str(tmp_path), "--data", str(liquid(tmp_path / "aa"))])
    if load_system("fritz").reference is None:
        with pytest.raises(SystemExit, match="no frames of fritz 496K are embedded"):
            main(["kg"])


def beads_of(values: Floats) -> tuple[Topology, list[Frame]]:
    """Straight chains of three beads with such bonds, side by side, a frame for every two."""
    graph = chain_graph("C", ("C1",) * 3, 72.0)
    pairs = values[: len(values) // 4 * 4].reshape(-1, 2, 2)
    x = np.zeros((len(pairs), 2, 3, 3))
    x[:, :, 1:, 0] = np.cumsum(pairs, axis=2)
    x[:, 1, :, 1] = 0.9
    topology = Topology(graph, identity_mapping(graph), None, None)
    return topology, [Frame(c.reshape(-1, 3), 4.0 * np.eye(3)) for c in x]


def test_second_peak_and_artefacts_by_hand(scripts: Any) -> None:
    chains = scripts("_chains")
    rng = np.random.default_rng(4)
    two = np.concatenate([rng.normal(0.46, 0.01, 800), rng.normal(0.51, 0.01, 1200)])
    one = rng.normal(0.5, 0.012, 2000)
    basins = chains.Basins(two)
    assert basins.border == pytest.approx(0.485, abs=0.006)
    own = basins(two)
    assert own["bond peaks nm"] == pytest.approx([0.46, 0.51], abs=0.005)
    assert own["second peak"]
    assert own["short bonds %"] == pytest.approx(40, abs=2)
    other = basins(one)
    assert not other["second peak"]
    assert other["short bonds %"] == pytest.approx(100 * (one < basins.border).mean())
    assert "second peak" not in chains.Basins(one)(two)

    topology, frames = beads_of(rng.permutation(two))
    yardstick = chains.Yardstick(frames, topology, InversionSettings(cutoff=1.6, bin=0.1, excluded=2))
    same = yardstick(frames)
    assert [same[k] for k in ("bonds JSD", "g(r)", "overstretched", "too near")] == [0, 0, 0, 0]
    assert same["contour nm"] == pytest.approx(2 * two.mean(), rel=1e-3)
    wrong = frames[0].positions.copy()
    wrong[2, 0] += 0.5  # one of four bonds
    wrong[3:, 1] = 0.2
    found = yardstick([frames[0].with_positions(wrong)])
    assert found["overstretched"] == 250
    apart = np.linalg.norm(wrong[:3, None] - wrong[None, 3:], axis=-1)
    assert found["too near"] == pytest.approx(1000 * (apart < 0.9).sum() / 6)
