"""Periodic boundaries against brute force, in boxes as narrow and skewed as the published ones."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bmzoo.errors import InputError
from bmzoo.frames.lattice import box_volume, minimum_image, perpendicular_widths, reduced_lattice, wrap
from bmzoo.frames.periodic import MoleculeMaker, nearest_image_of, neighbour_pairs
from bmzoo.frames.trajectory import read_frames
from bmzoo.molecules.graph import MolecularGraph

PUBLISHED = np.array([[9.90668, 0.0, 0.0], [-1.07494, 2.79787, 0.0], [0.0, 0.0, 2.45952]])
SEEDS = st.integers(0, 2**32 - 1)


def narrow_box(rng: np.random.Generator) -> NDArray[np.float64]:
    """Lower triangular, 2.4 to 3 nm across two faces, one long side, angles of 60 to 121 degrees."""
    a, b, c = rng.uniform(5, 10), rng.uniform(2.4, 3.0), rng.uniform(2.4, 3.0)
    alpha, beta, gamma = np.radians(rng.uniform(60, 121, 3))
    cx = np.cos(beta)
    cy = (np.cos(alpha) - np.cos(beta) * np.cos(gamma)) / np.sin(gamma)
    cz = np.sqrt(max(1 - cx**2 - cy**2, 0.05))
    box = np.array([[a, 0, 0], [b * np.cos(gamma), b * np.sin(gamma), 0], [c * cx, c * cy, c * cz]])
    return box


def images(box: NDArray[np.float64], reach: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    cells = np.array(list(product(range(-reach, reach + 1), repeat=3)))
    return cells, cells @ box


def brute_pairs(x, y, box, cutoff, reach=4):  # type: ignore[no-untyped-def]
    """Every (i, j, shift) with a distance below the cutoff."""
    cells, moves = images(box, reach)
    vectors = y[None, :, None] + moves[None, None] - x[:, None, None]
    near = np.linalg.norm(vectors, axis=-1) < cutoff
    return {(int(i), int(j), *map(int, cells[k])) for i, j, k in np.argwhere(near)}


def found_pairs(found, both_ways):  # type: ignore[no-untyped-def]
    ends = np.stack([found.first, found.second], axis=1)
    rows = [tuple(map(int, row)) for row in np.concatenate([ends, found.shifts], axis=1)]
    assert len(set(rows)) == len(rows)
    if not both_ways:
        return set(rows)
    turned = {(j, i, -a, -b, -c) for i, j, a, b, c in rows}
    assert not turned & set(rows)
    return turned | set(rows)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_minimum_image_is_the_shortest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = narrow_box(rng) if seed % 4 else rng.normal(size=(3, 3)) + 0.5 * np.eye(3)
    if perpendicular_widths(box).min() < 0.2:
        return
    lattice = reduced_lattice(box)
    vectors = rng.uniform(-0.5, 0.5, (200, 3)) @ lattice
    _, moves = images(lattice, 3)  # enough for what lies within the cell of the reduced lattice
    expected = np.linalg.norm(vectors[:, None] + moves, axis=-1).min(axis=1)
    far = vectors + rng.integers(-5, 6, (200, 3)) @ box
    shortest = minimum_image(far, box)
    np.testing.assert_allclose(np.linalg.norm(shortest, axis=-1), expected, atol=1e-9)
    whole = (shortest - far) @ np.linalg.inv(box)
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-8)


def test_rounding_fractions_is_not_enough() -> None:
    box = np.array([[3.0, 0, 0], [1.45, 2.4, 0], [-1.45, 1.19, 2.4]])
    vectors = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 3)) @ box
    rounded = vectors - np.rint(vectors @ np.linalg.inv(box)) @ box
    shortest = np.linalg.norm(minimum_image(vectors, box), axis=1)
    assert (shortest < np.linalg.norm(rounded, axis=1) - 1e-6).any()


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_reduced_lattice_is_the_same_lattice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = narrow_box(rng)
    skewed = (np.tril(rng.integers(-3, 4, (3, 3)), -1) + np.eye(3)) @ box
    reduced = reduced_lattice(skewed)
    change = reduced @ np.linalg.inv(box)
    np.testing.assert_allclose(change, np.rint(change), atol=1e-8)
    assert np.linalg.norm(reduced, axis=1).max() <= np.linalg.norm(box, axis=1).max() + 1e-9
    np.testing.assert_allclose(box_volume(reduced), box_volume(box))


def test_geometry_of_a_box() -> None:
    np.testing.assert_allclose(perpendicular_widths([3.0, 4.0, 5.0]), [3, 4, 5])
    widths = perpendicular_widths(PUBLISHED)
    np.testing.assert_allclose(box_volume(PUBLISHED), 9.90668 * 2.79787 * 2.45952)
    np.testing.assert_allclose(widths[1:], [2.79787, 2.45952])


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_wrap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = narrow_box(rng)
    x = rng.normal(scale=10, size=(50, 3))
    inside = wrap(x, box)
    fractions = inside @ np.linalg.inv(box)
    assert (fractions > -1e-9).all()
    assert (fractions < 1 + 1e-9).all()
    np.testing.assert_allclose(minimum_image(inside - x, box), 0, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_neighbours_in_triclinic_boxes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = narrow_box(rng)
    x = rng.uniform(-1.5, 2.5, (12, 3)) @ box
    cutoff = float(rng.uniform(0.4, 3.0))
    found = neighbour_pairs(x, box, cutoff)
    expected = brute_pairs(x, x, box, cutoff, reach=7)
    expected -= {(i, i, 0, 0, 0) for i in range(len(x))}
    assert found_pairs(found, both_ways=True) == expected
    np.testing.assert_allclose(found.vectors, x[found.second] + found.shifts @ box - x[found.first])
    np.testing.assert_allclose(found.distances, np.linalg.norm(found.vectors, axis=1))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.booleans())
def test_neighbours_in_orthorhombic_boxes(seed: int, wide: bool) -> None:
    rng = np.random.default_rng(seed)
    box = np.diag(rng.uniform(2.4, 5.0, 3))
    x = rng.uniform(-1.5, 2.5, (25, 3)) @ box
    cutoff = float(rng.uniform(1.2, 3.0) if wide else rng.uniform(0.3, 1.1))
    expected = brute_pairs(x, x, box, cutoff, reach=6) - {(i, i, 0, 0, 0) for i in range(len(x))}
    assert found_pairs(neighbour_pairs(x, box, cutoff), both_ways=True) == expected


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.booleans())
def test_neighbours_between_two_sets(seed: int, skewed: bool) -> None:
    rng = np.random.default_rng(seed)
    box = narrow_box(rng) if skewed else np.diag(rng.uniform(2.4, 5.0, 3))
    x, y = (rng.uniform(-1, 2, (n, 3)) @ box for n in (7, 11))
    cutoff = float(rng.uniform(0.4, 2.0))
    found = neighbour_pairs(x, box, cutoff, y)
    assert found_pairs(found, both_ways=False) == brute_pairs(x, y, box, cutoff, reach=6)
    np.testing.assert_allclose(found.vectors, y[found.second] + found.shifts @ box - x[found.first])


def test_neighbours_without_a_box() -> None:
    x = np.random.default_rng(1).normal(size=(40, 3))
    found = neighbour_pairs(x, None, 0.9)
    distances = np.linalg.norm(x[:, None] - x, axis=-1)
    assert len(found.first) == ((distances < 0.9).sum() - 40) // 2
    assert not found.shifts.any()
    between = neighbour_pairs(x[:10], None, 0.9, x[10:])
    assert len(between.first) == (distances[:10, 10:] < 0.9).sum()
    assert len(neighbour_pairs(np.zeros((0, 3)), None, 1.0).first) == 0


@pytest.mark.parametrize(
    ("box", "cutoff", "words"),
    [
        (np.eye(3), 0.0, "cutoff"),
        (np.eye(3), float("nan"), "cutoff"),
        (np.zeros((3, 3)), 1.0, "no volume"),
        (np.eye(2), 1.0, "3 x 3"),
    ],
)
def test_impossible_neighbours(box: NDArray[np.float64], cutoff: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        neighbour_pairs(np.zeros((2, 3)), box, cutoff)


def test_positions_that_are_not_numbers() -> None:
    with pytest.raises(InputError, match="particle 2"):
        neighbour_pairs([[0, 0, 0], [np.nan, 0, 0]], None, 1.0)


def branched(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A random tree whose atoms are numbered in no order of the bonds, with one ring closure."""
    names = rng.permutation(n)
    bonds = [(int(rng.integers(0, k)), k) for k in range(1, n)]
    return names[np.array([*bonds, (0, n - 1)])]


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_broken_molecules_become_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = narrow_box(rng)
    n, n_molecules = 15, 4
    bonds = branched(n, rng)[:-1]
    steps = rng.uniform(-0.1, 0.1, (n_molecules, n, 3))
    whole = steps + rng.normal(scale=3, size=(n_molecules, 1, 3))
    broken = whole + rng.integers(-2, 3, whole.shape) @ box
    made = MoleculeMaker(bonds, n)(broken, box).reshape(whole.shape)
    np.testing.assert_allclose(made - made[:, :1], whole - whole[:, :1], atol=1e-9)
    np.testing.assert_allclose(made[:, 0], broken[:, 0], atol=1e-12)
    again = MoleculeMaker(bonds, n)(made, box)
    np.testing.assert_allclose(again, made.reshape(-1, 3), atol=1e-12)


def test_parts_of_a_template() -> None:
    box = np.diag([3.0, 3.0, 3.0])
    x = np.array([[0.1, 0, 0], [2.9, 0, 0], [2.8, 1, 0], [5.7, 1, 0]])
    bonds = [[0, 1], [2, 3]]
    alone = MoleculeMaker(bonds, 4)(x, box)
    np.testing.assert_allclose(alone[:, 0], [0.1, -0.1, 2.8, 2.7])
    np.testing.assert_array_equal(MoleculeMaker(bonds, 4)(x, None), x)


def test_molecules_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="whole number of molecules"):
        MoleculeMaker([[0, 1]], 2)(np.zeros((3, 3)), np.eye(3))
    with pytest.raises(InputError, match="particle 6"):
        MoleculeMaker([[0, 5]], 2)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_molecules_near_their_beads(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = narrow_box(rng)
    beads = rng.normal(scale=4, size=(5, 3, 3))
    atoms = beads.mean(axis=1, keepdims=True) + rng.uniform(-0.3, 0.3, (5, 8, 3))
    moved = atoms + (rng.integers(-3, 4, (5, 1, 3)) @ box)
    np.testing.assert_allclose(nearest_image_of(moved, beads, box), atoms, atol=1e-9)
    assert nearest_image_of(moved, beads, None) is moved


@pytest.mark.parametrize("state", ["568K", "453K", "313K"])
def test_published_melts_become_whole(shared_data: Path, state: str) -> None:
    folder = shared_data / "sps"
    bonds = MolecularGraph.from_itp([folder / "topol_PS1.itp", folder / "topol.top"]).bonds
    maker = MoleculeMaker(bonds, 162)
    for frame in read_frames(folder / state / "aa.xtc", step=10):
        whole = maker(frame.positions, frame.box)
        x = whole.reshape(36, 162, 3)
        assert np.linalg.norm(x[:, bonds[:, 0]] - x[:, bonds[:, 1]], axis=-1).max() < 0.17
        np.testing.assert_allclose(minimum_image(whole - frame.positions, frame.box), 0, atol=1e-5)


def test_neighbours_of_a_published_frame(shared_data: Path) -> None:
    frame = next(read_frames(shared_data / "sps" / "568K" / "aa.xtc"))
    box, few = np.asarray(frame.box), frame.positions[::150]
    found = neighbour_pairs(few, box, 1.2, frame.positions)
    _, moves = images(box, 2)
    tree = cKDTree((frame.positions[:, None] + moves).reshape(-1, 3))
    near = tree.query_ball_point(few, 1.2, return_length=True)
    np.testing.assert_array_equal(np.bincount(found.first, minlength=len(few)), near)
    everything = neighbour_pairs(frame.positions, box, 1.2)
    ends = np.concatenate([everything.first, everything.second])
    np.testing.assert_array_equal(np.bincount(ends)[::150], near - 1)
