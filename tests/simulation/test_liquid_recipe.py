"""The liquids' recipe: conformers, and a tiny octane from nothing to a reference folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bmzoo.errors import InputError
from bmzoo.molecules import liquids
from bmzoo.simulation.conformers import embed
from bmzoo.simulation.liquid_presets import presets_of
from bmzoo.simulation.melt_checks import check_structure
from bmzoo.systems import load_system
from bmzoo.systems.recipes import build
from bmzoo.systems.reference import Reference

pytest.importorskip("openmm")


@pytest.mark.parametrize("name", ["octane", "cumene", "tcs"])
def test_conformers(name: str) -> None:
    topology = liquids.build_topology(name, 350.0)
    graph = topology.graph
    rng = np.random.default_rng(1)
    several = np.array([embed(graph, rng) for _ in range(6)])
    assert np.abs(several[0] - several[1]).max() > 0.05
    checks = check_structure(topology, several.reshape(6, -1, 3), np.tile(np.eye(3) * 5, (6, 1, 1)))
    assert checks["longest_bond_over_r0"] < 1.1
    again = np.random.default_rng(1)
    assert np.array_equal(embed(graph, again), several[0])
    for ring in graph.rings:
        corners = several[:, list(ring)] - several[:, list(ring)].mean(axis=1, keepdims=True)
        assert np.linalg.svd(corners, compute_uv=False)[:, 2].max() < 0.02


@pytest.mark.parametrize("name", ["octane", "cumene", "tcs"])
def test_boxes_are_wide_enough(name: str) -> None:
    """A fifth of volume may be lost to compression before the cutoff reaches half of the box."""
    topology = liquids.build_topology(name, 350.0)
    assert topology.force_field is not None
    for preset in presets_of(name).values():
        mass = preset.n_chains * topology.graph.masses.sum() * 1.66053906660
        assert topology.force_field.cutoff is not None
        assert np.cbrt(0.8 * mass / preset.density) > 2 * topology.force_field.cutoff


def test_tiny_octane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENMM_CPU_THREADS", "1")
    folder = build("octane", "tiny", tmp_path / "octane", seed=3)
    reference = Reference(folder)
    topology = load_system("octane", data=folder).topology
    assert reference.splits == ("train", "test")
    assert "OPLS-AA" in reference.provenance["force_field"]
    assert reference.provenance["nonbonded"]["cutoff_nm"] == 1.0
    first = {}
    for name in reference.splits:
        checks = reference.split(name)["checks"]
        assert 0.1 < checks["gauche_fraction"] < 0.6
        assert abs(checks["density"]["mean"] / 656 - 1) < 0.15
        frames = list(reference.frames(name))
        assert len(frames) == 2
        x = frames[0].positions.reshape(-1, topology.n_atoms, 3).astype(float)
        field = topology.force_field
        assert field is not None
        lengths = np.linalg.norm(x[:, field.bonds[:, 0]] - x[:, field.bonds[:, 1]], axis=2)
        assert np.abs(lengths - field.bond_r0).max() < 2e-4
        first[name] = x
    assert np.abs(first["train"] - first["test"]).max() > 0.1
    with pytest.raises(InputError, match="unknown preset"):
        build("octane", "smal", tmp_path / "new")
