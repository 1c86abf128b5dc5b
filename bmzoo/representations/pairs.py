"""Non-bonded pairs of copies of one molecule: neighbour lists without excluded pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bmzoo.errors import InputError
from bmzoo.frames.lattice import as_box, perpendicular_widths
from bmzoo.frames.periodic import neighbour_pairs
from bmzoo.molecules.forcefield import ForceField

Box = Tensor | NDArray[np.floating] | None
Ints = NDArray[np.int64]


class Pairs(NamedTuple):
    """Non-bonded pairs, each once: ``r = x[second] + shift - x[first]``.

    ``first`` and ``second`` are ``(n_pairs,)`` atoms, ``shift`` is ``(n_pairs, 3)`` nm or ``None``.
    """

    first: Tensor
    second: Tensor
    shift: Tensor | None = None


class PairFinder:
    """Finds the pairs that interact, exclusions and 1-4 pairs of the template left out."""

    def __init__(self, field: ForceField) -> None:
        self.n_atoms, self.cutoff = field.n_atoms, field.cutoff
        left_out = np.concatenate([field.exclusions, field.pairs]).astype(np.int64)
        self._keys = np.unique(left_out.min(1) * self.n_atoms + left_out.max(1)) if len(left_out) else None
        self._complete: dict[int, Pairs] = {}

    def near(self, positions: Tensor, box: Box, skin: float = 0.0) -> Pairs:
        """Pairs of one frame within the cutoff plus ``skin`` nm.

        Raises:
            InputError: a box narrower than twice the cutoff.
        """
        if self.cutoff is None:
            raise InputError("a force field without cutoff has no neighbour list; ask for every pair")
        points = positions.detach().cpu().numpy()
        lattice = None if box is None else as_box(torch.as_tensor(box).detach().cpu().numpy())
        if lattice is not None:
            _check_width(lattice, self.cutoff)
        found = neighbour_pairs(points, lattice, self.cutoff + skin)
        kept = ~self._is_excluded(found.first, found.second)
        first, second = (torch.as_tensor(ends[kept], device=positions.device) for ends in found[:2])
        if lattice is None:
            return Pairs(first, second)
        return Pairs(first, second, torch.as_tensor(found.shifts[kept] @ lattice).to(positions))

    def every(self, n_molecules: int, device: torch.device) -> Pairs:
        """All pairs, which serve any number of frames."""
        if n_molecules not in self._complete:
            first, second = np.triu_indices(n_molecules * self.n_atoms, k=1)
            kept = ~self._is_excluded(first, second)
            self._complete[n_molecules] = Pairs(torch.as_tensor(first[kept]), torch.as_tensor(second[kept]))
        first_, second_, _ = self._complete[n_molecules]
        return Pairs(first_.to(device), second_.to(device))

    def _is_excluded(self, first: Ints, second: Ints) -> NDArray[np.bool_]:
        """Looked up among the sorted keys ``i * n + j`` of the template; all images of a pair alike."""
        n = self.n_atoms
        found: NDArray[np.bool_] = first // n == second // n
        if self._keys is None:
            return np.zeros_like(found)
        one, other = first[found] % n, second[found] % n
        wanted = np.minimum(one, other) * n + np.maximum(one, other)
        place = np.searchsorted(self._keys, wanted).clip(max=len(self._keys) - 1)
        found[found] = self._keys[place] == wanted
        return found


def _check_width(box: NDArray[np.float64], cutoff: float) -> None:
    width = float(perpendicular_widths(box).min())
    if cutoff > width / 2:
        raise InputError(
            f"the cutoff of {cutoff} nm is more than half of the box, which is {width:.3f} nm between its "
            "nearest faces; use a larger box or a shorter cutoff"
        )
