"""What a backend that is trained by gradients owes the trainer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar
from unittest import SkipTest

import numpy as np

from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.registry import get_backend
from bmzoo.frames.frame import PairedFrames
from bmzoo.molecules.topology import Topology
from bmzoo.testing.toys import toy_pairs, toy_topology

SEED = 7


class TrainingConformance:
    """Part of :class:`bmzoo.testing.conformance.BackendConformance`.

    Attributes:
        training_steps: of the checks; every part should have a turn among them.
    """

    backend: ClassVar[str] = ""
    training_steps: ClassVar[int] = 8

    def make(self, topology: Topology) -> Backmapper:
        """A backmapper that is ready to use."""
        raise NotImplementedError

    def test_batches_depend_on_seed_and_step_alone(self) -> None:
        backmapper = self._trainable()
        once, again, other = (
            backmapper.training_batches(_pairs(backmapper), seed=seed) for seed in (SEED, SEED, SEED + 1)
        )
        in_order = [list(leaves(once(step))) for step in range(3)]
        backwards = [list(leaves(again(step))) for step in (2, 1, 0)][::-1]
        assert all(_alike(a, b) for a, b in zip(in_order, backwards, strict=True)), (
            "the batch of a step is another when steps are asked for in another order"
        )
        differ = not _alike(in_order[0], in_order[1]) or not _alike(in_order[0], list(leaves(other(0))))
        assert differ, "two steps and two seeds all have the same batch"

    def test_training_moves_the_part_whose_turn_it_is(self) -> None:
        import torch

        backmapper = self._trainable()
        optimizers = backmapper.optimizers()
        assert optimizers, "it has no optimiser"
        owned = {
            name: {id(p) for group in optimizer.param_groups for p in group["params"]}
            for name, optimizer in optimizers.items()
        }
        assert sum(map(len, owned.values())) == len(set().union(*owned.values())), (
            "two optimisers move the same parameters"
        )
        parameters = list(backmapper.module.parameters())
        missing = set().union(*owned.values()) - {id(p) for p in parameters}
        assert not missing, "an optimiser moves parameters that are not in 'module'"
        batches = backmapper.training_batches(_pairs(backmapper), seed=SEED)
        for step in range(self.training_steps):
            part = backmapper.part(step) or next(iter(optimizers))
            assert part in optimizers, f"step {step} is for '{part}', which has no optimiser"
            before = [p.detach().clone() for p in parameters]
            losses = backmapper.training_step(batches(step), step)
            assert "total" in losses, "the losses have no 'total'"
            for name, loss in losses.items():
                assert torch.isfinite(loss.detach()).all(), f"step {step}: '{name}' is {loss}"
                assert loss.numel() == 1, f"step {step}: '{name}' is no scalar"
            optimizers[part].zero_grad()
            losses["total"].backward()
            optimizers[part].step()
            moved = {
                id(p) for p, old in zip(parameters, before, strict=True) if not torch.equal(p.detach(), old)
            }
            assert moved, f"step {step} moved nothing"
            assert moved <= owned[part], f"step {step} moved parameters that are not of '{part}'"

    def test_state_holds_what_training_changed(self) -> None:
        backmapper = self._trainable()
        optimizers = backmapper.optimizers()
        batches = backmapper.training_batches(_pairs(backmapper), seed=SEED)
        for step in range(self.training_steps):
            optimizer = optimizers[backmapper.part(step) or next(iter(optimizers))]
            optimizer.zero_grad()
            backmapper.training_step(batches(step), step)["total"].backward()
            optimizer.step()
        again = type(backmapper)(toy_topology(), backmapper.config)
        again.load_state({name: _stored(value) for name, value in backmapper.state().items()})
        frames = [pair.coarse for pair in _pairs(backmapper, 2)]
        for one, other in zip(
            again.backmap(frames, seed=SEED), backmapper.backmap(frames, seed=SEED), strict=True
        ):
            worst = np.abs(one.positions - other.positions).max()
            assert worst <= 1e-6, f"the restored backend gives other frames, {worst:.2g} nm apart"

    def test_networks_are_shared_if_transferable(self) -> None:
        backmapper = self._trainable()
        if not backmapper.capabilities.transferable:
            raise SkipTest("it does not claim to be transferable")
        other = self.make(toy_topology())
        other.adopt(backmapper)
        pairs = zip(other.module.parameters(), backmapper.module.parameters(), strict=True)
        assert all(one is two for one, two in pairs), "adopt() copies the networks, it must share them"

    def _trainable(self) -> Backmapper:
        if get_backend(self.backend).capabilities.fitting != "gradient":
            raise SkipTest("it is not trained by gradients")
        return self.make(toy_topology())


def leaves(batch: Any) -> Iterator[Any]:
    """Arrays, tensors and plain values of a batch, whatever it is made of."""
    if isinstance(batch, Mapping):
        for key in batch:
            yield from leaves(batch[key])
    elif isinstance(batch, list | tuple):
        for part in batch:
            yield from leaves(part)
    elif is_dataclass(batch):
        for member in fields(batch):
            yield from leaves(getattr(batch, member.name))
    elif hasattr(batch, "detach") or isinstance(batch, np.ndarray | np.generic | int | float | str):
        yield _array(batch)
    elif hasattr(batch, "__dict__"):
        yield from leaves(vars(batch))


def _array(value: Any) -> Any:
    return value.detach().cpu().float().numpy() if hasattr(value, "detach") else np.asarray(value)


def _stored(value: Any) -> Any:
    """As it comes out of a checkpoint: an array of its own."""
    return np.array(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def _alike(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        a.shape == b.shape and np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


def _pairs(backmapper: Backmapper, n_frames: int = 6) -> Iterator[PairedFrames]:
    periodic = backmapper.capabilities.periodic
    return toy_pairs(n_frames, 5 if periodic else 1, periodic=periodic)
