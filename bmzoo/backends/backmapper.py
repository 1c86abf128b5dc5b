"""The interface that every method implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.molecules.topology import Topology

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.optim import Optimizer


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do; the benchmark and the error messages read it.

    Attributes:
        periodic: frames with a box, in which molecules see one another's images.
        temporal: each frame is drawn given the one before, so that samples are trajectories.
        generative: several samples of the same beads differ.
        transferable: one set of weights serves several molecules.
        equivariant: the same seed gives turned atoms for turned beads.
        likelihood: the density of a draw can be had.
    """

    periodic: bool = True
    temporal: bool = False
    generative: bool = False
    transferable: bool = False
    equivariant: bool = False
    likelihood: bool = False
    fitting: Literal["none", "library", "gradient"] = "none"
    """What it needs before it can backmap: nothing, a pass over reference pairs, or training."""
    keeps_beads: bool = True
    """Whether the atoms belong to the beads that were given; morphing makes others of them."""


Losses = dict[str, Any]
"""Name -> scalar tensor; ``total`` is what the optimiser sees."""


class Backmapper(ABC):
    """Draws atomistic frames conditioned on coarse-grained frames."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, topology: Topology, config: BaseModel | None = None) -> None:
        self.topology = topology
        self.config = config if config is not None else self.Config()

    def fit(self, pairs: Iterable[PairedFrames], *, seed: int = 0) -> None:
        """Learns from reference pairs in one pass; only backends with ``fitting="library"``."""
        raise NotImplementedError(f"backend '{self.name}' learns nothing from reference pairs")

    @property
    def module(self) -> Module:
        """All networks, those that only training needs (a critic) included; ``fitting="gradient"``."""
        raise NotImplementedError(f"backend '{self.name}' has no networks")

    def adopt(self, other: Backmapper) -> None:
        """Shares what another instance, made for another molecule, has learned; ``transferable`` backends.

        Raises:
            InputError: it does not serve this molecule.
        """
        raise NotImplementedError(f"backend '{self.name}' cannot share networks between molecules")

    def training_batches(self, pairs: Iterable[PairedFrames], *, seed: int) -> Callable[[int], Any]:
        """Reads reference pairs; returns what gives the batch of any step.

        The batch depends on the seed and on the step alone, so that a resumed training sees what it
        would have seen.
        """
        raise NotImplementedError(f"backend '{self.name}' is not trained by gradients")

    def optimizers(self) -> dict[str, Optimizer]:
        """One optimiser for every part that is trained in turn (``generator``, ``critic``)."""
        raise NotImplementedError(f"backend '{self.name}' is not trained by gradients")

    def part(self, step: int) -> str | None:
        """Which optimiser step ``step`` moves; ``None`` where there is only one."""
        return None

    def training_step(self, batch: Any, step: int) -> Losses:
        """Losses of one batch for the part that this step moves, on the networks' device.

        The trainer differentiates ``total`` and moves that part alone.
        """
        raise NotImplementedError(f"backend '{self.name}' is not trained by gradients")

    def to(self, device: str) -> None:  # noqa: B027
        """Moves networks to ``"cpu"`` or ``"cuda"``; backends without any have nothing to move."""

    @abstractmethod
    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """Yields ``n_samples`` atomistic frames for each CG frame, frame by frame, sample by sample.

        A CG frame has positions ``(n_molecules * n_beads, 3)`` in nm, its molecules whole; what is yielded
        has ``(n_molecules * n_atoms, 3)``. Beads and atoms are in the topology's order; molecules come out
        whole and near their beads; box, time, index and name of the CG frame are kept, ``sample`` counts
        from 0. The same seed gives the same frames whatever the batch size: draw from
        ``random_stream(seed, frame.index, sample, molecule)``.
        """

    def redraw(self, pairs: Iterable[PairedFrames], *, sweeps: int, seed: int) -> Iterator[Frame]:
        """Gibbs sweeps that start from given atoms: each is drawn again given all others.

        Args:
            pairs: beads, and atoms to start from; the samples of a frame differ by ``sample``.
            sweeps: passes over all atoms.

        Raises:
            InputError: a backend that draws all atoms at once.
        """
        raise InputError(
            f"backend '{self.name}' draws all atoms of a molecule at once and cannot start from given ones; "
            "draw anew instead, or take one that places atom after atom, such as 'voxel_gan'"
        )

    def state(self) -> dict[str, Any]:
        """Arrays (name -> numpy array or tensor) that :meth:`load_state` restores."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restores what :meth:`state` gave.

        Raises:
            InputError: arrays that do not belong to this backend and topology.
        """
        if state:
            raise InputError(
                f"backend '{self.name}' keeps no arrays, but was given {', '.join(sorted(state))}"
            )
