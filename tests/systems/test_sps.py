"""Polystyrene as we describe it, against the published files and frames."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from bmzoo.errors import InputError
from bmzoo.frames.lattice import minimum_image
from bmzoo.frames.periodic import MoleculeMaker
from bmzoo.frames.trajectory import Trajectory
from bmzoo.molecules import polystyrene
from bmzoo.molecules.formats.itp import read_gromacs
from bmzoo.molecules.stereo import hands, tacticity
from bmzoo.systems import load_system, sps
from bmzoo.systems.system import System

SHORT = ("568K", "453K", "313K")
"""States with frames; for the others see test_long_chains.py."""
N_CHAINS = 36
XTC_ROUNDING = 0.0005
"""nm; both the published atoms and the published beads are rounded to 0.001 nm."""


@pytest.fixture(scope="module")
def system() -> System:
    return sps.load(None)


def unordered(rows: np.ndarray) -> set[tuple[int, ...]]:
    return {min(tuple(row), tuple(row[::-1])) for row in rows.tolist()}


def test_states(system: System) -> None:
    assert system.state == "568K"
    assert system.periodic
    assert load_system("sps:313K").topology.temperature == 313.0
    with pytest.raises(InputError, match="unknown state of sps '300K'"):
        sps.load("300K")


def test_one_chain(system: System) -> None:
    topology = system.topology
    assert (topology.n_atoms, topology.n_beads) == (162, 20)
    field = topology.force_field
    assert field is not None
    assert abs(field.charges.sum()) < 1e-12
    assert len(field.constraints) == len(topology.graph.bonds) == 171
    assert not unordered(field.exclusions) & unordered(field.pairs)


def test_tacticity_is_syndiotactic(system: System) -> None:
    graph = system.topology.graph
    assert len(graph.stereocentres) == 9
    assert tacticity(graph, graph.chirality).racemic_fraction == 1.0


def test_owners_and_weights(system: System) -> None:
    mapping, graph = system.topology.mapping, system.topology.graph
    assert mapping.bead_names[:4] == ("A1", "B1", "A2", "B2")
    assert mapping.owners[:16].tolist() == [0] * 5 + [1] * 11
    # atoms 161 and 162 complete the first and the last carbon
    assert graph.neighbours[160] == (1,)
    assert graph.neighbours[161] == (148,)
    assert mapping.owners[160:].tolist() == [0, 18]
    weights = mapping.matrix.toarray()
    assert np.flatnonzero(weights[0]).tolist() == [1]
    assert np.flatnonzero(weights[2]).tolist() == [3, 4, 16, 17, 18, 19, 20]
    assert weights[2, 4] / weights[2, 17] == pytest.approx(0.5)
    assert np.flatnonzero(weights[1]).tolist() == list(range(5, 16))
    assert np.allclose(weights.sum(axis=1), 1)


def test_as_published(shared_data: Path, system: System) -> None:
    graph, field = read_gromacs([shared_data / "sps/topol_PS1.itp", shared_data / "sps/topol.top"])
    ours, our_field = system.topology.graph, system.topology.force_field
    assert field is not None
    assert our_field is not None
    for name in ("names", "types", "elements", "residue_names"):
        assert getattr(ours, name) == getattr(graph, name)
    assert np.array_equal(ours.bonds, graph.bonds)
    for name in ("masses", "charges", "sigma", "epsilon", "exclusions"):
        assert np.array_equal(getattr(our_field, name), getattr(field, name)), name
    for name in ("bonds", "angles", "dihedrals", "impropers"):
        assert unordered(getattr(our_field, name)) == unordered(getattr(field, name)), name
        assert len(getattr(our_field, name)) == len(getattr(field, name)), name
    for rows, *values in (
        ("bonds", "bond_r0"),
        ("angles", "angle_theta0", "angle_k"),
        ("dihedrals", "dihedral_n", "dihedral_phase", "dihedral_k"),
        ("impropers", "improper_phi0", "improper_k"),
    ):
        assert _parameters(our_field, rows, values) == _parameters(field, rows, values), rows
    assert our_field.combination == field.combination == "lorentz-berthelot"


def _parameters(field: object, rows: str, values: list[str]) -> dict[tuple[int, ...], tuple[float, ...]]:
    columns = zip(*(getattr(field, name).tolist() for name in values), strict=True)
    keys = (min(tuple(row), tuple(row[::-1])) for row in getattr(field, rows).tolist())
    return dict(zip(keys, columns, strict=True))


@pytest.mark.parametrize(("state", "shift"), [("568K", 0), ("453K", -1), ("313K", 0)])
def test_mapping_against_published_beads(shared_data: Path, state: str, shift: int) -> None:
    """At 453 K the published beads are late by one frame."""
    topology = sps.load(state).topology
    atoms = Trajectory(shared_data / f"sps/{state}/aa.xtc")
    beads = list(Trajectory(shared_data / f"sps/{state}/cg.xtc"))
    for frame in atoms.frames(1, None, 17):
        whole = MoleculeMaker(topology.graph.bonds, topology.n_atoms)(frame.positions, frame.box)
        published = beads[frame.index + shift].positions
        gap = minimum_image(topology.mapping.apply(whole) - published, frame.box)
        # rounding of the beads, and what is left of that of the atoms after averaging
        assert np.abs(gap).max() < 2 * XTC_ROUNDING
        assert np.sqrt((gap**2).mean()) < 0.65 * XTC_ROUNDING
        by_bead = np.sqrt((gap.reshape(N_CHAINS, 20, 3) ** 2).mean(axis=(0, 2)))
        assert by_bead.max() < XTC_ROUNDING


@pytest.mark.parametrize("state", SHORT)
def test_hands_as_published(shared_data: Path, state: str) -> None:
    graph = sps.load(state).topology.graph
    centres, numbered = polystyrene.numbered_hands()
    for frame in Trajectory(shared_data / f"sps/{state}/aa.xtc").frames(0, None, 25):
        whole = MoleculeMaker(graph.bonds, graph.n_atoms)(frame.positions, frame.box).reshape(N_CHAINS, -1, 3)
        assert np.all(hands(whole, graph.stereocentres) == graph.chirality)
        assert np.all(hands(whole, centres) == numbered)


@pytest.mark.parametrize("state", SHORT)
def test_embedded_frames(state: str) -> None:
    system = sps.load(state)
    reference = system.reference
    assert reference is not None
    assert set(reference.splits) == ({"train", "test"} if state == "568K" else {"test"})
    file = reference.folder / reference.split("test")["file"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == reference.split("test")["sha256"]
    assert reference.n_frames("test") >= system.benchmark_frames
    frame = next(iter(reference.frames("test")))
    assert system.topology.count_molecules(len(frame), beads=False) == N_CHAINS
    assert frame.box is not None
    x = frame.positions.reshape(N_CHAINS, -1, 3)
    bonds = system.topology.graph.bonds
    assert np.linalg.norm(x[:, bonds[:, 0]] - x[:, bonds[:, 1]], axis=2).max() < 0.16
    assert np.all(hands(x, system.topology.graph.stereocentres) == system.topology.graph.chirality)
    centres, numbered = polystyrene.numbered_hands()
    assert np.all(hands(x, centres) == numbered)
