"""The stored test frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bmzoo.benchmark.scene import Scene
from bmzoo.errors import InputError
from bmzoo.frames.datasets import coarse_grain
from bmzoo.systems import load_system


def test_a_scene_comes_back_as_it_was(tmp_path: Path) -> None:
    system = load_system("adp")
    assert system.reference is not None
    (atoms,) = system.reference.frames("test", 0, 1)
    (beads,) = coarse_grain([atoms], system.topology.mapping)
    Scene.of(system, atoms, beads).write(tmp_path / "scene.npz")
    scene = Scene.read(tmp_path / "scene.npz")
    assert (scene.title, scene.n_molecules, scene.n_beads) == (system.title, 1, system.topology.n_beads)
    np.testing.assert_allclose(scene.atoms, atoms.positions, atol=1e-5)
    np.testing.assert_allclose(scene.beads, beads.positions, atol=1e-5)
    assert scene.elements.tolist() == list(system.topology.graph.elements)
    assert (scene.box is None) == (atoms.box is None)


def test_a_damaged_scene_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing or damaged"):
        Scene.read(tmp_path / "scene.npz")
