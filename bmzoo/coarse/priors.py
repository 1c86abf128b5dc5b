"""The priors of a coarse-grained force field as a torch module; its parameters stay as they were fitted."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bmzoo.coarse.terms import (
    EXPONENT,
    QUANTILE,
    Coordinates,
    circular_fit,
    find_coordinates,
    harmonic_fit,
    torsion_fit,
)
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.mapping import Mapping
from bmzoo.representations.interactions import lengths, wrap

HARMONIC = ("bonds", "angles", "impropers")

STRAIGHT = 0.99985
"""Cosine of a degree."""


class Priors(nn.Module):
    """``forward``: energies ``(n_frames,)`` kJ/mol of bead positions ``(n_frames, n_beads, 3)`` nm.

    Args:
        mapping: bonds between the beads of one molecule.
    """

    differences: Tensor
    pairs_sigma: Tensor
    torsions_cosine: Tensor
    torsions_sine: Tensor
    kt: Tensor

    def __init__(self, mapping: Mapping) -> None:
        super().__init__()
        self.coordinates: Coordinates = find_coordinates(mapping)
        sizes = {name: len(rows) for name, rows in vars(self.coordinates).items()}
        matrices = _difference_matrices(self.coordinates, mapping.n_beads)
        self._rows = [len(rows) for rows in matrices]
        self.register_buffer("differences", torch.cat(matrices), persistent=False)
        for name in HARMONIC:
            self.register_buffer(f"{name}_centre", torch.zeros(sizes[name]))
            self.register_buffer(f"{name}_k", torch.zeros(sizes[name]))
        self.register_buffer("torsions_cosine", torch.zeros(0))
        self.register_buffer("torsions_sine", torch.zeros(0))
        self.register_buffer("pairs_sigma", torch.zeros(sizes["pairs"]))
        self.register_buffer("kt", torch.zeros(()))
        self.set_torsions(np.zeros((sizes["torsions"], 4, 2)))

    def set_torsions(self, coefficients: NDArray[np.floating]) -> None:
        """``(n, order, 2)`` Fourier coefficients, kJ/mol."""
        self.torsions_cosine = torch.as_tensor(coefficients[..., 0], dtype=torch.float32)
        self.torsions_sine = torch.as_tensor(coefficients[..., 1], dtype=torch.float32)

    def fit(self, positions: NDArray[np.floating], temperature: float) -> None:
        """Boltzmann inversion of frames ``(n_frames, n_beads, 3)`` nm at ``temperature`` K."""
        kt = GAS_CONSTANT * temperature
        with torch.no_grad():
            values = self.measure(torch.as_tensor(positions, dtype=torch.float64))
        found = {name: value.numpy() for name, value in values.items()}
        for name, fit in (("bonds", harmonic_fit), ("angles", harmonic_fit), ("impropers", circular_fit)):
            centre, k = fit(found[name], kt)
            getattr(self, f"{name}_centre").copy_(torch.as_tensor(centre))
            getattr(self, f"{name}_k").copy_(torch.as_tensor(k))
        self.set_torsions(torsion_fit(found["torsions"], kt))
        if len(self.coordinates.pairs):
            self.pairs_sigma.copy_(torch.as_tensor(np.quantile(found["pairs"], QUANTILE, axis=0)))
        self.kt.fill_(kt)

    def measure(self, positions: Tensor) -> dict[str, Tensor]:
        """Internal coordinates, ``(n_frames, n)`` each: nm, radian; by the names of :class:`Coordinates`.

        All vectors between beads come from one matrix product: dynamics pays for every operation.
        """
        vectors = torch.matmul(self.differences.to(positions.dtype), positions)
        parts = torch.split(vectors, self._rows, dim=1)
        distances = lengths(parts[0])
        turns = _turns(*parts[3:6])
        n_bonds, n_torsions = len(self.coordinates.bonds), len(self.coordinates.torsions)
        return {
            "bonds": distances[:, :n_bonds],
            "pairs": distances[:, n_bonds:],
            "angles": _bends(parts[1], parts[2]),
            "torsions": turns[:, :n_torsions],
            "impropers": turns[:, n_torsions:],
        }

    def forward(self, positions: Tensor) -> Tensor:
        return self.energy(self.measure(positions))

    def energy(self, values: dict[str, Tensor]) -> Tensor:
        """``(n_frames,)`` kJ/mol of what :meth:`measure` returned."""
        energy = sum(
            (0.5 * getattr(self, f"{name}_k") * self._gaps(values, name).square()).sum(-1)
            for name in HARMONIC
        )
        order = torch.arange(1, self.torsions_cosine.shape[-1] + 1, device=values["torsions"].device)
        waves = values["torsions"].unsqueeze(-1) * order
        series = self.torsions_cosine * torch.cos(waves) + self.torsions_sine * torch.sin(waves)
        near = (self.pairs_sigma / values["pairs"]) ** EXPONENT
        return energy + series.sum((-1, -2)) + self.kt * near.sum(-1)

    @property
    def n_scaled(self) -> int:
        """How many numbers :meth:`scaled` gives a frame."""
        return sum(getattr(self, f"{name}_k").shape[0] for name in HARMONIC) + 2 * len(
            self.coordinates.torsions
        )

    def scaled(self, values: dict[str, Tensor]) -> Tensor:
        """``(n_frames, n_scaled)``: distances from the centres in standard deviations, sines and cosines."""
        widths = [(getattr(self, f"{name}_k") / self.kt).sqrt() for name in HARMONIC]
        gaps = [self._gaps(values, name) * w for name, w in zip(HARMONIC, widths, strict=True)]
        phi = values["torsions"]
        return torch.cat([*gaps, torch.sin(phi), torch.cos(phi)], dim=-1)

    def _gaps(self, values: dict[str, Tensor], name: str) -> Tensor:
        gap = values[name] - getattr(self, f"{name}_centre")
        return wrap(gap) if name == "impropers" else gap


def _difference_matrices(coordinates: Coordinates, n_beads: int) -> list[Tensor]:
    """Matrices that take vectors from positions: along bonds and pairs, both sides of angles, and the
    three steps of torsions and impropers."""
    unit = torch.eye(n_beads)

    def between(rows: NDArray[np.integer], start: int, end: int) -> Tensor:
        return unit[rows[:, end]] - unit[rows[:, start]]

    lines = np.concatenate([coordinates.bonds, coordinates.pairs])
    quads = np.concatenate([coordinates.torsions, coordinates.impropers])
    return [
        between(lines, 0, 1),
        between(coordinates.angles, 1, 0),
        between(coordinates.angles, 1, 2),
        *(between(quads, k, k + 1) for k in range(3)),
    ]


def _bends(left: Tensor, right: Tensor) -> Tensor:
    """``(...)`` radian between vectors; no gradient within a degree of straight."""
    cosine = (left * right).sum(-1) / (lengths(left) * lengths(right))
    return torch.acos(cosine.clamp(-STRAIGHT, STRAIGHT))


def _turns(first: Tensor, axis: Tensor, last: Tensor) -> Tensor:
    """``(...)`` radian, IUPAC: trans is pi."""
    before, after = torch.linalg.cross(first, axis), torch.linalg.cross(axis, last)
    return torch.atan2(lengths(axis) * (first * after).sum(-1), (before * after).sum(-1))
