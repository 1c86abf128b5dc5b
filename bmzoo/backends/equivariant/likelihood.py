"""How probable the flow's own draws are, and their weights in the Boltzmann distribution given the beads."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.field import FlowField
from bmzoo.backends.equivariant.flow import Velocity, advance, time_grid
from bmzoo.backends.equivariant.graph import isolated_part
from bmzoo.backends.equivariant.prior import Prior
from bmzoo.errors import InputError
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.topology import Topology
from bmzoo.representations.energies import Energies

Floats = NDArray[np.float64]


class Draws(NamedTuple):
    """Atoms with the density of the sampler that drew them.

    Attributes:
        atoms: ``(n, n_atoms, 3)`` nm.
        log_density: ``(n,)`` by the volume of the surface M r = R, nm^-(3 (n_atoms - n_beads)).
    """

    atoms: Floats
    log_density: Floats


class FlowDensity:
    """Density of the draws of an integrator, exact for the very steps that it takes.

    The measure is the Euclidean volume of the affine surface of all atoms with the given beads:
    coordinates y with r = r_0 + F y, where the columns of F are an orthonormal basis of the
    displacements that leave every bead in place, for each Cartesian component; 3 (n_atoms - n_beads)
    dimensions. The prior has a density there, and a step of the integrator changes it by the
    determinant of its Jacobian in y, found row by row with automatic differentiation. Nothing is lost to
    discretisation, as it would be by integrating the divergence, as long as steps are so short that
    they are one to one. It costs 3 (n_atoms - n_beads) backward passes a step: for small molecules.
    """

    def __init__(self, prior: Prior, matrix: Floats, config: EquivariantConfig) -> None:
        self.prior, self.config = prior, config
        _, _, rows = np.linalg.svd(matrix, full_matrices=True)
        self._basis = rows[len(matrix) :].T
        self._precision = prior.precision.toarray()

    def draw(self, beads: Floats, noise: Floats, velocity: Velocity) -> Draws:
        """Carries draws of the prior along the flow.

        Args:
            beads: ``(n, n_beads, 3)`` nm, a molecule each.
            noise: ``(n, prior.n_random, 3)`` normal numbers.
            velocity: of ``(n * n_atoms, 3)`` positions in double precision; molecules must not feel one
                another, and what they feel must not jump.
        """
        start, mean = self.prior(beads, noise), self.prior.mean(beads)
        log_density = self._log_prior(start - mean)
        x = torch.from_numpy(start)
        for t, after in pairwise(time_grid(self.config)):

            def step(x: Tensor, t: float = t, after: float = after) -> Tensor:
                return advance(velocity, x.flatten(0, 1), t, after, self.config).view_as(x)

            x, jacobian = self._with_jacobian(step, x)
            log_density -= torch.linalg.slogdet(jacobian).logabsdet.numpy()
        return Draws(x.numpy(), log_density)

    def _log_prior(self, away: Floats) -> Floats:
        inner = self._basis.T @ self._precision @ self._basis
        constant = np.linalg.slogdet(inner)[1] - len(inner) * math.log(2 * math.pi)
        return 1.5 * constant - 0.5 * np.einsum("max,ab,mbx->m", away, self._precision, away)

    def _with_jacobian(self, step: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        """Positions after the step, and ``(n, d, d)`` their derivatives in the surface's coordinates."""
        basis = torch.from_numpy(self._basis)
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            after = step(x)
            inner = torch.einsum("ak,nax->nkx", basis, after).flatten(1).sum(0)
            rows = [torch.autograd.grad(y, x, retain_graph=True)[0] for y in inner]
        jacobian = torch.einsum("dnax,ak->ndkx", torch.stack(rows), basis).flatten(2)
        return after.detach(), jacobian


def draw_with_density(field: FlowField, prior: Prior, beads: Floats, noise: Floats) -> Draws:
    """Draws of a network for isolated molecules, with their density.

    Args:
        field: of a network in double precision, on the CPU.
        beads: ``(n, n_beads, 3)`` nm, a molecule each.
        noise: ``(n, prior.n_random, 3)`` normal numbers.

    Raises:
        InputError: settings with which the draws have no density that is known: bonds held at the end,
            the frame before, or fewer neighbours than there are atoms, so that velocities jump.
    """
    config, tables = field.config, field.tables
    if config.hold_bonds or config.temporal:
        raise InputError("the density of draws is known without hold_bonds and temporal only; turn both off")
    if config.neighbours < tables.n_atoms - 1:
        raise InputError(
            "the density of draws needs every atom to hear all others: set neighbours to "
            f"{tables.n_atoms - 1} at least"
        )
    part = isolated_part(tables, config, beads[:, None])

    def velocity(x: Tensor, t: float) -> Tensor:
        return field(field.graph([part], x), x, t)

    return FlowDensity(prior, tables.topology.mapping.matrix.toarray(), config).draw(beads, noise, velocity)


def log_weights(topology: Topology, draws: Draws) -> Floats:
    """``(n,)`` logarithms of importance weights to the Boltzmann distribution given the beads.

    They sum to one over the draws of the same beads; so give draws of one frame. The
    distribution is that of the force field with all bonds free to vibrate: constraints are not seen.

    Raises:
        InputError: no force field, no temperature, or a force field with a cutoff.
    """
    field, temperature = topology.force_field, topology.temperature
    if field is None or temperature is None or field.cutoff is not None:
        raise InputError(
            f"Boltzmann weights need a force field without cutoff and a temperature; {topology.graph.name} "
            "lacks one of them"
        )
    energies = Energies(field).double()(torch.from_numpy(draws.atoms)).numpy()
    return normalised(-energies / (GAS_CONSTANT * temperature) - draws.log_density)


def normalised(logs: Floats) -> Floats:
    """Logarithms of weights that sum to one."""
    shifted = logs - logs.max()
    return shifted - math.log(np.exp(shifted).sum())


def effective_sample_size(logs: Floats) -> float:
    """Kish's share of the draws that count, 1/n to 1: (sum w)^2 / (n sum w^2)."""
    weights = np.exp(normalised(logs))
    return float(1.0 / (len(weights) * np.square(weights).sum()))
