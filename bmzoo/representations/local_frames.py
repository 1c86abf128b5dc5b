"""Local frames: where a placement looks from, well defined whatever the neighbours do."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

NEAR = 0.02
"""nm; a point nearer than this to the origin, or to the first axis, defines no axis."""


def local_frames(origin: Tensor, points: Tensor, present: Tensor | None = None) -> Tensor:
    """Right-handed axes from the first points that define them.

    The z axis goes from the origin to the first point that is not there itself; the x axis towards
    the first of the others that is off the z axis. Where no such point exists (a molecule of one
    bead, points on a line, a chain end without neighbours) an axis of the laboratory takes its place.

    Args:
        origin: ``(..., 3)`` nm.
        points: ``(..., n, 3)`` nm, in the order in which they are tried.
        present: ``(..., n)`` bool, points that count; all by default.

    Returns:
        ``(..., 3, 3)`` rotations whose rows are x, y and z: ``axes @ (r - origin)`` is local.
    """
    vectors = points - origin.unsqueeze(-2)
    if present is not None:
        vectors = vectors * present.unsqueeze(-1)
    laboratory = torch.eye(3, dtype=points.dtype, device=points.device).expand(*vectors.shape[:-2], 3, 3)
    candidates = torch.cat([vectors, laboratory.flip(-2)], dim=-2)
    z = normalize(_first(candidates, candidates), dim=-1)
    across = candidates - (candidates * z.unsqueeze(-2)).sum(-1, keepdim=True) * z.unsqueeze(-2)
    x = normalize(_first(across, across), dim=-1)
    return torch.stack([x, torch.linalg.cross(z, x), z], dim=-2)


def _first(vectors: Tensor, measured: Tensor) -> Tensor:
    """The first of ``(..., n, 3)`` vectors that is long enough."""
    long = measured.square().sum(-1) > NEAR**2
    index = long.to(torch.int8).argmax(-1)[..., None, None].expand(*vectors.shape[:-2], 1, 3)
    return vectors.gather(-2, index).squeeze(-2)
