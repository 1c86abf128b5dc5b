"""Conditional flow matching: straight paths from the prior to the data, their loss, their integrators.

Lipman, Chen, Ben-Hamu, Nickel, Le, ICLR 2023 (arXiv:2210.02747): with x_t = (1 - t) x_0 + t x_1 the velocity
field that is the mean of x_1 - x_0 given x_t carries the prior to the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.equivariant.config import EquivariantConfig

UNIT = 0.1
"""nm; of velocities in the loss."""

Velocity = Callable[[Tensor, float], Tensor]
"""Velocities ``(n, 3)`` at positions ``(n, 3)`` and a time."""


def draw_times(rng: np.random.Generator, n: int, config: EquivariantConfig) -> NDArray[np.float64]:
    """``(n,)`` times of training; spread evenly over the batch, which lowers the noise of its loss."""
    u = (rng.permutation(n) + rng.random(n)) / n
    return 1.0 - u**config.lateness


def flow_loss(found: Tensor, x0: Tensor, x1: Tensor, t: Tensor, config: EquivariantConfig) -> Tensor:
    """``(n,)`` squared errors of atoms, in units of 0.01 nm^2.

    Args:
        found: ``(n, 3)`` velocities at x_t, nm per unit of time.
        x0, x1: ``(n, 3)`` nm, both ends of the paths.
        t: ``(n,)``.
    """
    error = ((found - (x1 - x0)) / UNIT).square().sum(-1)
    if config.loss == "velocity":
        return error
    # (1 - t)^2 times the velocity's error is the endpoint's, whose weight is 1 / (1 - t)^2 up to the clamp
    return error * ((1 - t).square() * config.clamp).clamp(max=1.0)


def time_grid(config: EquivariantConfig) -> list[float]:
    """``steps + 1`` times from 0 to 1."""
    n = config.steps
    return [1.0 - (1.0 - k / n) ** config.spacing for k in range(n)] + [1.0]


def advance(velocity: Velocity, x: Tensor, t: float, after: float, config: EquivariantConfig) -> Tensor:
    """Positions one step later.

    ``heun``: the trapezoidal rule. ``exponential``: of second order in the endpoint x + (1 - t) v, taken
    linear in time over the step, which integrates the stiff part dx/dt = -x / (1 - t) exactly. A step
    that ends at time 1 is an Euler step where velocities have no limit there.
    """
    step, v = after - t, velocity(x, t)
    ahead = x + step * v
    last = after == 1.0 and (config.predict == "endpoint" or config.integrator == "exponential")
    if config.integrator == "euler" or last:
        return ahead
    if config.integrator == "heun":
        return x + 0.5 * step * (v + velocity(ahead, after))
    end, other = x + (1 - t) * v, ahead + (1 - after) * velocity(ahead, after)
    share = 1 - (1 - after) / step * math.log((1 - t) / (1 - after))
    return ahead + share * (other - end)


def integrate(velocity: Velocity, x: Tensor, config: EquivariantConfig) -> Iterator[Tensor]:
    """Positions after every step, the last at time 1."""
    for t, after in pairwise(time_grid(config)):
        x = advance(velocity, x, t, after, config)
        yield x


def interpolate(x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    """x_t; ``t`` is ``(n, 1)``."""
    return torch.lerp(x0, x1, t)
