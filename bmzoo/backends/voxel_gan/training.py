"""Training of generator and critic: an energy score first, then the critic on unrolled sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bmzoo.backends.voxel_gan.bonds import BondLengths
from bmzoo.backends.voxel_gan.config import VoxelGANConfig
from bmzoo.backends.voxel_gan.data import Batch
from bmzoo.backends.voxel_gan.energy import AtomEnergy
from bmzoo.backends.voxel_gan.losses import distance_score, energy_score, gradient_penalty, softened
from bmzoo.backends.voxel_gan.network import LENGTH, Critic, Generator
from bmzoo.backends.voxel_gan.observation import Observation, Observer, Scene


class Step(NamedTuple):
    """One placement in some of the scenes: ``rows`` are scenes, ``atoms`` theirs, ``position`` where.

    ``scene`` is the one afterwards, ``seen`` what was seen before, where it is needed.
    """

    rows: Tensor
    atoms: Tensor
    position: Tensor
    scene: Scene
    seen: Observation | None


@dataclass(eq=False)
class Training:
    """Losses of one step.

    The first ``supervised`` steps place single atoms in environments from data, by the energy score.
    After them the atoms of a bead are placed one after another, each in an environment that
    holds those before, and the error flows back through the sequence; the score is that of the
    whole sequence, its distances included, and the critic judges every placement.
    """

    observer: Observer
    generator: Generator
    critic: Critic
    energy: AtomEnergy | None
    bonds: BondLengths | None = None

    @property
    def config(self) -> VoxelGANConfig:
        return self.observer.template.config

    def part(self, step: int) -> str:
        """``critic`` for ``critic_steps`` steps out of ``critic_steps + 1`` after the supervised start."""
        later = step - self.config.supervised
        if later < 0 or not self.config.adversarial:
            return "generator"
        return "generator" if later % (self.config.critic_steps + 1) == self.config.critic_steps else "critic"

    def __call__(self, batch: Batch, step: int) -> dict[str, Tensor]:
        device = self.observer.static.device
        scene, atoms = Scene(*(x.to(device) for x in batch.scene)), batch.atoms.to(device)
        if self.part(step) == "critic":
            return self._critic_losses(scene, atoms)
        if step < self.config.supervised:
            return self._single(scene, atoms[:, 0])
        return self._sequence(scene, atoms, step)

    def _single(self, scene: Scene, atoms: Tensor) -> dict[str, Tensor]:
        seen = self._look(scene, atoms)
        target = seen.to_local(self._true(scene, atoms))
        drawn = self.generator(seen, self._noise(len(atoms), self.config.draws))
        if self.bonds is not None:
            drawn = seen.to_local(self.bonds(scene, atoms, seen.to_scene(drawn)))
        score = energy_score(drawn / LENGTH, target / LENGTH).mean()
        there = self.observer.present(seen)
        distances = distance_score(
            _distances(drawn, seen.vectors.unsqueeze(1)), _distances(target, seen.vectors), there
        ).mean()
        total = score + self.config.distance_weight * distances
        return {"total": total, "score": score.detach(), "distances": distances.detach()}

    def _sequence(self, scene: Scene, atoms: Tensor, step: int) -> dict[str, Tensor]:
        config, draws = self.config, self.config.draws
        many = Scene(*(part.repeat_interleave(draws, 0) for part in scene))
        drawn = list(self._drawn(many, atoms.repeat_interleave(draws, 0)))
        true = list(self._recorded(scene, atoms, look=False))
        samples = self._summary(drawn, len(atoms) * draws).reshape(len(atoms), draws, -1)
        score = energy_score(samples, self._summary(true, len(atoms))).mean()
        losses = {"score": score.detach()}
        total = config.score_weight * score
        if config.adversarial:
            judged = self.critic(*_joined(drawn)).mean()
            total = total - judged
            losses["judged"] = judged.detach()
        if config.prior != "none" and self.energy is not None:
            ramp = min(1.0, (step - config.supervised) / config.prior_ramp)
            for name, weight in (("bonded", config.prior_bonded), ("nonbonded", config.prior_nonbonded)):
                value = self._prior(name, drawn, true)
                total = total + ramp * weight * value
                losses[name] = value.detach()
        return {"total": total, **losses}

    def _critic_losses(self, scene: Scene, atoms: Tensor) -> dict[str, Tensor]:
        config = self.config
        with torch.no_grad():
            fake = _joined(list(self._drawn(scene, atoms)))
            real = _joined(list(self._recorded(scene, atoms, look=True)))
        of_real, of_fake = self.critic(*real), self.critic(*fake)
        gap = of_real.mean() - of_fake.mean()
        penalty = gradient_penalty(self.critic, real, fake)
        drift = of_real.square().mean()
        total = -gap + config.gradient_penalty * penalty + config.drift * drift
        return {"total": total, "gap": gap.detach(), "penalty": penalty.detach()}

    def _drawn(self, scene: Scene, atoms: Tensor) -> Iterator[Step]:
        """A sequence whose placements are drawn one after another."""
        positions, visible = scene.positions, scene.visible.clone()
        for rows, placed in _by_step(atoms):
            now = Scene(positions[rows], visible[rows], scene.columns[rows])
            seen = self._look(now, placed)
            found = seen.to_scene(self.generator(seen, self._noise(len(rows), 1)))
            if self.bonds is not None:
                found = self.bonds(now, placed, found)
            own, found = self.observer.own[placed], found.squeeze(1)
            positions = positions.index_put((rows, own), found)
            visible[rows, own] = True
            yield Step(rows, placed, found, Scene(positions[rows], visible[rows], now.columns), seen)

    def _recorded(self, scene: Scene, atoms: Tensor, *, look: bool) -> Iterator[Step]:
        """The same sequence as it is in the data."""
        visible = scene.visible.clone()
        for rows, placed in _by_step(atoms):
            now = Scene(scene.positions[rows], visible[rows], scene.columns[rows])
            seen = self._look(now, placed) if look else None
            visible[rows, self.observer.own[placed]] = True
            yield Step(rows, placed, self._true(now, placed), now._replace(visible=visible[rows]), seen)

    def _look(self, scene: Scene, atoms: Tensor) -> Observation:
        turns = None
        if self.config.frame == "bead":
            turns = 2 * torch.pi * torch.rand(len(atoms), device=atoms.device)
        return self.observer(scene, atoms, turns, learn_hands=True)

    def _true(self, scene: Scene, atoms: Tensor) -> Tensor:
        return scene.positions[torch.arange(len(atoms), device=atoms.device), self.observer.own[atoms]]

    def _noise(self, n: int, draws: int) -> Tensor:
        return torch.randn(n, draws, self.config.noise, device=self.observer.static.device)

    def _summary(self, steps: list[Step], n: int) -> Tensor:
        """``(n, d)``: positions, distances to bonded neighbours, and centres of beads of all placements."""
        found = []
        for step in steps:
            slots, there = self.observer.take(step.scene, self.observer.slots[step.atoms])
            away = (slots - step.position.unsqueeze(1)).square().sum(-1).add(1e-8).sqrt() * there
            beads = self.observer.bead_centres(step.scene, step.atoms) * self.config.centre_weight
            every = torch.cat([step.position, away, beads.flatten(1)], 1) / LENGTH
            found.append(every.new_zeros(n, every.shape[1]).index_put((step.rows,), every))
        return torch.cat(found, 1)

    def _prior(self, name: str, drawn: list[Step], true: list[Step]) -> Tensor:
        """Mean energy of the placements, or how far the mean energy of each is from the reference's."""
        assert self.energy is not None
        every = []
        for one, other in zip(drawn, true, strict=True):
            energy = softened(self.energy(one.scene, one.atoms, one.position.unsqueeze(1))[name].squeeze(1))
            if self.config.prior == "match":
                where = other.position.unsqueeze(1)
                known = softened(self.energy(other.scene, other.atoms, where)[name].squeeze(1))
                energy = (energy.reshape(len(known), -1).mean(1) - known).abs()
            every.append(energy)
        return torch.cat(every).mean()


def _distances(position: Tensor, points: Tensor) -> Tensor:
    """``(..., n)`` from ``(..., 3)`` to ``(..., n, 3)``, in units of ``LENGTH``."""
    return (points - position.unsqueeze(-2)).square().sum(-1).add(1e-8).sqrt() / LENGTH


def _by_step(atoms: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Scenes whose sequence has a placement in this step, and its atoms."""
    for column in atoms.T:
        rows = torch.nonzero(column >= 0).squeeze(1)
        yield rows, column[rows]


def _joined(steps: list[Step]) -> tuple[Observation, Tensor]:
    """All placements at once, as the critic takes them."""
    looks = [step.seen for step in steps if step.seen is not None]
    seen = Observation(*(torch.cat(parts) for parts in zip(*looks, strict=True)))
    return seen, seen.to_local(torch.cat([step.position for step in steps]))
