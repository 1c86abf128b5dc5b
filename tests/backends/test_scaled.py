"""Networks on beads: lengths are scaled on the way in and on the way out, and weights remember it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bmzoo.backends.checkpoints import read_checkpoint, save_checkpoint, verify
from bmzoo.backends.equivariant.model import Equivariant
from bmzoo.backends.scaled import Scaled, scale_of, scaled, stretched
from bmzoo.errors import InputError
from bmzoo.fitting.run import train
from bmzoo.frames.frame import Frame
from bmzoo.molecules.beads import chain_graph, merge_consecutive
from bmzoo.molecules.topology import Topology
from bmzoo.systems import load_system

N = 6


def chain() -> Topology:
    graph = chain_graph("CH", ("K",) * N, 100.0)
    return Topology(graph, merge_consecutive(graph, 2), None, 300.0)


def beads() -> Frame:
    steps = np.random.default_rng(1).normal(0, 0.6, (2, N // 2, 3)).cumsum(axis=1)
    return Frame(steps.reshape(-1, 3).astype(np.float32), box=5.0 * np.eye(3))


def test_what_is_drawn_is_scaled_there_and_back() -> None:
    inner = Equivariant(chain())
    (small,) = inner.backmap([stretched(beads(), 0.2)], seed=3)
    (drawn,) = scaled(inner, 0.2).backmap([beads()], seed=3)
    assert drawn.positions == pytest.approx(5 * np.asarray(small.positions), abs=1e-5)
    assert drawn.box == pytest.approx(beads().box)
    assert scaled(inner, 1.0) is inner


def test_weights_keep_the_scale(tmp_path: Path) -> None:
    model = scaled(Equivariant(chain()), 0.2)
    folder = save_checkpoint(model, tmp_path / "w", system="blobs", example=beads())
    again = read_checkpoint(folder).restore(chain())
    assert isinstance(again, Scaled)
    assert scale_of(again) == 0.2
    assert verify(folder, chain()) < 1e-4


def test_molecules_with_a_force_field_are_refused() -> None:
    with pytest.raises(InputError, match="systems of beads"):
        Scaled(Equivariant(load_system("adp").topology), 0.5)


def test_a_training_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    config = {"backend": "equivariant", "system": "adp", "scale": 0.5}
    with pytest.raises(InputError, match="cannot be scaled"):
        train(config, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_training_sees_scaled_frames(tmp_path: Path) -> None:
    """Two trainings of one step: at scale 1, and of frames half as large at scale 2."""
    from bmzoo.frames.trajectory import write_frames
    from bmzoo.systems.blobs import load

    topology = load("tcs-s2").topology
    x = np.random.default_rng(2).normal(0, 0.4, (4, 8, 6, 3)).cumsum(axis=2).reshape(4, -1, 3)
    found = []
    for name, scale in (("large", 1.0), ("small", 2.0)):
        folder = tmp_path / name
        folder.mkdir()
        frames = [Frame(f / scale, box=8 / scale * np.eye(3)) for f in x]
        write_frames(folder / "train.xtc", frames, topology.graph)
        splits = '{"train": {"file": "train.xtc", "runs": [4], "interval_ps": 1.0, "seed": 1}}'
        (folder / "provenance.json").write_text(f'{{"splits": {splits}}}')
        config = {
            "backend": "equivariant",
            "system": "blobs:tcs-s2",
            "data": str(folder),
            "scale": scale,
            "training": {"steps": 1, "validation_share": 0.25, "validate_every": 1},
            "settings": {"layers": 1, "scalars": 8, "vectors": 4, "pseudovectors": 2},
        }
        run = train(config, output=tmp_path / f"run-{name}")
        found.append(read_checkpoint(run / "weights"))
    large, small = found
    assert (large.config["scale"], small.config["scale"]) == (1.0, 2.0)
    for key, value in large.arrays.items():
        assert small.arrays[key] == pytest.approx(value, abs=1e-2), key
