"""The crystals: their cells, and a tiny crystal from its unit cell to frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bmzoo.errors import InputError
from bmzoo.frames.periodic import neighbour_pairs
from bmzoo.molecules import polystyrene
from bmzoo.simulation import crystals
from bmzoo.simulation.crystal_cells import CELLS, UnitCell, build_crystal, standing_chain
from bmzoo.simulation.crystal_presets import PRESETS, CrystalPreset
from bmzoo.simulation.melt_checks import check_structure, trans_fraction
from bmzoo.simulation.polystyrene_chain import draw_chain
from bmzoo.systems import recipes
from bmzoo.systems.reference import Reference

TOPOLOGY = polystyrene.build_topology(313.0)
ALL = [settings for presets in PRESETS.values() for settings in presets.values()]


@pytest.mark.parametrize("settings", ALL, ids=lambda s: f"{s.phase}-{s.n_chains}")
def test_chains_fill_the_cells(settings: CrystalPreset) -> None:
    positions, box = build_crystal(TOPOLOGY.graph, CELLS[settings.phase](), settings.repeats)
    chains = positions.reshape(-1, TOPOLOGY.n_atoms, 3)
    assert len(chains) == settings.n_chains
    assert trans_fraction(chains, np.array(polystyrene.backbone())) == 1.0
    check_structure(TOPOLOGY, positions[None], box[None])
    near = neighbour_pairs(positions, box, 0.2)
    assert np.all(near.first // TOPOLOGY.n_atoms == near.second // TOPOLOGY.n_atoms)
    density = TOPOLOGY.graph.masses.sum() * settings.n_chains * 1.66053906660 / np.linalg.det(box)
    assert density == pytest.approx(settings.density, rel=0.06)


def test_standing_chain_alternates_its_phenyls() -> None:
    chain, period, left_first = standing_chain(TOPOLOGY.graph)
    assert period == pytest.approx(0.506, abs=0.01)
    ipso = chain[polystyrene.IPSO :: polystyrene.MONOMER][: polystyrene.N_MONOMERS]
    sides = np.sign(ipso[:, 1]) * (1 if left_first else -1)
    np.testing.assert_array_equal(sides, np.tile([1.0, -1.0], 5))
    assert np.all(ipso[:, 0] > 0)
    # rings lie across the chain
    rings = np.array([polystyrene.RING_CARBONS]) + polystyrene.MONOMER * np.arange(9)[:, None]
    assert np.ptp(chain[rings][..., 2], axis=1).max() < 0.01


def images(cell: UnitCell) -> np.ndarray:
    """Complex settings and phases as four numbers, then fractions in the cell."""
    rows = [
        [np.cos(c.setting), np.sin(c.setting), np.cos(2 * np.pi * c.phase), np.sin(2 * np.pi * c.phase)]
        for c in cell.columns
    ]
    return np.hstack([rows, np.array([c.at for c in cell.columns]) % 1.0])


def assert_same_crystal(first: np.ndarray, second: np.ndarray) -> None:
    apart = first[:, None] - second[None]
    apart[..., 4:] -= np.round(apart[..., 4:])
    assert np.abs(apart).max(axis=2).min(axis=1).max() < 1e-6


def test_alpha_has_a_threefold_axis() -> None:
    columns = images(CELLS["alpha"]())
    turned = columns.copy()
    c, s = np.cos(2 * np.pi / 3), np.sin(2 * np.pi / 3)
    turned[:, :2] = columns[:, :2] @ np.array([[c, s], [-s, c]])
    turned[:, 4], turned[:, 5] = -columns[:, 5], columns[:, 4] - columns[:, 5]
    assert_same_crystal(turned, columns)


def test_beta_has_a_screw_axis_along_the_chains() -> None:
    columns = images(CELLS["beta"]())
    turned = columns * [-1, -1, -1, -1, -1, -1] + [0, 0, 0, 0, 0.5, 0]
    assert_same_crystal(turned, columns)


class Killed(Exception):
    pass


def test_tiny_crystal_is_killed_and_goes_on(tmp_path: Path) -> None:
    output = tmp_path / "313K"

    def kill(done: int, what: str) -> None:
        if done == 1:
            raise Killed

    with pytest.raises(Killed):
        recipes.build("sps:313K", "tiny", output, seed=1, progress=kill)
    after: list[str] = []
    recipes.build("sps:313K", "tiny", output, seed=1, progress=lambda done, what: after.append(what))
    assert after == ["", "test: produce, 0.6 of 0.8 ps", "test: produce, 0.8 of 0.8 ps"]
    reference = Reference(output)
    assert (reference.splits, reference.n_frames("test")) == (("test",), 2)
    assert (reference.provenance["system"], reference.provenance["state"]) == ("sps", "313K")
    assert "Flexible" in reference.provenance["integrator"]["barostat"]
    checks = reference.split("test")["checks"]
    assert checks["trans_fraction"] > 0.99
    assert checks["cell_edges_nm"] == pytest.approx([0.87, 2.80, 2.75], rel=0.05)
    assert checks["cell_angles_deg"] == pytest.approx([90.0, 90.0, 90.0], abs=4.0)
    for frame in reference.frames("test"):
        assert frame.box is not None
        check_structure(TOPOLOGY, frame.positions[None].astype(float), np.asarray(frame.box)[None])


def test_a_melted_crystal_is_refused() -> None:
    settings = PRESETS["453K"]["tiny"]
    melted = draw_chain(TOPOLOGY.graph, np.random.default_rng(3), trans_fraction=0.5)
    with pytest.raises(InputError, match="the alpha crystal has melted: only"):
        crystals._describe(settings, np.array([[melted]] * 2), np.array([np.eye(3)] * 2))


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown state of sps '300K'"):
        recipes.build("sps:300K", "tiny", tmp_path / "new")
