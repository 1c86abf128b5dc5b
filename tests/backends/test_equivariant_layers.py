"""The tensor product written out for lmax 1 is e3nn's, and layers turn with their input."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3

from bmzoo.backends.equivariant.layers import Edges, Features, Interaction, Widths, tensor_product

WIDTHS = Widths(scalars=6, vectors=3, pseudovectors=2, hidden=4)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def _features(n: int) -> Features:
    s, v, p, _ = WIDTHS
    shapes = ((n, s), (n, 3, v), (n, 3, p))
    return Features(*(torch.randn(*shape, dtype=torch.float64) for shape in shapes))


def _edges(n: int, k: int) -> Edges:
    directions = torch.nn.functional.normalize(torch.randn(n, 3, k, dtype=torch.float64), dim=1)
    harmonics = torch.cat([torch.ones(n, 1, k, dtype=torch.float64), directions], 1)
    senders, kinds = torch.randint(0, n, (n, k)), torch.randint(0, 2, (n, k))
    return Edges(senders, kinds, harmonics, torch.rand(n, k, 5, dtype=torch.float64))


def _turned(x: Features, matrix: torch.Tensor) -> Features:
    """Pseudovectors do not change sign where ``matrix`` mirrors."""
    sign = torch.linalg.det(matrix)
    return Features(x.scalars, matrix @ x.vectors, sign * (matrix @ x.pseudovectors))


def test_it_is_the_tensor_product_of_e3nn() -> None:
    n, k = 5, 7
    _, v, p, h = WIDTHS
    sent, edges = torch.randn(n, k, sum(WIDTHS.sent), dtype=torch.float64), _edges(n, k)
    inputs = o3.Irreps(f"{h}x0e + {v}x1o + {p}x1e")
    paths = [(0, 0), (1, 1), (0, 1), (1, 0), (2, 1), (2, 0), (1, 1)]
    outputs = o3.Irreps(f"{h}x0e + {v}x0e + {h}x1o + {v}x1o + {p}x1o + {p}x1e + {v}x1e")
    theirs = o3.TensorProduct(
        inputs,
        o3.Irreps("1x0e + 1x1o"),
        outputs,
        [(one, other, out, "uvu", False) for out, (one, other) in enumerate(paths)],
        irrep_normalization="none",
    ).double()
    scalars, vectors, pseudo = torch.split(sent, list(WIDTHS.sent), -1)
    packed = [x.unflatten(-1, (3, -1)).transpose(-1, -2).flatten(-2) for x in (vectors, pseudo)]
    directions = edges.harmonics.transpose(1, 2)
    expected = theirs(torch.cat([scalars, *packed], -1), directions).sum(1)
    found = tensor_product(sent, edges.harmonics, WIDTHS)
    parts = torch.split(expected, [i.dim for i in outputs], -1)

    def unpacked(*which: int) -> torch.Tensor:
        return torch.cat([parts[k].unflatten(-1, (-1, 3)).transpose(-1, -2) for k in which], -1)

    # Clebsch-Gordan coefficients: 1 / sqrt(3) for dot products, 1 / sqrt(6) for cross products, and
    # one / sqrt(3) where one of the two is a scalar
    scale = torch.cat([torch.ones(h), torch.full((v,), 3**0.5)])
    assert torch.allclose(found.scalars, torch.cat(parts[:2], -1) * scale)
    root, cross = 3**0.5, 6**0.5
    mine = torch.cat([unpacked(2) * root, unpacked(3) * root, unpacked(4) * cross], -1)
    assert torch.allclose(found.vectors, mine)
    assert torch.allclose(found.pseudovectors, torch.cat([unpacked(5) * root, unpacked(6) * cross], -1))


@pytest.mark.parametrize("mirror", [False, True])
def test_a_layer_turns_with_its_input(mirror: bool) -> None:
    n = 9
    layer = Interaction(WIDTHS, n_radial=5, n_static=3).double()
    x, edges, static = _features(n), _edges(n, 4), torch.randn(2, 3, dtype=torch.float64)
    turn = o3.rand_matrix().double() * (-1 if mirror else 1)
    other = torch.cat([edges.harmonics[:, :1], turn @ edges.harmonics[:, 1:]], 1)
    expected = _turned(layer(x, edges, static), turn)
    found = layer(_turned(x, turn), edges._replace(harmonics=other), static)
    for one, two in zip(found, expected, strict=True):
        assert torch.allclose(one, two, atol=1e-10)


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Interaction(WIDTHS, n_radial=5, n_static=3).double()
    x, edges, static = _features(11), _edges(11, 4), torch.randn(2, 3, dtype=torch.float64)
    together = layer(x, edges, static)
    monkeypatch.setattr("bmzoo.backends.equivariant.layers.CHUNK", 12)
    for one, two in zip(layer(x, edges, static), together, strict=True):
        assert torch.allclose(one, two, atol=1e-12)
