"""Equivariant layers for scalars (0e), vectors (1o) and pseudovectors (1e), written out for lmax 1.

The depthwise tensor product of e3nn ('uvu' paths with the spherical harmonics of the edge) as one gather, one
product with radial weights and one batched matrix product over a table of neighbours: no scatter, and
faster than the generic code. ``tests/backends/test_equivariant_layers.py`` compares the two.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

CHUNK = 4096
"""Pairs that are worked on at a time: they stay in the cache."""


class Features(NamedTuple):
    """Features of atoms; irreps ``S x 0e + V x 1o + P x 1e``.

    Attributes:
        scalars: ``(n, S)``.
        vectors: ``(n, 3, V)``.
        pseudovectors: ``(n, 3, P)``.
    """

    scalars: Tensor
    vectors: Tensor
    pseudovectors: Tensor


class Edges(NamedTuple):
    """Geometry of a table of neighbours.

    Attributes:
        senders: ``(n, k)``.
        kinds: ``(n, k)`` row of the table of what is known of a pair before any coordinate.
        harmonics: ``(n, 4, k)`` one, and the direction to the sender; zero where there is no neighbour.
        radial: ``(n, k, R)`` functions of the distance.
    """

    senders: Tensor
    kinds: Tensor
    harmonics: Tensor
    radial: Tensor

    def rows(self, chosen: slice) -> Edges:
        """Some of the atoms that hear."""
        return Edges(*(part[chosen] for part in self))


class Widths(NamedTuple):
    """Numbers of channels: of atoms; and ``hidden`` of radial networks and of scalars that are sent."""

    scalars: int
    vectors: int
    pseudovectors: int
    hidden: int

    @property
    def sent(self) -> tuple[int, int, int]:
        """Numbers that an atom sends: scalars, components of vectors and of pseudovectors."""
        return self.hidden, 3 * self.vectors, 3 * self.pseudovectors


def tensor_product(sent: Tensor, harmonics: Tensor, widths: Widths) -> Features:
    """Sum over neighbours of what they send times the spherical harmonics of the edge, by irreps.

    Args:
        sent: ``(n, k, sum(widths.sent))`` scalars, vectors ``(3, V)``, pseudovectors ``(3, P)``.
        harmonics: ``(n, 4, k)``.

    Returns:
        Scalars ``(n, hidden + V)``: 0e x 0e, 1o x 1o. Vectors ``(n, 3, hidden + V + P)``: 0e x 1o,
        1o x 0e, 1e x 1o. Pseudovectors ``(n, 3, P + V)``: 1e x 0e, 1o x 1o.
    """
    scalars, vectors, pseudo = torch.split(torch.bmm(harmonics, sent), list(widths.sent), -1)
    vectors, pseudo = (part.reshape(len(part), 4, 3, -1) for part in (vectors, pseudo))
    dots = vectors[:, 1, 0] + vectors[:, 2, 1] + vectors[:, 3, 2]
    return Features(
        torch.cat([scalars[:, 0], dots], -1),
        torch.cat([scalars[:, 1:], vectors[:, 0], _crossed(pseudo)], -1),
        torch.cat([pseudo[:, 0], _crossed(vectors)], -1),
    )


def _crossed(products: Tensor) -> Tensor:
    """``(n, 3, C)`` sum of ``sent x direction``, from ``(n, 4, 3, C)`` products of their components."""
    outer = products[:, 1:]
    return torch.stack(
        [
            outer[:, 2, 1] - outer[:, 1, 2],
            outer[:, 0, 2] - outer[:, 2, 0],
            outer[:, 1, 0] - outer[:, 0, 1],
        ],
        1,
    )


class Norm(nn.Module):
    """Layer norm of scalars; vectors are divided by their root mean square length."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.scalars = nn.LayerNorm(widths.scalars)

    def forward(self, x: Features) -> Features:
        return Features(self.scalars(x.scalars), _normed(x.vectors), _normed(x.pseudovectors))


def _normed(vectors: Tensor) -> Tensor:
    return vectors / (vectors.square().sum(1, keepdim=True).mean(-1, keepdim=True) + 1e-2).sqrt()


class Interaction(nn.Module):
    """One round: atoms hear their neighbours, then mix what they know.

    The radial network, which weighs every channel that is sent, sees the distance, what is known of
    the pair, and the scalars of both ends.
    """

    def __init__(self, widths: Widths, n_radial: int, n_static: int) -> None:
        super().__init__()
        s, v, p, h = self.widths = widths
        self.norm = Norm(widths)
        self.radial = nn.Linear(n_radial, h)
        self.ends = nn.Linear(s, 2 * h)
        self.static = nn.Linear(n_static, h)
        self.weights = nn.Linear(h, h + v + p)
        self.send = nn.Linear(s, h)
        self.vectors = nn.Linear(h + 2 * v + p, v, bias=False)
        self.pseudovectors = nn.Linear(2 * p + v, p, bias=False)
        self.pairs = nn.Linear(v, 2 * v, bias=False)
        self.mix = nn.Sequential(nn.Linear(s + h + 3 * v + p, s), nn.SiLU(), nn.Linear(s, s + v + p))

    def forward(self, x: Features, edges: Edges, static: Tensor) -> Features:
        """``static`` are ``(n_kinds, n_static)`` features of kinds of pairs."""
        normed = self.norm(x)
        heard = self._hear(normed, edges, self.static(static))
        vectors = self.vectors(torch.cat([normed.vectors, heard.vectors], -1))
        pseudo = self.pseudovectors(torch.cat([normed.pseudovectors, heard.pseudovectors], -1))
        one, other = self.pairs(vectors).chunk(2, -1)
        invariants = [(one * other).sum(1), _length(vectors), _length(pseudo)]
        s, v, p, _ = self.widths
        mixed = self.mix(torch.cat([normed.scalars, heard.scalars, *invariants], -1))
        scalars, gates, pseudo_gates = mixed.split([s, v, p], -1)
        return Features(
            x.scalars + scalars,
            x.vectors + vectors * gates.unsqueeze(1),
            x.pseudovectors + pseudo * pseudo_gates.unsqueeze(1),
        )

    def _hear(self, x: Features, edges: Edges, static: Tensor) -> Features:
        here, there = (ends.contiguous() for ends in self.ends(x.scalars).chunk(2, -1))
        sent = torch.cat([self.send(x.scalars), x.vectors.flatten(1), x.pseudovectors.flatten(1)], 1)
        weight, bias = self._expanded(self.weights.weight), self._expanded(self.weights.bias)
        n, k = edges.senders.shape
        size = max(1, CHUNK // max(k, 1))
        found = []
        for start in range(0, n, size):
            some = edges.rows(slice(start, start + size))
            senders = some.senders.flatten()
            hidden = self.radial(some.radial).flatten(0, 1) + there.index_select(0, senders)
            hidden = hidden + static.index_select(0, some.kinds.flatten())
            hidden = silu(hidden.view(-1, k, hidden.shape[1]) + here[start : start + size, None])
            weights = linear(hidden.flatten(0, 1), weight, bias)
            weighted = (weights * sent.index_select(0, senders)).view(-1, k, sent.shape[1])
            found.append(tensor_product(weighted, some.harmonics, self.widths))
        if len(found) == 1:
            return found[0]
        return Features(*(torch.cat(parts) for parts in zip(*found, strict=True)))

    def _expanded(self, rows: Tensor) -> Tensor:
        """One row for each number that is sent: the components of a vector share a weight."""
        _, v, p, h = self.widths
        scalars, vectors, pseudo = torch.split(rows, [h, v, p])
        repeated = [part.repeat(3, *(1,) * (rows.ndim - 1)) for part in (vectors, pseudo)]
        return torch.cat([scalars, *repeated])


def _length(vectors: Tensor) -> Tensor:
    """``(n, C)`` smooth at zero."""
    return (vectors.square().sum(1) + 1e-4).sqrt()
