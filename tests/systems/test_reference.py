"""Reference folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmzoo.errors import InputError
from bmzoo.frames.beads import write_beads
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import write_frames
from bmzoo.systems.reference import Reference


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    rng = np.random.default_rng(0)
    frames = [Frame(rng.normal(size=(12, 3)), None, float(k), k) for k in range(5)]
    write_frames(tmp_path / "train.xtc", frames)
    write_frames(tmp_path / "test.xtc", frames[:2])
    np.savez(tmp_path / "train_forces.npz", forces=np.full((5, 12, 3), 1.5, dtype=np.float16))
    splits = {
        "train": {"file": "train.xtc", "runs": [3, 2], "interval_ps": 1.0, "forces": "train_forces.npz"},
        "test": {"file": "test.xtc", "runs": [3], "interval_ps": 1.0},
    }
    (tmp_path / "provenance.json").write_text(json.dumps({"splits": splits}))
    return Reference(tmp_path)


def test_runs_frames_and_forces(reference: Reference) -> None:
    assert reference.splits == ("train", "test")
    assert reference.runs("train") == (3, 2)
    assert reference.n_frames("train") == 5
    assert [f.index for f in reference.frames("train", 1, None, 2)] == [1, 3]
    assert [f.time for f in reference.frames("train")] == [0, 1, 2, 4, 5]
    assert [f.time for f in reference.frames("train", 1, None, 3)] == [1, 5]
    forces = reference.forces("train")
    assert (forces.shape, forces.dtype) == ((5, 12, 3), np.float32)


def test_what_is_not_there(reference: Reference) -> None:
    with pytest.raises(InputError, match="no split 'valid'; it has train, test"):
        reference.split("valid")
    with pytest.raises(InputError, match="for: train"):
        reference.forces("test")
    with pytest.raises(InputError, match=r"holds 2 frames, provenance\.json says 3"):
        reference.frames("test")
    with pytest.raises(InputError, match=r"provenance\.json is missing"):
        _ = Reference(reference.folder / "other").splits


def test_damaged_folders(reference: Reference) -> None:
    forces = reference.folder / "train_forces.npz"
    forces.write_bytes(forces.read_bytes()[:50])
    with pytest.raises(InputError, match="damaged"):
        reference.forces("train")
    forces.unlink()
    with pytest.raises(InputError, match="missing"):
        reference.forces("train")
    for text in ("{", "{}", "[]"):
        (reference.folder / "provenance.json").write_text(text)
        with pytest.raises(InputError, match=r"provenance\.json"):
            _ = Reference(reference.folder).splits


def test_frames_of_a_coarse_grained_simulation(reference: Reference) -> None:
    with pytest.raises(InputError, match="no frames of a coarse-grained simulation"):
        next(reference.coarse_frames())
    beads = np.random.default_rng(1).normal(size=(4, 3, 3))
    beads -= beads.mean(axis=1, keepdims=True)
    write_beads(reference.folder / "cg.npz", beads, np.arange(4.0))
    path = reference.folder / "provenance.json"
    record = json.loads(path.read_text()) | {
        "generalisation": {"file": "cg.npz", "runs": [2, 2], "interval_ps": 2.0}
    }
    path.write_text(json.dumps(record))
    found = [*Reference(reference.folder).coarse_frames()]
    assert [f.time for f in found] == [0, 2, 6, 8]
    np.testing.assert_allclose([f.positions for f in found], beads, atol=1e-4)
    record["generalisation"]["runs"] = [2, 3]
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"holds 4 frames, provenance\.json says 5"):
        next(Reference(reference.folder).coarse_frames())
