"""The sigmoids of sketch-map: distances into how far apart two points are said to be, 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sigmoid:
    """``s(r) = 1 - (1 + (2^(a/b) - 1) (r/sigma)^a)^(-b/a)``: 0 at zero, a half at sigma, 1 far away.

    ``a`` says how fast small distances vanish, ``b`` how fast large ones saturate (Ceriotti, Tribello,
    Parrinello, PNAS 108, 13023, 2011).

    Raises:
        InputError: a sigma or an exponent at which the map has no gradient.
    """

    sigma: float
    a: float
    b: float

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and np.isfinite(self.sigma)):
            raise InputError(f"sigma of a sketch-map must be a positive distance, not {self.sigma}")
        if not (self.a >= 2 and self.b > 0):
            raise InputError(f"exponents of a sketch-map are a >= 2 and b > 0, not {self.a}, {self.b}")

    def __call__(self, squared: Floats) -> Floats:
        """``s`` of squared distances."""
        return 1.0 - (1.0 + self._reduced(squared)) ** (-self.b / self.a)

    def with_slope(self, squared: Floats) -> tuple[Floats, Floats]:
        """``s``, and its derivative over the distance, ``s'(r) / r``, finite at zero."""
        reduced = self._reduced(squared)
        power = (1.0 + reduced) ** (-self.b / self.a)
        factor = self.b * self._scale / self.sigma**2
        slope = factor * (squared / self.sigma**2) ** (self.a / 2 - 1) * power / (1.0 + reduced)
        return 1.0 - power, slope

    @property
    def _scale(self) -> float:
        return float(2.0 ** (self.a / self.b) - 1.0)

    def _reduced(self, squared: Floats) -> Floats:
        return self._scale * (squared / self.sigma**2) ** (self.a / 2)
