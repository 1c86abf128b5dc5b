"""The velocity of every atom: an SE(3)-equivariant network that tells mirror images apart."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from bmzoo.backends.equivariant.config import EquivariantConfig
from bmzoo.backends.equivariant.embedding import CHEMISTRY, ChemicalEmbedding, Chemistry, Known, perceptron
from bmzoo.backends.equivariant.graph import Graph
from bmzoo.backends.equivariant.layers import Edges, Features, Interaction, Norm, Widths
from bmzoo.backends.equivariant.tables import N_RELATIONS

LENGTH = 0.1
"""nm; coordinates are of this size inside the network."""
CENTRES = (*(0.6 + 0.2 * k for k in range(18)), 4.3, 4.8, 5.5, 6.5, 8.0, 10.0)
"""Where the Gaussians of distance stand, in ``LENGTH``: closely where bonded atoms are."""
N_TIMES = 8
SOFT = 0.1
"""Distance, in ``LENGTH``, below which directions fade out."""
SHARPEST = 0.02
"""Scale, in ``LENGTH``, on which a pair's deviation from its own distance is seen at the end of the flow."""


class Previous(NamedTuple):
    """The frame before.

    Attributes:
        atoms: ``(n, 3)`` nm, where its atoms would be about the present beads.
        there: ``(n_units,)`` 1 where there is a frame before, else 0.
    """

    atoms: Tensor
    there: Tensor


class VelocityNetwork(nn.Module):
    """Velocity of the flow, given atoms, time and beads.

    Chirality: the gradient of the signed volume of a centre's four neighbours is a pseudovector for
    each of them; times the hand that the centre must have it is a vector, and where no hand is known it
    is zero. So mirror images differ just where hands do, and nothing depends on how atoms are numbered.
    For an atom with three neighbours the hand is the volume of the four itself: how far it is from flat.
    Four consecutive beads whose types tell them from their mirror image enter like a centre's neighbours.
    """

    centres: Tensor
    sharpness: Tensor

    def __init__(self, config: EquivariantConfig) -> None:
        super().__init__()
        self.config = config
        s, v, _, h = self.widths = Widths(config.scalars, config.vectors, config.pseudovectors, config.hidden)
        n = 3 if config.temporal else 1
        self.chemistry = ChemicalEmbedding()
        self.first = nn.Linear(CHEMISTRY + N_TIMES + 1 + n + config.temporal, s)
        self.start = nn.Linear(s, n * v)
        self.bead_radial = nn.Linear(len(CENTRES) + N_RELATIONS, h)
        self.bead_kinds = nn.Linear(CHEMISTRY, h)
        self.bead_ends = nn.Linear(s, h)
        self.bead_weights = nn.Linear(h, h + v)
        self.bead_scalars = nn.Linear(h, s)
        self.corner_vectors = nn.Linear(CHEMISTRY, v)
        self.corner_scalars = nn.Linear(CHEMISTRY, s)
        self.layers = nn.ModuleList(
            Interaction(self.widths, len(CENTRES) + 1, CHEMISTRY) for _ in range(config.layers)
        )
        self.norm = Norm(self.widths)
        self.out = nn.Linear(v, v, bias=False)
        self.gates = perceptron(s, v + n, s)
        centres = torch.tensor(CENTRES)
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("sharpness", 1 / centres.diff(append=2 * centres[-1:] - centres[-2:-1]), False)

    def forward(
        self, chemistry: Chemistry, graph: Graph, x: Tensor, t: Tensor, previous: Previous | None = None
    ) -> Tensor:
        """Velocities ``(n, 3)``, nm per unit of time; zero for atoms that are beads.

        Args:
            x: ``(n, 3)`` nm.
            t: ``(n_units,)`` from 0 to 1.
            previous: what a temporal network is also conditioned on.
        """
        known = self.chemistry(chemistry)
        time = t[graph.units].unsqueeze(-1)
        inputs = [(x - graph.anchors) / LENGTH]
        flags = [_times(time)]
        if self.config.temporal:
            there = torch.zeros_like(time) if previous is None else previous.there[graph.units].unsqueeze(-1)
            before = graph.anchors if previous is None else previous.atoms
            inputs += [(before - x) / LENGTH * there, (before - graph.anchors) / LENGTH * there]
            flags.append(there)
        lengths = [_length(vector) for vector in inputs]
        scalars = self.first(torch.cat([known.atoms[graph.atoms], *flags, *lengths], -1))
        start = self.start(scalars).unflatten(-1, (len(inputs), -1))
        vectors = torch.einsum("nkx,nkv->nxv", torch.stack(inputs, 1), start)
        bead_scalars, bead_vectors = self._hear_beads(chemistry, graph, known, scalars, x)
        corner_scalars, corner_vectors = self._corners(chemistry, graph, known, x, time)
        features = Features(
            scalars + bead_scalars + corner_scalars,
            vectors + bead_vectors + corner_vectors,
            x.new_zeros(len(x), 3, self.widths.pseudovectors),
        )
        edges = self._edges(graph, known, x, time)
        for layer in self.layers:
            features = layer(features, edges, known.pairs)
        velocity = LENGTH * self._read_out(features, inputs)
        if self.config.predict == "endpoint":
            velocity = (graph.anchors + velocity - x) / (1 - time).clamp(min=1e-3)
        return velocity * chemistry.free[graph.atoms].unsqueeze(-1)

    def length_loss(self, chemistry: Chemistry, graph: Graph, x: Tensor) -> Tensor:
        """Mean squared error of the pairs' own distances at atoms ``(n, 3)`` nm of the data.

        They are what deviations are counted from, so they are learned as means, and not by the flow.
        """
        known = self.chemistry(chemistry)
        distance, _ = _polar((_taken(x, graph.senders) - x.unsqueeze(1)) / LENGTH)
        bonded = (graph.paths >= 0) & (graph.paths < len(known.lengths) - 1)
        error = distance - _taken(known.lengths, graph.paths.clamp(min=0))
        return (error.square() * bonded).sum() / bonded.sum().clamp(min=1)

    def _hear_beads(
        self, chemistry: Chemistry, graph: Graph, known: Known, scalars: Tensor, x: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Scalars ``(n, s)`` and vectors ``(n, 3, v)`` from the beads around: once, as they have no state."""
        distance, direction = _polar((graph.beads - x.unsqueeze(1)) / LENGTH)
        n_beads = chemistry.relations.shape[1]
        rows = graph.atoms.unsqueeze(1) * n_beads + graph.bead_kinds.clamp(min=0)
        relations = _taken(chemistry.relations.flatten(0, 1), rows) * graph.bead_own.unsqueeze(-1)
        hidden = self.bead_radial(torch.cat([self._basis(distance), relations], -1))
        hidden = hidden + _taken(self.bead_kinds(known.beads), graph.bead_kinds.clamp(min=0))
        weights = self.bead_weights(silu(hidden + self.bead_ends(scalars).unsqueeze(1)))
        weights = weights * (graph.bead_kinds >= 0).unsqueeze(-1)
        plain, outward = weights.split([self.widths.hidden, self.widths.vectors], -1)
        return self.bead_scalars(plain.sum(1)), direction.transpose(1, 2) @ outward

    def _corners(
        self, chemistry: Chemistry, graph: Graph, known: Known, x: Tensor, time: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Scalars and vectors that say where the hands of its centres want an atom."""
        around = graph.quads[:, 1:]
        a, b, c, d = ((x / LENGTH)[around[:, k]] for k in range(4))
        one, two, three = b - a, c - a, d - a
        of_b, of_c, of_d = (torch.linalg.cross(*p) for p in ((two, three), (three, one), (one, two)))
        gradients = torch.stack([-of_b - of_c - of_d, of_b, of_c, of_d], 1)
        edges = torch.stack([one, two, three, c - b, d - b, d - c], 1)
        size = (edges.square().sum(-1).mean(-1) + SOFT).sqrt()
        volume = (of_d * three).sum(-1) / size**3
        bent = volume / (volume.square() + (SHARPEST + 1 - time[around[:, 0], 0]).square()).sqrt()
        hand = chemistry.hands[graph.quad_kinds] + chemistry.flat[graph.quad_kinds] * bent
        volume = hand * volume
        towards = hand[:, None, None] * gradients / size[:, None, None] ** 2
        learned = known.corners[graph.quad_kinds]
        rows = around.reshape(-1)
        scalars = self.corner_scalars(learned) * volume[:, None, None]
        vectors = towards.unsqueeze(-1) * self.corner_vectors(learned).unsqueeze(2)
        return _summed(scalars, rows, len(x)), _summed(vectors, rows, len(x))

    def _edges(self, graph: Graph, known: Known, x: Tensor, time: Tensor) -> Edges:
        distance, direction = _polar((_taken(x, graph.senders) + graph.shifts - x.unsqueeze(1)) / LENGTH)
        n_paths = len(known.lengths) - 1
        bonded = (graph.paths >= 0) & (graph.paths < n_paths)
        static = torch.where(graph.paths >= 0, graph.paths, n_paths)
        deviation = distance - _taken(known.lengths.detach(), static)
        scale = SHARPEST + 1 - time
        deviation = deviation / (deviation.square() + scale**2).sqrt() * bonded
        cutoff = self.config.cutoff / LENGTH
        fading = 0.5 + 0.5 * torch.cos(math.pi * (distance / cutoff).clamp(max=1))
        envelope = torch.where(bonded, 1.0, fading * (graph.paths >= 0))
        radial = torch.cat([self._basis(distance), deviation.unsqueeze(-1)], -1)
        harmonics = torch.cat([torch.ones_like(distance).unsqueeze(1), direction.transpose(1, 2)], 1)
        return Edges(graph.senders, static, harmonics * envelope.unsqueeze(1), radial)

    def _basis(self, distance: Tensor) -> Tensor:
        """Gaussians, as wide as they are apart."""
        return torch.exp(-((distance.unsqueeze(-1) - self.centres) * self.sharpness).square())

    def _read_out(self, features: Features, inputs: list[Tensor]) -> Tensor:
        """``(n, 3)`` in ``LENGTH``."""
        normed = self.norm(features)
        gates = self.gates(normed.scalars)
        vectors = torch.cat([self.out(normed.vectors), torch.stack(inputs, -1)], -1)
        return (vectors * gates.unsqueeze(1)).sum(-1)


def _taken(table: Tensor, rows: Tensor) -> Tensor:
    """``table[rows]`` for rows of any shape."""
    return table.index_select(0, rows.flatten()).reshape(*rows.shape, *table.shape[1:])


def _summed(parts: Tensor, rows: Tensor, n: int) -> Tensor:
    """``(n, ...)`` sums of parts ``(n_quads, 4, ...)`` by rows."""
    return parts.new_zeros(n, *parts.shape[2:]).index_add(0, rows, parts.flatten(0, 1))


def _times(time: Tensor) -> Tensor:
    """``(n, N_TIMES + 1)``: Gaussians, and a logarithm that spreads the end."""
    centres = torch.linspace(0, 1, N_TIMES, dtype=time.dtype, device=time.device)
    gaussians = torch.exp(-((time - centres) * N_TIMES).square())
    return torch.cat([gaussians, torch.log(1 - time + SHARPEST)], -1)


def _polar(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Distances ``(...)`` and directions ``(..., 3)``, smooth at zero."""
    distance = (vectors.square().sum(-1) + SOFT**2).sqrt()
    return distance, vectors / distance.unsqueeze(-1)


def _length(vectors: Tensor) -> Tensor:
    """``(n, 1)`` bounded growth, so that far atoms do not drown the rest."""
    return torch.log1p(vectors.square().sum(-1, keepdim=True))
