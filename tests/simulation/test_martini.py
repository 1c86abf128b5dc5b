"""The Martini engine against its formulas, a tiny build, and the embedded liquid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.backends.loading import load_backmapper
from bmzoo.errors import InputError
from bmzoo.frames.datasets import coarse_grain
from bmzoo.molecules import martini_alkane
from bmzoo.simulation import martini
from bmzoo.simulation.conformers import embed
from bmzoo.systems import load_system
from bmzoo.systems.recipes import build
from bmzoo.systems.reference import Reference

openmm = pytest.importorskip("openmm")


def evaluate(positions: object, n_chains: int, n_beads: int) -> tuple[float, np.ndarray]:
    """Energy, kJ/mol, and forces, kJ/mol/nm."""
    system = martini.build_system(n_chains, n_beads, np.eye(3) * 6.0)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    state = context.getState(energy=True, forces=True)
    return float(state.getPotentialEnergy()._value), state.getForces(asNumpy=True)._value


def shifted_lennard_jones(r: np.ndarray) -> np.ndarray:
    """Energy of two beads, kJ/mol, at distances in nm."""
    beyond, total = np.maximum(r - martini_alkane.SHIFT, 0.0), np.zeros_like(r)
    for power, sign in ((12, 1.0), (6, -1.0)):
        a, b, c = martini.shift_constants(power)
        total += sign * martini_alkane.SIGMA**power * (r**-power - a / 3 * beyond**3 - b / 4 * beyond**4 - c)
    return np.where(r < martini_alkane.CUTOFF, 4 * martini_alkane.EPSILON * total, 0.0)


@settings(max_examples=15, deadline=None)
@given(r=st.floats(0.4, 1.25))
def test_pair_is_a_shifted_lennard_jones(r: float) -> None:
    """GROMACS's shift written out for both powers; inside of 0.9 nm the force is that of Lennard-Jones."""
    energy, forces = evaluate([[5.9, 0, 0], [5.9 + r, 0, 0]], 2, 1)  # across the boundary
    assert energy == pytest.approx(float(shifted_lennard_jones(np.array(r))), abs=1e-6)
    if r < 0.9:
        inverse = 0.47 / r
        force = 4 * 3.5 * (12 * inverse**12 - 6 * inverse**6) / r
        assert forces[1, 0] == pytest.approx(force, abs=1e-4)
    if r >= 1.2:
        assert energy == 0.0


def test_pair_by_hand() -> None:
    """Deepest near 2^(1/6) sigma; the constants of the shift are those of the GROMACS manual, n = 6."""
    assert martini.shift_constants(6)[0] == pytest.approx(-6 * (10 * 1.2 - 7 * 0.9) / (1.2**8 * 0.3**2))
    grid = np.linspace(0.4, 1.3, 9001)
    energies = shifted_lennard_jones(grid)
    assert grid[energies.argmin()] == pytest.approx(2 ** (1 / 6) * 0.47, abs=2e-4)
    slopes = np.gradient(energies, grid)
    near = np.abs(grid - 1.2) < 2e-3
    assert np.abs(slopes[near]).max() < 0.01
    assert np.abs(np.diff(slopes)[(grid[1:] > 0.85) & (grid[1:] < 0.95)]).max() < 0.01  # no step at 0.9


def test_bonds_angles_and_exclusions() -> None:
    stretched, _ = evaluate([[0, 0, 0], [0.57, 0, 0]], 1, 2)
    assert stretched == pytest.approx(0.5 * 1250 * 0.1**2, rel=1e-5)  # bonded beads do not feel Lennard-Jones
    straight, _ = evaluate([[0, 0, 0], [0.47, 0, 0], [0.94, 0, 0]], 1, 3)
    bent, _ = evaluate([[0, 0, 0], [0.47, 0, 0], [0.47, 0.47, 0]], 1, 3)
    pair = shifted_lennard_jones(np.array([0.94, 0.47 * np.sqrt(2)]))
    assert straight == pytest.approx(pair[0], abs=1e-6)
    assert bent == pytest.approx(12.5 + pair[1], rel=1e-6)
    with pytest.raises(InputError, match="narrower than twice"):
        martini.build_system(1, 6, np.eye(3) * 2.0)


def test_tiny_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENMM_CPU_THREADS", "1")
    folder = build("tcs:martini", "tiny", tmp_path / "tcs", seed=5)
    reference = Reference(folder)
    assert "Martini" in reference.provenance["force_field"]
    system = load_system("tcs:martini", data=folder)
    frames = list(system.reference.frames("test"))  # type: ignore[union-attr]
    assert len(frames) == 2
    checks = reference.split("test")["checks"]
    n = system.topology.count_molecules(len(frames[1]), beads=False)
    density = n * 338.664 * 1.66053906660 / np.linalg.det(frames[1].box)
    assert density == pytest.approx(checks["density"]["mean"], rel=0.05)


def embedded() -> Reference:
    reference = load_system("tcs:martini").reference
    assert reference is not None
    return reference


def test_embedded_liquid() -> None:
    """400 K, bonds of the potential's width, which the liquid around makes shorter, chains that are stiff."""
    reference = embedded()
    checks = reference.split("test")["checks"]
    assert reference.n_frames("test") == 24
    assert checks["temperature"]["mean"] == pytest.approx(400, rel=0.015)
    assert len(set(np.round(checks["density"]["mean_of_halves"], -1))) == 1  # it has come to rest
    frames = list(reference.frames("test"))
    chains = np.array([f.positions for f in frames]).reshape(len(frames), -1, 6, 3)
    bonds = np.linalg.norm(np.diff(chains, axis=2), axis=-1)
    assert bonds.mean() == pytest.approx(0.455, abs=0.003)
    assert bonds.std() == pytest.approx(np.sqrt(8.31446e-3 * 400 / martini_alkane.BOND_K), rel=0.1)
    size = np.sqrt(((chains[:, :, -1] - chains[:, :, 0]) ** 2).sum(-1).mean())
    assert np.sqrt(5) * 0.47 < size < 5 * 0.47


@pytest.mark.parametrize("backend", ["geometric", "fragments"])
def test_atoms_are_put_back(backend: str) -> None:
    """The frames of the model with the topology of the atoms, as 'bmzoo backmap --system tcs' does."""
    from bmzoo.frames.frame import Frame, PairedFrames

    reference, topology = embedded(), load_system("tcs").topology
    rng = np.random.default_rng(0)
    conformers = np.concatenate([embed(topology.graph, rng) for _ in range(4)])
    fine = Frame(conformers, np.eye(3) * 20.0)
    (coarse,) = coarse_grain([fine], topology.mapping)
    library = [PairedFrames(coarse, fine)] if backend == "fragments" else None
    model = load_backmapper(backend, topology, library=library)
    given = next(reference.frames("test"))
    some = given.with_positions(given.positions[: 5 * 6])
    (drawn,) = model.backmap([some], seed=1)
    assert drawn.positions.shape == (5 * 74, 3)
    away = topology.mapping.apply(drawn.positions) - some.positions
    assert np.sqrt((away**2).sum(-1).mean()) < 0.1
