"""Weights that come with bmzoo: small, described, and good enough to be used out of the box."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmzoo.backends.checkpoints import topology_hash
from bmzoo.backends.loading import WEIGHTS, load_backmapper
from bmzoo.backends.voxel_gan.flaws import Flaws
from bmzoo.backends.voxel_gan.model import VoxelGAN
from bmzoo.frames.datasets import pairs
from bmzoo.systems import load_system

FOLDERS = sorted(path.parent for path in WEIGHTS.glob("*/*/config.json"))
MOST = 8e6


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f"{f.parent.name}/{f.name}")
def test_they_are_small_and_described(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST
    card = (folder / "card.md").read_text()
    for word in ("sha256", "seed", "minutes", "licence", "limits"):
        assert word in card.lower(), f"the card does not say: {word}"


@pytest.mark.parametrize("tag", [f.name for f in FOLDERS if f.parent.name == "voxel_gan"])
def test_voxel_gan_draws_whole_molecules_of_the_right_hand(tag: str) -> None:
    config = json.loads((WEIGHTS / "voxel_gan" / tag / "config.json").read_text())
    name, state = config["system"].split("+")[0], config["state"].split("+")[0]
    system = load_system(f"{name}:{state}")
    assert topology_hash(system.topology) in (config["topology"], *config["also"])
    assert system.reference is not None
    model = load_backmapper("voxel_gan", system.topology, weights=tag)
    assert isinstance(model, VoxelGAN)
    coarse = next(pairs(system.reference.frames("test", 0, 1), system.topology.mapping)).coarse
    n_beads = system.topology.n_beads
    few = coarse.with_positions(coarse.positions[: 4 * n_beads])
    first, second = model.backmap([few], n_samples=2, seed=3)
    beads = few.positions.reshape(-1, n_beads, 3)
    flaws = Flaws(model.observer.template)
    for frame in (first, second):
        atoms = frame.positions.reshape(len(beads), -1, 3)
        missed = np.stack([system.topology.mapping.apply(x) for x in atoms]) - beads
        assert np.sqrt((missed**2).sum(-1).mean()) < 0.02
        assert flaws(beads.astype(float), atoms.astype(float), None).flawed.mean() < 0.2
    assert np.abs(first.positions - second.positions).max() > 0.02
