"""The equivariant flow: all atoms at once, carried from about their beads to where they belong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from bmzoo.backends.backmapper import Backmapper, Capabilities, Losses
from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.data import Batch, TrainingSet
from bmzoo.backends.equivariant.field import FlowField
from bmzoo.backends.equivariant.flow import flow_loss, interpolate
from bmzoo.backends.equivariant.in_time import InTime
from bmzoo.backends.equivariant.likelihood import draw_with_density, effective_sample_size, log_weights
from bmzoo.backends.equivariant.network import VelocityNetwork
from bmzoo.backends.equivariant.prior import Prior
from bmzoo.backends.equivariant.sampler import Sampler, Unit, alike
from bmzoo.backends.equivariant.tables import make_tables
from bmzoo.backends.inputs import BeadReader
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.random import random_stream
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]

AHEAD = 64
"""Frames and samples that are drawn together at most, whatever the memory."""


class Weighted(NamedTuple):
    """Samples of one frame of beads.

    Attributes:
        frames: the atoms.
        log_weights: ``(n_samples,)``, their exponentials sum to one.
        effective: Kish's share of the samples that count, 1/n_samples to 1.
    """

    frames: list[Frame]
    log_weights: Floats
    effective: float


class Equivariant(Backmapper):
    """Conditional flow matching with an SE(3)-equivariant network on the graph of atoms and beads."""

    name = "equivariant"
    capabilities = Capabilities(
        periodic=True,
        generative=True,
        transferable=True,
        equivariant=True,
        likelihood=True,
        fitting="gradient",
    )
    Config = EquivariantConfig

    def __init__(self, topology: Topology, config: BaseModel | None = None) -> None:
        super().__init__(topology, config)
        self.settings = cast(EquivariantConfig, self.config)
        self.tables = make_tables(topology)
        self.prior = Prior(self.tables, self.settings)
        self.network = VelocityNetwork(self.settings)
        self.interval = float("inf")
        self._field: FlowField | None = None

    @property
    def module(self) -> nn.Module:
        return self.network

    @property
    def field(self) -> FlowField:
        """The velocity of whole frames, where and as precise as the network is now."""
        parameter = next(self.network.parameters())
        field = self._field
        if field is None or field.network is not self.network or field.tables is not self.tables:
            field = None
        if field is None or (field.device, field.dtype) != (parameter.device, parameter.dtype):
            self._field = field = FlowField(self.tables, self.settings, self.network)
        return field

    def to(self, device: str) -> None:
        self.network.to(device)

    def adopt(self, other: Backmapper) -> None:
        """Shares the network of another molecule's instance.

        Raises:
            InputError: a network made with other settings.
        """
        theirs = cast(Equivariant, other)
        shapes = [
            {name: p.shape for name, p in network.state_dict().items()}
            for network in (self.network, theirs.network)
        ]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"{self.topology.graph.name} and {other.topology.graph.name} have networks of other sizes; "
                "give both the same settings"
            )
        self.network = theirs.network

    def training_batches(self, pairs: Iterable[PairedFrames], *, seed: int) -> Callable[[int], Any]:
        found = TrainingSet(self.tables, self.settings, self.prior, pairs, seed=seed)
        self.tables, self.interval = found.tables, found.interval
        return found

    def optimizers(self) -> dict[str, Optimizer]:
        parameters = self.network.parameters()
        return {"network": Adam(parameters, self.settings.rate, betas=(0.9, 0.99), fused=True)}

    def training_step(self, batch: Batch, step: int) -> Losses:
        """The mean of :func:`flow_loss` over the atoms that count, and that of the pairs' own distances."""
        field = self.field
        device, dtype = field.device, field.dtype
        graph = batch.graph.to(device, dtype)
        start, end, times, counted = (
            x.to(device, dtype) for x in (batch.start, batch.end, batch.times, batch.counted)
        )
        previous = batch.previous
        if previous is not None:
            previous = previous._replace(
                atoms=previous.atoms.to(device, dtype), there=previous.there.to(device, dtype)
            )
        t = times[graph.units].unsqueeze(-1)
        velocity = self.network(field.chemistry, graph, interpolate(start, end, t), times, previous)
        errors = flow_loss(velocity, start, end, t.squeeze(-1), self.settings)
        flow = (errors * counted).sum() / counted.sum().clamp(min=1)
        lengths = self.network.length_loss(field.chemistry, graph, end)
        return {"total": flow + lengths, "flow": flow.detach(), "lengths": lengths.detach()}

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`; as many frames and samples are drawn together as the memory allows.

        With ``temporal`` frames are drawn one after another, each sample given its own frame before;
        after a gap in time, or without times, a frame is drawn as a first one.
        """
        self.network.eval()
        if self.settings.temporal:
            for drawn in self.backmap_together([frames], n_samples=n_samples, seed=seed):
                yield from drawn
            return
        read, sampler = BeadReader(self.topology), Sampler(self.field, self.prior)
        waiting: list[tuple[Frame, Unit]] = []
        for frame in frames:
            beads, box = read(frame), _box(frame)
            for sample in range(n_samples):
                unit = Unit(beads, box, (seed, frame.index, sample))
                if waiting and not alike(waiting[0][1], unit):
                    yield from _drawn(sampler, waiting)
                    waiting = []
                waiting.append((frame.with_positions(frame.positions, sample=sample), unit))
                if len(waiting) >= min(AHEAD, sampler.at_once(unit)):
                    yield from _drawn(sampler, waiting)
                    waiting = []
        yield from _drawn(sampler, waiting)

    def backmap_together(
        self, trajectories: Sequence[Iterable[Frame]], *, n_samples: int = 1, seed: int
    ) -> Iterator[list[Frame]]:
        """Backmaps several CG trajectories side by side, in batches as large as the memory allows.

        Args:
            trajectories: of any lengths; random numbers of the first are those of :meth:`backmap`.

        Yields:
            The next frames of all trajectories that go on, trajectory by trajectory, sample by sample.
        """
        self.network.eval()
        interval = self.interval if self.settings.temporal else 0.0  # without, no frame knows another
        yield from InTime(Sampler(self.field, self.prior), interval, n_samples, seed)(trajectories)

    def weighted(self, frame: Frame, *, n_samples: int, seed: int) -> Weighted:
        """Draws for one molecule without a box, with their weights in the Boltzmann distribution given its
        beads: that of the force field, all bonds free to vibrate.

        It costs 3 (n_atoms - n_beads) backward passes a step of the integrator, in double precision.

        Args:
            frame: beads of one molecule.

        Raises:
            InputError: a box, several molecules, no force field, or settings whose draws have no known
                density (see :func:`~bmzoo.backends.equivariant.likelihood.draw_with_density`).
        """
        beads = BeadReader(self.topology)(frame)
        if frame.box is not None or len(beads) != 1:
            raise InputError("weights are known for one molecule without a box; give frames of one molecule")
        streams = [random_stream(seed, frame.index, sample, 0) for sample in range(n_samples)]
        noise = np.stack([stream.standard_normal((self.prior.n_random, 3)) for stream in streams])
        field = FlowField(self.tables, self.settings, copy.deepcopy(self.network).cpu().double().eval())
        draws = draw_with_density(field, self.prior, np.repeat(beads, n_samples, axis=0), noise)
        logs = log_weights(self.topology, draws)
        frames = [frame.with_positions(atoms, sample=k) for k, atoms in enumerate(draws.atoms)]
        return Weighted(frames, logs, effective_sample_size(logs))

    def state(self) -> dict[str, Any]:
        """The network, the hands of hydrogens as the reference labels them, the time between frames."""
        weights: dict[str, Any] = {k: v.detach().cpu() for k, v in self.network.state_dict().items()}
        return {**weights, "hands": self.tables.hands, "interval": np.array(self.interval)}

    def load_state(self, state: dict[str, Any]) -> None:
        """See :class:`Backmapper`.

        The hands by which a reference labelled equivalent atoms are those of its molecule; another
        molecule keeps its own.
        """
        arrays: dict[str, Tensor] = {name: torch.as_tensor(np.asarray(v)) for name, v in state.items()}
        hands, interval = arrays.pop("hands", None), arrays.pop("interval", None)
        try:
            self.network.load_state_dict(arrays)
        except RuntimeError as error:
            raise InputError(
                "these weights do not fit the network of 'equivariant': they were made with other settings"
            ) from error
        if hands is not None and len(hands) == len(self.tables.hands):
            self.tables = self.tables.with_hands(hands.double().numpy())
        if interval is not None:
            self.interval = float(interval)


def _box(frame: Frame) -> Floats | None:
    return None if frame.box is None else np.asarray(frame.box, dtype=np.float64)


def _drawn(sampler: Sampler, waiting: list[tuple[Frame, Unit]]) -> Iterator[Frame]:
    if waiting:
        found = sampler.draw([unit for _, unit in waiting])
        for (frame, _), atoms in zip(waiting, found, strict=True):
            yield frame.with_positions(atoms.reshape(-1, 3))
