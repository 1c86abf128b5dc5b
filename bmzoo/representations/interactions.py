"""Energy functions of internal coordinates and distances, differentiable and finite everywhere.

Every function works on tensors of any leading shape and in the precision that it is given.
Nothing is softened where physics happens: the guards below act on atoms closer than
``CLOSEST`` nm, on straight angles and on undefined dihedrals only.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

COULOMB = 138.935456
"""kJ nm / mol / e^2: OpenMM's ``ONE_4PI_EPS0``."""

CLOSEST = 0.05
"""nm; nearer than this, Lennard-Jones and Coulomb go on along their tangent instead of diverging."""

_TINY = 1e-24


def lengths(vectors: Tensor) -> Tensor:
    """``(...)`` norms of ``(..., 3)`` vectors, with gradient zero (not NaN) at zero length."""
    return (vectors.square().sum(-1) + _TINY).sqrt()


def angles(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """``(...)`` radian, the angle at ``b``; positions are ``(..., 3)``."""
    left, right = a - b, c - b
    sine = lengths(torch.linalg.cross(left, right))
    return torch.atan2(sine, (left * right).sum(-1))


def dihedrals(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """``(...)`` radian in (-pi, pi], IUPAC: trans is pi; zero where three atoms lie on a line."""
    first, axis, last = b - a, c - b, d - c
    before, after = torch.linalg.cross(first, axis), torch.linalg.cross(axis, last)
    sine = lengths(axis) * (first * after).sum(-1)
    cosine = (before * after).sum(-1)
    undefined = (sine == 0) & (cosine == 0)
    return torch.atan2(sine, torch.where(undefined, torch.ones_like(cosine), cosine))


def wrap(difference: Tensor) -> Tensor:
    """Into [-pi, pi]."""
    return difference - 2 * math.pi * torch.round(difference.detach() / (2 * math.pi))


def harmonic(value: Tensor, centre: Tensor, k: Tensor) -> Tensor:
    """``k/2 (value - centre)^2``."""
    return 0.5 * k * (value - centre).square()


def periodic(phi: Tensor, n: Tensor, phase: Tensor, k: Tensor) -> Tensor:
    """``k (1 + cos(n phi - phase))``."""
    return k * (1 + torch.cos(n * phi - phase))


def lennard_jones(r: Tensor, sigma: Tensor, epsilon: Tensor) -> Tensor:
    """``4 epsilon ((sigma/r)^12 - (sigma/r)^6)``, along its tangent below ``CLOSEST``."""
    near = r.clamp(min=CLOSEST)
    sixth = (sigma / near).square() ** 3
    energy = 4 * epsilon * sixth * (sixth - 1)
    if bool((r < CLOSEST).any()):
        slope = 24 * epsilon * sixth * (1 - 2 * sixth) / near
        energy = energy + slope.detach() * (r - near)
    return energy


def coulomb(r: Tensor, charge_product: Tensor, krf: float = 0.0, crf: float = 0.0) -> Tensor:
    """``qq/(4 pi eps0) (1/r + krf r^2 - crf)``, along its tangent below ``CLOSEST``."""
    near = r.clamp(min=CLOSEST)
    energy = COULOMB * charge_product * (1 / near + krf * near.square() - crf)
    if bool((r < CLOSEST).any()):
        slope = COULOMB * charge_product * (2 * krf * near - near.square().reciprocal())
        energy = energy + slope.detach() * (r - near)
    return energy


def reaction_field(cutoff: float, dielectric: float) -> tuple[float, float]:
    """``krf``, ``crf`` of OpenMM's user guide (Tironi et al., J. Chem. Phys. 102, 5451, 1995)."""
    share = 1 / (2 * dielectric + 1)
    return (dielectric - 1) * share / cutoff**3, 3 * dielectric * share / cutoff


def born_radii(distances: Tensor, radii: Tensor, scales: Tensor) -> Tensor:
    """OBC2 effective Born radii (Onufriev, Bashford, Case, Proteins 55, 383, 2004).

    Args:
        distances: ``(..., n, n)`` nm; the diagonal is not read.
        radii, scales: ``(n,)`` as in OpenMM's GBSAOBCForce.

    Returns:
        ``(..., n)`` nm.
    """
    offset = radii - 0.009
    own = offset[:, None]
    scaled = (scales * offset)[None, :]
    diagonal = torch.eye(len(radii), dtype=torch.bool, device=radii.device)
    r = distances.masked_fill(diagonal, 1.0).clamp(min=1e-3)
    upper = r + scaled
    lower = torch.maximum(own.expand_as(r), (r - scaled).abs())
    per_lower, per_upper = lower.reciprocal(), upper.reciprocal()
    integral = (
        per_lower
        - per_upper
        + 0.25 * (r - scaled.square() / r) * (per_upper.square() - per_lower.square())
        + 0.5 * torch.log(lower / upper) / r
    )
    inside = own < scaled - r
    integral = integral + torch.where(inside, 2 * (own.reciprocal() - per_lower), torch.zeros_like(r))
    reached = (own < upper) & ~diagonal
    psi = 0.5 * torch.where(reached, integral, torch.zeros_like(r)).sum(-1) * offset
    correction = torch.tanh(psi * (1.0 - 0.8 * psi + 4.85 * psi.square()))
    return (offset.reciprocal() - correction / radii).reciprocal()


def generalised_born(
    distances: Tensor,
    charges: Tensor,
    radii: Tensor,
    scales: Tensor,
    *,
    solute_dielectric: float,
    solvent_dielectric: float,
    surface_area_energy: float,
) -> Tensor:
    """GBSA-OBC2 with its surface term, as OpenMM's GBSAOBCForce without cutoff.

    Args:
        distances: ``(..., n, n)`` nm, zero on the diagonal.
        charges, radii, scales: ``(n,)``.

    Returns:
        ``(...)`` kJ/mol.
    """
    born = born_radii(distances, radii, scales)
    product = born.unsqueeze(-1) * born.unsqueeze(-2)
    squared = distances.square()
    effective = (squared + product * torch.exp(-squared / (4 * product))).sqrt()
    strength = -0.5 * COULOMB * (1 / solute_dielectric - 1 / solvent_dielectric)
    polar = strength * (charges[:, None] * charges[None, :] / effective).sum((-1, -2))
    surface = ((radii + 0.14).square() * (radii / born) ** 6).sum(-1)
    return polar + 4 * math.pi * surface_area_energy * surface
