"""What a placement sees: voxels, vectors and flags in its local frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bmzoo.backends.voxel_gan.surroundings import Layout, make_layout
from bmzoo.backends.voxel_gan.template import Template
from bmzoo.representations.local_frames import local_frames
from bmzoo.representations.voxels import Grid


class Scene(NamedTuple):
    """Surroundings of a batch of beads.

    ``positions`` ``(batch, n_columns, 3)`` nm, relative to the owner bead; ``visible``
    ``(batch, n_columns)`` bool, particles that are placed; ``columns`` of the template's table.
    """

    positions: Tensor
    visible: Tensor
    columns: Tensor


class Observation(NamedTuple):
    """Input of the networks for a batch of placements.

    ``voxels`` ``(batch, channels, cells, cells, cells)``; ``vectors`` ``(batch, n_vectors, 3)`` nm,
    local, zero where absent; ``flags`` ``(batch, n_flags)``; ``origin`` ``(batch, 3)`` and ``axes``
    ``(batch, 3, 3)`` of the local frame: ``r = origin + local @ axes``.
    """

    voxels: Tensor
    vectors: Tensor
    flags: Tensor
    origin: Tensor
    axes: Tensor

    def to_local(self, positions: Tensor) -> Tensor:
        """``(batch, 3)`` or ``(batch, n, 3)`` positions as the networks know them."""
        if positions.dim() == 2:
            return self.to_local(positions.unsqueeze(1)).squeeze(1)
        return (positions - self.origin.unsqueeze(1)) @ self.axes.transpose(1, 2)

    def to_scene(self, local: Tensor) -> Tensor:
        """Undoes :meth:`to_local`."""
        if local.dim() == 2:
            return self.to_scene(local.unsqueeze(1)).squeeze(1)
        return self.origin.unsqueeze(1) + local @ self.axes


class Observer(nn.Module):
    """Turns scenes into observations; holds the template's tables as tensors."""

    table: Tensor
    static: Tensor
    own: Tensor
    origin: Tensor
    axes: Tensor
    slots: Tensor
    beads: Tensor
    shared: Tensor
    weights: Tensor
    total: Tensor
    triple: Tensor
    centre: Tensor
    sides: Tensor
    hand: Tensor
    centre_hand: Tensor
    side_hand: Tensor

    def __init__(self, template: Template) -> None:
        super().__init__()
        self.template = template
        self.layout: Layout = make_layout(template)
        config = template.config
        self.grid = Grid(config.cells, config.edge, config.width)
        n, owner = template.n_atoms, template.owners
        column = self.layout.column_of

        def columns(particles: NDArray[np.int64], *, beads: bool = False) -> NDArray[np.int64]:
            offset = n if beads else 0
            rows = np.broadcast_to(owner.reshape(-1, *[1] * (particles.ndim - 1)), particles.shape)
            return np.where(particles >= 0, column[rows, particles + offset * (particles >= 0)], -1)

        atoms = np.arange(n)
        self._keep("own", columns(atoms))
        self._keep("origin", columns(template.origin))
        for name in ("axes", "slots", "triple", "centre", "sides"):
            self._keep(name, columns(getattr(template, name)))
        self._keep("beads", columns(template.beads, beads=True))
        self._keep("shared", columns(template.shared, beads=True))
        self._keep("table", template.table.reshape(-1, template.table.shape[-1]))
        self._keep("static", template.static)
        self._keep("hand", template.hand.astype(np.float32))
        self._keep("centre_hand", template.centre_hand.astype(np.float32))
        self._keep("side_hand", template.side_hand.astype(np.float32))
        weights, total = self._shared_weights()
        self._keep("weights", weights)
        self._keep("total", total)

    @property
    def n_channels(self) -> int:
        return self.table.shape[1]

    @property
    def n_vectors(self) -> int:
        return self.slots.shape[1] + self.beads.shape[1] + self.shared.shape[1]

    @property
    def n_flags(self) -> int:
        return self.static.shape[1] + self.n_vectors + self.shared.shape[1] + 2

    def present(self, seen: Observation) -> Tensor:
        """``(batch, n_vectors)`` 1 for vectors that are there, 0 for the rest."""
        first = self.static.shape[1]
        return seen.flags[:, first : first + self.n_vectors]

    def remaining(self, scene: Scene, atoms: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, SHARED, 3)`` centres that a bead's atoms yet to be placed must have; and whether."""
        rows = torch.arange(len(atoms), device=atoms.device)
        visible = scene.visible.clone()
        visible[rows, self.own[atoms]] = False
        centres, share = self._remaining(scene.positions, visible, atoms)
        return centres, share > 0

    def set_hands(self, hands: NDArray) -> None:
        """Takes over which hydrogen of a group is which; stereocentres keep the molecule's own hands.

        Args:
            hands: ``(n_atoms,)``, see :class:`Template`.
        """
        kept = np.where(self.template.chiral, self.template.hand, hands)
        self.hand.copy_(torch.as_tensor(kept, dtype=self.hand.dtype))

    def forward(
        self, scene: Scene, atoms: Tensor, turns: Tensor | None = None, *, learn_hands: bool = False
    ) -> Observation:
        """Observations of one placement in every scene.

        Args:
            scene: around the owner beads of the atoms.
            atoms: ``(batch,)`` atoms of the molecule to be placed.
            turns: ``(batch,)`` radian by which axes are turned about z; published frames need it.
            learn_hands: read the hands off the positions, which hold the placed atom: training.
        """
        rows = torch.arange(len(atoms), device=atoms.device)
        hidden = scene.visible.clone()
        hidden[rows, self.own[atoms]] = False
        origin = scene.positions[rows, self.origin[atoms]]
        points, present = self._take(scene.positions, hidden, self.axes[atoms])
        axes = local_frames(origin, points, present)
        if turns is not None:
            axes = _turned(axes, turns)
        local = (scene.positions - origin.unsqueeze(1)) @ axes.transpose(1, 2)
        vectors, flags = self._near(local, hidden, atoms)
        hands = self._hands(scene, hidden, atoms) if learn_hands else self._known_hands(hidden, atoms)
        # the visible ones first, and no more columns than some placement needs
        first = hidden.byte().argsort(dim=1, descending=True, stable=True)[:, : int(hidden.sum(1).max())]
        chosen = (atoms * self.template.table.shape[1]).unsqueeze(1) + scene.columns.gather(1, first)
        features = self.table[chosen] * hidden.gather(1, first).unsqueeze(-1)
        voxels = self.grid.densities(local.gather(1, first.unsqueeze(-1).expand(-1, -1, 3)), features)
        return Observation(voxels, vectors, torch.cat([self.static[atoms], flags, hands], 1), origin, axes)

    def _near(self, local: Tensor, visible: Tensor, atoms: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors to relatives, to beads, and to where the rest of each bead has its centre."""
        slots, slot_there = self._take(local, visible, self.slots[atoms])
        beads, bead_there = self._take(local, visible, self.beads[atoms])
        centres, share = self._remaining(local, visible, atoms)
        vectors = torch.cat([slots, beads, centres], 1)
        return vectors, torch.cat([slot_there, bead_there, share > 0, share], 1).to(local.dtype)

    def take(self, scene: Scene, columns: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, n, 3)`` visible positions in columns, zero elsewhere; and whether they are there."""
        return self._take(scene.positions, scene.visible, columns)

    def bead_errors(self, scene: Scene, atoms: Tensor) -> Tensor:
        """``(batch, SHARED * 3)`` nm, how far an atom's beads are off, once all their atoms are placed."""
        beads, there = self.take(scene, self.shared[atoms])
        fixed = self.layout.n_fixed
        weights = self.weights[atoms] * scene.visible[:, None, :fixed]
        whole = there & ((self.total[atoms] - weights.sum(-1)).abs() < 1e-3)
        centres = weights @ scene.positions[:, :fixed] / self.total[atoms].clamp(min=1e-3).unsqueeze(-1)
        return ((centres - beads) * whole.unsqueeze(-1)).flatten(1)

    def _remaining(self, local: Tensor, visible: Tensor, atoms: Tensor) -> tuple[Tensor, Tensor]:
        """Where the centre of a bead's atoms yet to be placed must be, and their share of its weight."""
        beads, there = self._take(local, visible, self.shared[atoms])
        fixed = self.layout.n_fixed
        weights = self.weights[atoms] * visible[:, None, :fixed]
        left = (self.total[atoms] - weights.sum(-1)).clamp(min=1e-3)
        centres = (beads * self.total[atoms].unsqueeze(-1) - weights @ local[:, :fixed]) / left.unsqueeze(-1)
        near = centres.clamp(-0.5, 0.5) * there.unsqueeze(-1)
        return near, left / self.total[atoms].clamp(min=1e-3) * there

    def _take(self, values: Tensor, visible: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, n, 3)`` positions in columns, zero where absent; and whether they are there."""
        safe = columns.clamp(min=0)
        there = (columns >= 0) & visible.gather(1, safe)
        found = values.gather(1, safe.unsqueeze(-1).expand(-1, -1, 3))
        return found * there.unsqueeze(-1), there

    def _known_hands(self, visible: Tensor, atoms: Tensor) -> Tensor:
        there = [self._all_there(visible, table[atoms]) for table in (self.triple, self.centre)]
        return torch.stack([self.hand[atoms] * there[0], self.centre_hand[atoms] * there[1]], 1)

    def _hands(self, scene: Scene, visible: Tensor, atoms: Tensor) -> Tensor:
        """Hands as they are in the positions."""
        placed = scene.positions[torch.arange(len(atoms), device=atoms.device), self.own[atoms]]
        found = []
        for table, of_centre in ((self.triple, False), (self.centre, True)):
            three, _ = self._take(scene.positions, torch.ones_like(visible), table[atoms])
            a, b, c = three.unbind(1)
            sides = (a - placed, b - placed, c - placed) if of_centre else (b - a, c - a, placed - a)
            sign = (torch.linalg.cross(sides[0], sides[1]) * sides[2]).sum(-1).sign()
            found.append(sign * self._all_there(visible, table[atoms]))
        return torch.stack(found, 1)

    @staticmethod
    def _all_there(visible: Tensor, columns: Tensor) -> Tensor:
        return ((columns >= 0) & visible.gather(1, columns.clamp(min=0))).all(1)

    def _shared_weights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``(n_atoms, SHARED, n_fixed)`` weights of the columns in the beads of an atom; and their sums."""
        template = self.template
        n, count = template.shared.shape
        weights = np.zeros((n, count, self.layout.n_fixed), dtype=np.float32)
        total = np.zeros((n, count), dtype=np.float32)
        for atom in range(n):
            for place, bead in enumerate(template.shared[atom]):
                if bead < 0:
                    continue
                total[atom, place] = template.weights[bead].sum()
                for other in np.flatnonzero(template.weights[bead]):
                    column = self.layout.column_of[template.owners[atom], other]
                    weights[atom, place, column] = template.weights[bead, other]
        return weights, total

    def _keep(self, name: str, values: NDArray) -> None:
        self.register_buffer(name, torch.as_tensor(values), persistent=False)


def _turned(axes: Tensor, turns: Tensor) -> Tensor:
    cosine, sine = turns.cos().unsqueeze(-1), turns.sin().unsqueeze(-1)
    x, y, z = axes.unbind(-2)
    return torch.stack([cosine * x + sine * y, cosine * y - sine * x, z], dim=-2)
