"""Voxels: densities by products of profiles, and both read-outs with their bias up to the walls."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.representations.voxels import Grid

GRID = Grid(cells=8, edge=1.2, width=0.1)


def test_densities_equal_the_sum_over_voxels() -> None:
    generator = torch.Generator().manual_seed(1)
    positions = torch.randn(3, 17, 3, generator=generator, dtype=torch.float64) * 0.4
    features = torch.rand(3, 17, 5, generator=generator, dtype=torch.float64)
    centres = GRID.centres(positions)
    cells = torch.stack(torch.meshgrid(centres, centres, centres, indexing="ij"), -1)
    squared = (positions[:, :, None, None, None] - cells).square().sum(-1)
    expected = torch.einsum("bnc,bnxyz->bcxyz", features, torch.exp(-squared / (2 * GRID.width**2)))
    assert torch.allclose(GRID.densities(positions, features), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("distance", "bias"), [(0.0, 2e-4), (0.2, 2e-4), (0.3, 3e-4), (0.35, 1e-3), (0.4, 0.0045), (0.5, 0.03)]
)
def test_bias_of_the_read_out_up_to_the_walls(distance: float, bias: float) -> None:
    position = torch.tensor([[distance, 0.02, -0.03]], dtype=torch.float64)
    read = GRID.coordinate(GRID.density(position))
    assert torch.linalg.vector_norm(read - position) < bias
    if distance >= 0.35:
        assert position[0, 0] - read[0, 0] > 0, "it bends inwards"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=3))
def test_density_and_coordinate_undo_each_other(point: list[float]) -> None:
    position = torch.tensor(point, dtype=torch.float64)
    density = GRID.density(position)
    assert density.shape == (8, 8, 8)
    assert density.sum() == pytest.approx(1)
    assert torch.linalg.vector_norm(GRID.coordinate(density) - position) < 4e-4


def test_read_outs_are_differentiable() -> None:
    position = torch.tensor([[0.1, -0.2, 0.15]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(GRID.density, (position,))
    density = GRID.density(position.detach()).requires_grad_()
    assert torch.autograd.gradcheck(GRID.coordinate, (density,))


def test_a_particle_far_outside_leaves_numbers() -> None:
    density = GRID.density(torch.tensor([[5.0, 0.0, 0.0]]))
    assert torch.isfinite(density).all()
    assert torch.isfinite(GRID.coordinate(density)).all()


def test_particles_apart_are_densities_of_their_own() -> None:
    positions = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 0.4
    expected = GRID.densities(positions, torch.eye(5, dtype=torch.float64).expand(2, 5, 5))
    assert torch.allclose(GRID.separate(positions), expected, atol=1e-12)
