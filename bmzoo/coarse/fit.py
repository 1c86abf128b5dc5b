"""Force matching: the network learns what the priors leave of the mapped forces.

The mean-square difference to instantaneous forces is least for the gradient of the potential of mean force
(Noid et al., J. Chem. Phys. 128, 244114, 2008); its value there is the noise of the mapped forces, not zero.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.coarse.force_data import load_force_data
from bmzoo.coarse.force_field import CoarseForceField, NetworkSize, forces_of, temperature_of
from bmzoo.errors import InputError
from bmzoo.frames.datasets import split_runs
from bmzoo.systems.system import System

CHECKS = 20
"""How often held-out runs are looked at; the best network of them is kept."""


@dataclass(frozen=True)
class FitSettings:
    """How the network is trained.

    Attributes:
        steps, batch: of Adam, frames each.
        learning_rate: at the start; it falls to nothing as a cosine.
        weight_decay: of AdamW.
        held_out: share of the runs that only judges.
        seed: of weights, splits and batches.
    """

    steps: int = 2400
    batch: int = 128
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    held_out: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class FitReport:
    """Mean-square force differences on held-out runs, (kJ/mol/nm)^2 a component.

    Attributes:
        zero: of no force at all, i.e. the mean-square mapped force.
        priors: of the priors alone.
        network: of priors and network.
        neighbours: of priors and the mean left-over force of the nearest training frames; an
            estimate of the mean force without a network, so of the noise floor from above.
        best_step: of the network that was kept.
        minutes: of training, wall clock.
    """

    zero: float
    priors: float
    network: float
    neighbours: float
    best_step: int
    minutes: float


def fit_force_field(
    system: System,
    size: NetworkSize,
    settings: FitSettings,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[CoarseForceField, FitReport]:
    """Fits priors and network to the training split of a system.

    Raises:
        InputError: a system without reference frames or force field, settings out of bounds.
    """
    if settings.steps < 1 or settings.batch < 1:
        raise InputError("training takes at least one step of at least one frame")
    data = load_force_data(system)
    began = time.monotonic()
    rng = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    model = CoarseForceField(system, size)
    fitted, held = split_runs(data.runs, settings.held_out, rng)
    model.priors.fit(data.positions[fitted], temperature_of(system))
    positions = torch.as_tensor(data.positions)
    left = torch.as_tensor(data.forces) - prior_forces(model, positions)
    zero, priors = (float(f[held].square().mean()) for f in (torch.as_tensor(data.forces), left))
    report(f"mean-square force {zero:.0f}, left by the priors {priors:.0f} (kJ/mol/nm)^2")
    best_step, best = _train(model, positions, left, fitted, held, settings, rng, report)
    near = neighbour_loss(model, positions, left, fitted, held)
    report(f"left by the mean of near frames {near:.0f}")
    minutes = (time.monotonic() - began) / 60
    return model.requires_grad_(False), FitReport(zero, priors, best, near, best_step, minutes)


def prior_forces(model: CoarseForceField, positions: Tensor, batch: int = 4096) -> Tensor:
    """``(n_frames, n_beads, 3)`` kJ/mol/nm."""
    return torch.cat([forces_of(model.priors, part) for part in torch.split(positions, batch)])


def _train(
    model: CoarseForceField,
    positions: Tensor,
    left: Tensor,
    fitted: NDArray[np.int64],
    held: NDArray[np.int64],
    settings: FitSettings,
    rng: np.random.Generator,
    report: Callable[[str], None],
) -> tuple[int, float]:
    """Trains ``model.delta``; leaves the weights of the best check in it, returns its step and loss."""
    optimiser = torch.optim.AdamW(
        model.delta.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda n: 0.5 * (1 + math.cos(math.pi * n / settings.steps))
    )
    unit = float(left[fitted].square().mean())
    best_step, best, kept = 0, held_out_loss(model, positions[held], left[held]), copy.deepcopy(model.delta)
    every = max(1, settings.steps // CHECKS)
    for step in range(1, settings.steps + 1):
        chosen = rng.choice(fitted, settings.batch)
        difference = forces_of(model.left, positions[chosen], create_graph=True) - left[chosen]
        loss = difference.square().mean() / unit
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.delta.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % every == 0 or step == settings.steps:
            current = held_out_loss(model, positions[held], left[held])
            report(f"step {step}: held-out {current:.1f} (kJ/mol/nm)^2")
            if current < best:
                best_step, best, kept = step, current, copy.deepcopy(model.delta)
    model.delta.load_state_dict(kept.state_dict())
    return best_step, best


def held_out_loss(model: CoarseForceField, positions: Tensor, left: Tensor, batch: int = 4096) -> float:
    """Mean-square difference of the network's forces to what the priors left, (kJ/mol/nm)^2."""
    total = 0.0
    for x, f in zip(torch.split(positions, batch), torch.split(left, batch), strict=True):
        total += float((forces_of(model.left, x) - f).square().sum())
    return total / left.numel()


def neighbour_loss(
    model: CoarseForceField,
    positions: Tensor,
    left: Tensor,
    fitted: NDArray[np.int64],
    held: NDArray[np.int64],
    *,
    neighbours: int = 64,
    queries: int = 500,
) -> float:
    """Mean-square difference of left-over forces to their mean over the nearest training frames.

    Frames are near in the distances of their beads (nm) and the sines and cosines of their torsions, a
    tenth each; they are superposed, and their forces turned along.
    """
    from bmzoo.frames.superpose import superpose

    chosen = held[:: max(1, len(held) // queries)]
    with torch.no_grad():
        features = _features(model, positions)
        gaps = torch.cdist(features[chosen], features[fitted])
        near = fitted[gaps.topk(min(neighbours, len(fitted)), largest=False).indices.numpy()]
    fit = superpose(positions[near].numpy(), positions[chosen, None].numpy())
    mean = (left[near].numpy() @ fit.rotation).mean(axis=1)
    return float(np.square(mean - left[chosen].numpy()).mean())


def _features(model: CoarseForceField, positions: Tensor) -> Tensor:
    i, j = np.triu_indices(model.n_beads, 1)
    distances = (positions[:, i] - positions[:, j]).norm(dim=-1)
    torsions = model.priors.measure(positions)["torsions"]
    return torch.cat([distances, 0.1 * torch.sin(torsions), 0.1 * torch.cos(torsions)], dim=-1)
