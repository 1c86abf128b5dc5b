"""Refinement on small frames: settings, beads, bonds, hands, seeds, failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refine_inputs import BOX, dipeptide, melt

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.mirror import Mirror
from bmzoo.simulation.refine import Refined, Refiner, RefineSettings, make_refiner

pytest.importorskip("openmm")
SHORT = RefineSettings("thermalise", duration=0.02, threads=1)


def noisy(frame: Frame, width: float = 0.004, seed: int = 0) -> Frame:
    random = np.random.default_rng(seed)
    return frame.with_positions(frame.positions + random.normal(0, width, frame.positions.shape))


def assert_sound(topology: Topology, result: Refined, beads: Frame) -> None:
    """Relaxed, near its beads, bonds as long as the reference's, right hands."""
    assert result.relaxed
    assert result.message == ""
    field, x = topology.force_field, result.frame.positions
    np.testing.assert_allclose(topology.mapping.apply(x), beads.positions, rtol=0, atol=1e-5)
    assert result.bead_rmsd < 1e-5
    by_molecule = x.reshape(-1, topology.n_atoms, 3)
    ends = by_molecule[:, field.constraints[:, 0]] - by_molecule[:, field.constraints[:, 1]]
    np.testing.assert_allclose(
        np.linalg.norm(ends, axis=-1),
        np.broadcast_to(field.constraint_r0, ends.shape[:-1]),
        rtol=0,
        atol=1e-4,
    )
    assert result.wrong_hands == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", RefineSettings()),
        (" minimise ", RefineSettings("minimise")),
        ("thermalise", RefineSettings("thermalise", 0.1)),
        ("thermalise:0.5", RefineSettings("thermalise", 0.5)),
    ],
)
def test_settings_are_read(text: str, expected: RefineSettings) -> None:
    assert RefineSettings.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "relax", "thermalise:", "thermalise:x", "thermalise:-1", "thermalise:nan", "minimise:3", "none:1"],
)
def test_nonsense_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError, match="none, minimise, thermalise"):
        RefineSettings.parse(text)


@settings(max_examples=50, deadline=None)
@given(duration=st.floats(0.001, 1000))
def test_any_sensible_duration_is_read(duration: float) -> None:
    assert RefineSettings.parse(f"thermalise:{duration!r}").duration == duration


def test_nothing_to_do_needs_no_refiner() -> None:
    topology, atoms, beads = dipeptide()
    assert make_refiner(topology, RefineSettings()) is None
    raw = Refiner(topology, RefineSettings()).refine(atoms, beads)
    np.testing.assert_array_equal(raw.frame.positions, atoms.positions)
    assert raw.bead_rmsd < 1e-12


def test_what_is_missing_is_said() -> None:
    topology, atoms, _ = dipeptide()
    with pytest.raises(InputError, match="no force field"):
        Refiner(replace(topology, force_field=None), SHORT)
    with pytest.raises(InputError, match="temperature"):
        Refiner(replace(topology, temperature=None), SHORT)
    twice = Frame(np.concatenate([topology.mapping.apply(atoms.positions)] * 2))
    with pytest.raises(InputError, match="belong together"):
        Refiner(topology, SHORT).refine(atoms, twice)


@pytest.mark.parametrize("refinement", [SHORT, RefineSettings("minimise", threads=1)])
def test_dipeptide_whose_beads_are_single_atoms(refinement: RefineSettings) -> None:
    topology, atoms, beads = dipeptide()
    refiner = Refiner(topology, refinement)
    first = refiner.refine(noisy(atoms), beads)
    assert_sound(topology, first, beads)
    again = refiner.refine(noisy(atoms), beads)
    np.testing.assert_array_equal(again.frame.positions, first.frame.positions)


def test_chains_in_a_triclinic_box_in_any_image() -> None:
    topology, atoms, beads = melt()
    refiner = Refiner(topology, SHORT, seed=7)
    start = noisy(atoms)
    moved = start.positions.reshape(2, -1, 3) + np.array([[1, -1, 0], [0, 2, -1]])[:, None] @ BOX
    for result in (
        refiner.refine(start, beads),
        refiner.refine(start.with_positions(moved.reshape(-1, 3)), beads),
    ):
        assert_sound(topology, result, beads)
        assert result.frame.index == atoms.index


def test_boxes_may_change_between_frames() -> None:
    topology, atoms, beads = melt()
    refiner = Refiner(topology, SHORT)
    wide = replace(atoms, box=BOX * 1.1), replace(beads, box=BOX * 1.1)
    energy = refiner.refine(atoms, beads).energy
    assert_sound(topology, refiner.refine(*wide), wide[1])
    assert refiner.refine(atoms, beads).energy == pytest.approx(energy, rel=1e-9)


def test_the_seed_and_the_frame_decide_and_nothing_before_them() -> None:
    topology, atoms, beads = dipeptide()
    other = replace(atoms, index=9), replace(beads, index=9)
    refiner = Refiner(topology, SHORT, seed=5)
    refiner.refine(*other)
    late = refiner.refine(atoms, beads).frame.positions
    fresh = Refiner(topology, SHORT, seed=5)
    np.testing.assert_array_equal(fresh.refine(atoms, beads).frame.positions, late)
    assert np.abs(fresh.refine(replace(atoms, sample=1), beads).frame.positions - late).max() > 1e-4
    assert np.abs(Refiner(topology, SHORT, seed=6).refine(atoms, beads).frame.positions - late).max() > 1e-4


def test_mirror_turns_only_what_is_wrong_and_keeps_bonds() -> None:
    topology, atoms, _ = melt()
    x = atoms.positions.reshape(2, -1, 3)
    flipped = x.copy()
    flipped[1] *= -1
    mirror = Mirror(topology.graph)
    assert not mirror.wrong(x).any()
    assert mirror.wrong(flipped)[1].all()
    found, turned = mirror(flipped)
    assert turned == len(topology.graph.chirality)
    assert not mirror.wrong(found).any()
    np.testing.assert_array_equal(found[0], x[0])
    i, j = topology.graph.bonds.T
    np.testing.assert_allclose(
        np.linalg.norm(found[:, i] - found[:, j], axis=-1), np.linalg.norm(x[:, i] - x[:, j], axis=-1)
    )


@pytest.mark.parametrize("case", ["dipeptide", "chains"])
def test_wrong_hands_come_out_right(case: str) -> None:
    topology, atoms, beads = dipeptide() if case == "dipeptide" else melt()
    mirror = Mirror(topology.graph)
    x = atoms.positions.reshape(-1, topology.n_atoms, 3).copy()
    centre = int(topology.graph.stereocentres[0, 0])
    near = topology.graph.neighbours[centre]
    hydrogen = next(a for a in near if topology.graph.is_hydrogen[a])
    x[0, hydrogen] = 2 * x[0, centre] - x[0, hydrogen]
    assert mirror.wrong(x).sum() == 1
    result = Refiner(topology, SHORT).refine(atoms.with_positions(x.reshape(-1, 3)), beads)
    assert result.mirrored >= 1
    assert_sound(topology, result, beads)


def test_a_frame_that_cannot_relax_is_named_and_kept() -> None:
    topology, atoms, beads = dipeptide()
    broken = Frame(np.full_like(atoms.positions, np.nan), index=3, name="run.xtc, frame 3")
    torn = Frame(beads.positions * 4.0, index=4)
    refiner = Refiner(topology, SHORT)
    results = [refiner.refine(*pair) for pair in ((broken, beads), (atoms, torn), (atoms, beads))]
    assert [r.relaxed for r in results] == [False, False, True]
    assert "run.xtc, frame 3" in results[0].message
    assert "did not relax" in results[1].message
    np.testing.assert_array_equal(results[1].frame.positions, atoms.positions)


def test_a_scrambled_start_relaxes() -> None:
    """All atoms at their owners' beads, as the crudest baseline places them."""
    topology, atoms, beads = dipeptide()
    crude = noisy(atoms.with_positions(beads.positions[topology.mapping.owners]), 0.05)
    result = Refiner(topology, SHORT).refine(crude, beads)
    assert result.relaxed
    assert result.bead_rmsd < 1e-5
