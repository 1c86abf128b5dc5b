"""Local frames: rotations, equivariant, and well defined where points lie on a line or are missing."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from bmzoo.representations.local_frames import local_frames


def _is_rotation(axes: torch.Tensor) -> bool:
    eye = torch.eye(3, dtype=axes.dtype).expand_as(axes)
    proper = torch.allclose(torch.linalg.det(axes), torch.ones(axes.shape[:-2], dtype=axes.dtype), atol=1e-6)
    return proper and torch.allclose(axes @ axes.transpose(-1, -2), eye, atol=1e-6)


def test_axes_point_where_they_should() -> None:
    origin = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    points = origin + torch.tensor([[0.0, 0.3, 0.0], [0.2, 0.5, 0.0]], dtype=torch.float64)
    x, y, z = local_frames(origin, points)
    assert torch.allclose(z, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64))
    assert torch.allclose(x, torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))
    assert torch.allclose(y, torch.linalg.cross(z, x))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_frames_turn_with_their_points(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(7, 3, 3, generator=generator, dtype=torch.float64)
    origin = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    turn = torch.as_tensor(Rotation.random(random_state=seed).as_matrix())
    axes = local_frames(origin, points)
    assert _is_rotation(axes)
    turned = local_frames(origin @ turn.T + 1.0, points @ turn.T + 1.0)
    assert torch.allclose(turned, axes @ turn.T, atol=1e-9)


def test_points_on_a_line_at_the_origin_or_missing() -> None:
    zero = torch.zeros(3)
    line = torch.tensor([[0.0, 0.0, 0.4], [0.0, 0.0, -0.3]])
    for points in (line, torch.zeros(2, 3), torch.zeros(0, 3), line[:1]):
        assert _is_rotation(local_frames(zero, points))
    later = torch.cat([line, torch.tensor([[0.1, 0.0, 0.1]])])
    assert torch.allclose(local_frames(zero, later)[0], torch.tensor([1.0, 0.0, 0.0]), atol=1e-6)
    hidden = local_frames(zero, later, torch.tensor([True, True, False]))
    assert _is_rotation(hidden)
