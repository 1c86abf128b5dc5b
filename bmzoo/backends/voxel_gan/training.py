"""Training of generator and critic: single placements first, then unrolled stretches of the schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bmzoo.backends.voxel_gan.bonds import BondLengths
from bmzoo.backends.voxel_gan.config import VoxelGANConfig
from bmzoo.backends.voxel_gan.data import Batch
from bmzoo.backends.voxel_gan.energy import AtomEnergy
from bmzoo.backends.voxel_gan.losses import distance_score, energy_score, gradient_penalty, softened
from bmzoo.backends.voxel_gan.network import LENGTH, Critic, Generator
from bmzoo.backends.voxel_gan.observation import Observation, Observer, Scene
from bmzoo.backends.voxel_gan.windows import Placements, Window


class Step(NamedTuple):
    """Placements drawn, or recorded, together; ``position`` in the coordinates of ``scene``."""

    atoms: Tensor
    position: Tensor
    scene: Scene
    seen: Observation | None


@dataclass(eq=False)
class Training:
    """Losses of one step.

    The first ``supervised`` steps place single atoms in environments from data, by the energy score.
    After them stretches of the schedule are run as when frames are drawn, each placement among
    those before, and the error flows back through all of them; the score is that of all atoms of a
    molecule together, and the critic judges every placement. ``singles`` steps of the first kind
    stand between two windows: the score of many atoms together hardly feels a width that is lost.
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
        """``critic`` for ``critic_steps`` windows out of ``critic_steps + 1``, else ``generator``."""
        window = self.window(step)
        if window is None or not self.config.adversarial:
            return "generator"
        turn = window % (self.config.critic_steps + 1)
        return "generator" if turn == self.config.critic_steps else "critic"

    def window(self, step: int) -> int | None:
        """Which window a step unrolls, from 0; ``None`` for steps of single placements."""
        later = step - self.config.supervised
        every = self.config.singles + 1
        return later // every if later >= 0 and later % every == 0 else None

    def __call__(self, batch: Batch | Window, step: int) -> dict[str, Tensor]:
        if isinstance(batch, Batch):
            return self._single(batch)
        if self.part(step) == "critic":
            return self._critic_losses(batch)
        return self._window(batch, step)

    def _single(self, batch: Batch) -> dict[str, Tensor]:
        device = self.observer.static.device
        scene, atoms = Scene(*(x.to(device) for x in batch.scene)), batch.atoms.to(device)
        seen = self._look(scene, atoms)
        target = seen.to_local(self._recorded_at(scene, atoms))
        drawn = self.generator(seen, self._noise(len(atoms), self.config.draws))
        if self.bonds is not None:
            drawn = seen.to_local(self.bonds(scene, atoms, seen.to_scene(drawn)))
        score = energy_score(drawn / LENGTH, target / LENGTH).mean()
        distances = distance_score(
            _distances(drawn, seen.vectors.unsqueeze(1)),
            _distances(target, seen.vectors),
            self.observer.present(seen),
        ).mean()
        total = score + self.config.distance_weight * distances
        return {"total": total, "score": score.detach(), "distances": distances.detach()}

    def _window(self, window: Window, step: int) -> dict[str, Tensor]:
        config = self.config
        drawn, true = self._drawn(window, config.window_draws), self._recorded(window, look=False)
        score, distances = self._scores(window, drawn, true)
        losses = {"score": score.detach(), "distances": distances.detach()}
        total = config.score_weight * (score + config.distance_weight * distances)
        if config.adversarial:
            judged = self.critic(*_joined(drawn)).mean()
            total = total - config.critic_weight * judged
            losses["judged"] = judged.detach()
        if config.prior != "none" and self.energy is not None:
            ramp = min(1.0, (step - config.supervised) / config.prior_ramp)
            for name, weight in (("bonded", config.prior_bonded), ("nonbonded", config.prior_nonbonded)):
                value = self._prior(name, drawn, true)
                total = total + ramp * weight * value
                losses[name] = value.detach()
        return {"total": total, **losses}

    def _critic_losses(self, window: Window) -> dict[str, Tensor]:
        config = self.config
        with torch.no_grad():
            fake = _joined(self._drawn(window, 1))
            real = _joined(self._recorded(window, look=True))
        of_real, of_fake = self.critic(*real), self.critic(*fake)
        gap = of_real.mean() - of_fake.mean()
        penalty = gradient_penalty(self.critic, real, fake)
        drift = of_real.square().mean()
        total = -gap + config.gradient_penalty * penalty + config.drift * drift
        return {"total": total, "gap": gap.detach(), "penalty": penalty.detach()}

    def _drawn(self, window: Window, draws: int) -> list[Step]:
        """The window as the networks draw it, ``draws`` times: placement by placement of every draw."""
        state = window.state(self.observer, draws)
        widths = [self.config.hydrogen_bead_noise * h for h in window.hydrogens]
        state.shift_beads(torch.tensor(widths * draws))
        found = []
        for step in window.steps:
            which, beads, atoms, clear = _repeated(step, draws, len(window.units))
            if clear is not None:
                state.clear(which, beads, clear)
            scene = state.scene(which, beads)
            placed = torch.as_tensor(atoms, device=scene.positions.device)
            seen = self._look(scene, placed)
            position = seen.to_scene(self.generator(seen, self._noise(len(atoms), 1)))
            if self.bonds is not None:
                position = self.bonds(scene, placed, position)
            state.put(which, beads, atoms, position.squeeze(1))
            found.append(Step(placed, position.squeeze(1), scene, seen))
        return found

    def _recorded(self, window: Window, *, look: bool) -> list[Step]:
        """The same placements as they are in the data."""
        state = window.state(self.observer, 1)
        found = []
        for step in window.steps:
            if step.clear is not None:
                state.clear(step.units, step.beads, step.clear)
            scene = state.scene(step.units, step.beads)
            placed = torch.as_tensor(step.atoms, device=scene.positions.device)
            position = scene.positions[
                torch.arange(len(placed), device=placed.device), self.observer.own[placed]
            ]
            found.append(Step(placed, position, scene, self._look(scene, placed) if look else None))
            state.put(step.units, step.beads, step.atoms, position)
        return found

    def _scores(self, window: Window, drawn: list[Step], true: list[Step]) -> tuple[Tensor, Tensor]:
        """Energy score of the atoms of every molecule together, an atom; and that of single distances."""
        n_beads, draws = self.observer.template.topology.n_beads, self.config.window_draws
        molecules = np.concatenate([s.units * 10**6 + s.beads // n_beads for s in window.steps])
        _, group, count = np.unique(molecules, return_inverse=True, return_counts=True)
        ordinal = np.empty(len(group), dtype=np.int64)
        order = np.argsort(group, kind="stable")
        ordinal[order] = np.arange(len(group)) - np.repeat(np.cumsum(count) - count, count)
        samples = torch.cat([s.position.reshape(draws, -1, 3) for s in drawn], 1).transpose(0, 1)
        target = torch.cat([s.position for s in true])
        rows = tuple(torch.as_tensor(x, device=target.device) for x in (group, ordinal))
        shape = (len(count), int(count.max()))
        joint = samples.new_zeros(*shape, draws, 3).index_put(rows, samples / LENGTH)
        known = target.new_zeros(*shape, 3).index_put(rows, target / LENGTH)
        score = energy_score(joint.transpose(1, 2).flatten(2), known.flatten(1))
        distances = [self._distance_score(a, b) for a, b in zip(drawn, true, strict=True)]
        per_atom = score / torch.as_tensor(count, dtype=score.dtype, device=score.device).sqrt()
        return per_atom.mean(), torch.cat(distances).mean()

    def _distance_score(self, drawn: Step, true: Step) -> Tensor:
        """Distances to bonded neighbours and beads as they are among the drawn atoms, and in the data."""
        observer, n, draws = self.observer, len(true.atoms), self.config.window_draws
        columns = torch.cat([observer.slots[true.atoms], observer.beads[true.atoms]], 1)
        points, there = observer.take(true.scene, columns)
        among, _ = observer.take(drawn.scene, columns.repeat(draws, 1))
        centres, left = observer.remaining(true.scene, true.atoms)
        points, there = torch.cat([points, centres], 1), torch.cat([there, left], 1)
        among = torch.cat([among, observer.remaining(drawn.scene, drawn.atoms)[0]], 1)
        found = _distances(drawn.position, among).reshape(draws, n, -1).transpose(0, 1)
        near = distance_score(found, _distances(true.position, points), there.to(found.dtype))
        if not self.config.centre_weight:
            return near
        off = self._centres(drawn).reshape(draws, n, -1).transpose(0, 1)
        known = self._centres(true)
        return near + self.config.centre_weight * distance_score(off, known, torch.ones_like(known))

    def _centres(self, step: Step) -> Tensor:
        """``(n, SHARED * 3)`` how far the beads of placed atoms are off, once whole, in ``LENGTH``."""
        rows, own = torch.arange(len(step.atoms), device=step.atoms.device), self.observer.own[step.atoms]
        visible = step.scene.visible.index_put((rows, own), torch.ones_like(own, dtype=torch.bool))
        positions = step.scene.positions.index_put((rows, own), step.position)
        return self.observer.bead_errors(Scene(positions, visible, step.scene.columns), step.atoms) / LENGTH

    def _prior(self, name: str, drawn: list[Step], true: list[Step]) -> Tensor:
        """Mean energy of the placements, or how far the mean energy of each is from the reference's."""
        assert self.energy is not None
        every = []
        for one, other in zip(drawn, true, strict=True):
            energy = softened(self.energy(one.scene, one.atoms, one.position.unsqueeze(1))[name].squeeze(1))
            if self.config.prior == "match":
                where = other.position.unsqueeze(1)
                known = softened(self.energy(other.scene, other.atoms, where)[name].squeeze(1))
                energy = (energy.reshape(-1, len(known)).mean(0) - known).abs()
            every.append(energy)
        return torch.cat(every).mean()

    def _look(self, scene: Scene, atoms: Tensor) -> Observation:
        turns = None
        if self.config.frame == "bead":
            turns = 2 * torch.pi * torch.rand(len(atoms), device=atoms.device)
        return self.observer(scene, atoms, turns, learn_hands=True)

    def _recorded_at(self, scene: Scene, atoms: Tensor) -> Tensor:
        """``(batch, 3)`` nm, where the data have the atoms to be placed."""
        rows = torch.arange(len(atoms), device=atoms.device)
        return scene.positions[rows, self.observer.own[atoms]]

    def _noise(self, n: int, draws: int) -> Tensor:
        return torch.randn(n, draws, self.config.noise, device=self.observer.static.device)


def _repeated(step: Placements, draws: int, n_units: int) -> Placements:
    """The placements of all draws, one draw after another."""
    units = np.concatenate([step.units + n_units * d for d in range(draws)])
    clear = None if step.clear is None else np.tile(step.clear, (draws, 1))
    return Placements(units, np.tile(step.beads, draws), np.tile(step.atoms, draws), clear)


def _distances(position: Tensor, points: Tensor) -> Tensor:
    """``(..., n)`` from ``(..., 3)`` to ``(..., n, 3)``, in units of ``LENGTH``."""
    return (points - position.unsqueeze(-2)).square().sum(-1).add(1e-8).sqrt() / LENGTH


def _joined(steps: list[Step]) -> tuple[Observation, Tensor]:
    """All placements at once, as the critic takes them."""
    looks = [step.seen for step in steps if step.seen is not None]
    seen = Observation(*(torch.cat(parts) for parts in zip(*looks, strict=True)))
    return seen, seen.to_local(torch.cat([step.position for step in steps]))
