"""The voxel GAN: atoms one after another, each drawn given what is already there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import numpy as np
import torch
from pydantic import BaseModel
from torch import nn
from torch.optim import Adam, Optimizer

from bmzoo.backends.backmapper import Backmapper, Capabilities, Losses
from bmzoo.backends.inputs import BeadReader
from bmzoo.backends.voxel_gan.bonds import BondLengths
from bmzoo.backends.voxel_gan.config import VoxelGANConfig
from bmzoo.backends.voxel_gan.data import TrainingSet
from bmzoo.backends.voxel_gan.energy import AtomEnergy
from bmzoo.backends.voxel_gan.hands import hands_of_like
from bmzoo.backends.voxel_gan.network import Critic, Generator
from bmzoo.backends.voxel_gan.observation import Observer
from bmzoo.backends.voxel_gan.sampler import Sampler
from bmzoo.backends.voxel_gan.state import Unit
from bmzoo.backends.voxel_gan.template import make_template
from bmzoo.backends.voxel_gan.training import Training
from bmzoo.backends.voxel_gan.windows import Windows
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.lattice import nearest_images
from bmzoo.molecules.topology import Topology


class VoxelGAN(Backmapper):
    """Autoregressive placement on voxels (Stieffenhofer, Wand, Bereau 2020; Stieffenhofer et al. 2021)."""

    name = "voxel_gan"
    capabilities = Capabilities(
        periodic=True, generative=True, transferable=True, equivariant=True, fitting="gradient"
    )
    Config = VoxelGANConfig

    def __init__(self, topology: Topology, config: BaseModel | None = None) -> None:
        super().__init__(topology, config)
        template = make_template(topology, cast(VoxelGANConfig, self.config))
        self.config = template.config
        self.observer = Observer(template)
        self._networks = nn.ModuleDict(
            {
                "generator": Generator(self.observer, template.config),
                "critic": Critic(self.observer, template.config),
            }
        )
        self.bonds = BondLengths(self.observer) if template.config.hold_bonds else None
        self.energy = None
        if topology.force_field is not None:
            self.energy = AtomEnergy(self.observer, topology.force_field)

    @property
    def module(self) -> nn.Module:
        return self._networks

    @property
    def generator(self) -> Generator:
        return cast(Generator, self._networks["generator"])

    @property
    def critic(self) -> Critic:
        return cast(Critic, self._networks["critic"])

    def to(self, device: str) -> None:
        for part in (self._networks, self.observer, self.energy, self.bonds):
            if part is not None:
                part.to(device)

    def adopt(self, other: Backmapper) -> None:
        """Shares the networks of another molecule's instance, and which hydrogen of a group is which.

        Raises:
            InputError: networks of other channels or classes.
        """
        mine, its = cast(VoxelGANConfig, self.config), cast(VoxelGANConfig, other.config)
        if (mine.channels, mine.classes, mine.bead_types) != (its.channels, its.classes, its.bead_types):
            raise InputError(
                f"{self.topology.graph.name} and {other.topology.graph.name} have other atom classes or bead "
                "types; name those of both in the settings 'classes' and 'bead_types'"
            )
        trained = cast(VoxelGAN, other)
        self._networks = trained._networks
        self.observer.set_hands(hands_of_like(self.observer, trained.observer))

    def training_batches(self, pairs: Iterable[PairedFrames], *, seed: int) -> Callable[[int], Any]:
        found = TrainingSet(self.observer, pairs, seed=seed)
        self.observer.set_hands(found.hands())
        windows = Windows(self.observer, found)
        training = self._training
        return lambda step: found(step) if training.window(step) is None else windows(step)

    def optimizers(self) -> dict[str, Optimizer]:
        config = cast(VoxelGANConfig, self.config)
        return {
            "generator": Adam(self.generator.parameters(), config.rate, betas=(0.5, 0.95)),
            "critic": Adam(self.critic.parameters(), config.critic_rate, betas=(0.0, 0.9)),
        }

    def part(self, step: int) -> str:
        return self._training.part(step)

    def training_step(self, batch: Any, step: int) -> Losses:
        return self._training(batch, step)

    @property
    def _training(self) -> Training:
        return Training(self.observer, self.generator, self.critic, self.energy, self.bonds)

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`; several frames and samples are drawn side by side.

        Raises:
            InputError: ``choice`` by energy without a force field, or by Boltzmann weight without
                a temperature.
        """
        config, sampler = cast(VoxelGANConfig, self.config), self._sampler()
        read = BeadReader(self.topology)
        waiting: list[tuple[Frame, Unit]] = []
        for frame in frames:
            box = None if frame.box is None else np.asarray(frame.box, dtype=np.float64)
            keys = [(seed, frame.index, sample) for sample in range(n_samples)]
            for sample, unit in enumerate(sampler.units(read(frame), box, keys)):
                waiting.append((frame.with_positions(frame.positions, sample=sample), unit))
                if len(waiting) == config.frames:
                    yield from self._drawn(sampler, waiting)
                    waiting = []
        yield from self._drawn(sampler, waiting)

    def redraw(self, pairs: Iterable[PairedFrames], *, sweeps: int, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`; heavy atoms first, then hydrogens."""
        sampler, read = self._sampler(), BeadReader(self.topology)
        for coarse, fine in pairs:
            box = None if coarse.box is None else np.asarray(coarse.box, dtype=np.float64)
            beads = read(coarse)
            given = np.asarray(fine.positions, dtype=np.float64).reshape(len(beads), -1, 3)
            mapped = self.topology.mapping.apply(given.reshape(-1, 3)).reshape(beads.shape)
            if box is not None:  # to the image of the beads
                given = given - (nearest_images((beads - mapped).mean(axis=1), box) @ box)[:, None]
            units = sampler.units(beads, box, [(seed, coarse.index, coarse.sample)])
            (atoms,) = sampler.sweep(units, [given], sweeps)
            yield coarse.with_positions(atoms.reshape(-1, 3))

    def _sampler(self) -> Sampler:
        self._check_choice(cast(VoxelGANConfig, self.config))
        self._networks.eval()
        return Sampler(self.observer, self.generator, self.energy, self.bonds, self.topology.temperature)

    def _drawn(self, sampler: Sampler, waiting: list[tuple[Frame, Unit]]) -> Iterator[Frame]:
        if waiting:
            drawn = sampler.draw([unit for _, unit in waiting])
            for (frame, _), atoms in zip(waiting, drawn, strict=True):
                yield frame.with_positions(atoms.reshape(-1, 3))

    def _check_choice(self, config: VoxelGANConfig) -> None:
        if config.choice == "plain" or config.candidates == 1:
            return
        if self.energy is None:
            raise InputError(
                f"choice '{config.choice}' needs a force field, and {self.topology.graph.name} has none; "
                "give one with the topology, or take choice 'plain'"
            )
        if config.choice == "boltzmann" and self.topology.temperature is None:
            raise InputError("choice 'boltzmann' needs a temperature; give one, or take choice 'plain'")

    def state(self) -> dict[str, Any]:
        """The generator, and the hands of hydrogens as the reference labels them."""
        found = {f"generator.{k}": v.detach().cpu() for k, v in self.generator.state_dict().items()}
        return {**found, "hands": self.observer.hand.cpu()}

    def load_state(self, state: dict[str, Any]) -> None:
        arrays = {name: torch.as_tensor(np.asarray(value)) for name, value in state.items()}
        hands = arrays.pop("hands", None)
        weights = {name.removeprefix("generator."): value for name, value in arrays.items()}
        try:
            self.generator.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(
                f"these weights do not fit the networks of 'voxel_gan' for {self.topology.graph.name}: "
                "they were made with other settings or other atom classes"
            ) from error
        if hands is not None and len(hands) == self.topology.n_atoms:
            self.observer.set_hands(hands.numpy())
