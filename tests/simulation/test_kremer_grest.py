"""The Kremer-Grest engine against the literature and against its own formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.simulation import kremer_grest as kg
from bmzoo.simulation.kremer_grest_melt import PRESETS, internal_distances
from bmzoo.systems import load_system
from bmzoo.systems.recipes import build
from bmzoo.systems.reference import Reference

pytest.importorskip("openmm")


def _energy(positions: list[list[float]], n_chains: int, length: int, **how: bool) -> float:
    import openmm

    system = kg.build_system(n_chains, length, 10.0, **how)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(positions)
    return float(context.getState(energy=True).getPotentialEnergy()._value)


@settings(max_examples=10, deadline=None)
@given(r=st.floats(0.85, 1.3))
def test_bond_is_fene_and_repulsion(r: float) -> None:
    expected = -15 * kg.REACH**2 * np.log(1 - (r / kg.REACH) ** 2) + float(kg.wca(np.array(r)))
    assert _energy([[0, 0, 0], [r, 0, 0]], 1, 2) == pytest.approx(expected, rel=1e-5)


def test_bending_and_repulsion_across_the_box() -> None:
    straight = _energy([[0, 0, 0], [1, 0, 0], [2, 0, 0]], 1, 3)
    right_angle = _energy([[0, 0, 0], [1, 0, 0], [1, 1, 0]], 1, 3)
    assert right_angle - straight == pytest.approx(kg.BENDING, rel=1e-5)  # 1.41 is beyond the repulsion
    apart = _energy([[0.2, 0, 0], [1.2, 0, 0], [9.4, 0, 0], [8.4, 0, 0]], 2, 2)
    far = _energy([[0.2, 0, 0], [1.2, 0, 0], [5.4, 0, 0], [6.4, 0, 0]], 2, 2)
    assert apart - far == pytest.approx(float(kg.wca(np.array(0.8))), rel=1e-5)


def test_soft_repulsion_joins_the_hard_one() -> None:
    import openmm

    def forces(r: float, soft: bool) -> float:
        system = kg.build_system(2, 1, 10.0, soft=soft)
        context = openmm.Context(
            system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
        )
        context.setPositions([[0, 0, 0], [r, 0, 0]])
        return float(context.getState(forces=True).getForces()[1].x)

    assert forces(1.05, True) == pytest.approx(forces(1.05, False), rel=1e-4)
    assert forces(0.5, True) == pytest.approx(forces(1.0, False), rel=1e-4)
    assert forces(0.2, True) == pytest.approx(forces(1.0, False), rel=1e-4)


def test_walks_have_the_size_of_the_melt() -> None:
    """The thesis's melt has 63 sigma^2: 6.01 nm where contours of 31 bonds are 22.58 nm."""
    chains = kg.draw_chains(1500, 32, 10.0, np.random.default_rng(3)).reshape(1500, 32, 3)
    bonds = np.linalg.norm(np.diff(chains, axis=1), axis=2)
    assert bonds == pytest.approx(kg.BOND)
    assert internal_distances(chains)[-1] == pytest.approx(63.0, rel=0.15)


def test_tiny_build(tmp_path: Path) -> None:
    folder = build("kg", "tiny", tmp_path / "kg", seed=4)
    reference = Reference(folder)
    checks = reference.split("test")["checks"]
    assert checks["bond"]["mean"] == pytest.approx(kg.BOND, abs=0.015)
    assert checks["nearest_pair"] > 0.8
    (first, second) = reference.frames("test")
    n = PRESETS["tiny"].n_chains * 32
    assert len(first) == n
    assert n / np.linalg.det(first.box) == pytest.approx(kg.DENSITY, rel=1e-4)
    assert np.abs(first.positions - second.positions).max() > 0.01


def test_embedded_melt() -> None:
    system = load_system("kg")
    assert system.reference is not None
    topology = system.topology
    assert topology.n_atoms == topology.n_beads == 32
    frames = list(system.reference.frames("test"))
    chains = np.array([f.positions for f in frames]).reshape(len(frames), -1, 32, 3)
    bonds = np.linalg.norm(np.diff(chains, axis=2), axis=-1)
    assert bonds.mean() == pytest.approx(0.965, abs=0.003)
    # within the error of 24 chains
    assert internal_distances(chains)[-1] == pytest.approx(63.0, rel=0.15)
