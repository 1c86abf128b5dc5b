"""Parameters of GROMACS force fields by atom type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from bmzoo.errors import InputError
from bmzoo.molecules.formats.gromacs_text import Row

WIDTHS = {"bondtypes": 2, "constrainttypes": 2, "pairtypes": 2, "angletypes": 3, "dihedraltypes": 4}
ANY = "X"
IMPROPER_FUNCTIONS = (2, 4)


class AtomType(NamedTuple):
    """``bonded`` is the name under which bonded parameters are listed."""

    bonded: str
    mass: float
    charge: float
    sigma: float
    epsilon: float


class BondedType(NamedTuple):
    """Parameters of the terms between ``types`` with a GROMACS function type."""

    types: tuple[str, ...]
    function: int
    values: tuple[float, ...]


@dataclass
class TypeTables:
    """What [ defaults ], [ atomtypes ] and the like say."""

    combination_rule: int | None = None
    generate_pairs: bool = False
    fudge_lj: float = 1.0
    fudge_charge: float = 1.0
    atoms: dict[str, AtomType] = field(default_factory=dict)
    bonded: dict[str, list[BondedType]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Takes a row of a type section in.

        Raises:
            InputError: a malformed row.
        """
        if row.section == "defaults":
            self._add_defaults(row)
        elif row.section == "atomtypes":
            self._add_atom(row)
        else:
            self.bonded.setdefault(row.section, []).append(_bonded_type(row))

    @property
    def combination(self) -> Literal["lorentz-berthelot", "geometric"]:
        return "lorentz-berthelot" if self.combination_rule == 2 else "geometric"

    def lennard_jones(self, first: float, second: float) -> tuple[float, float]:
        """Sigma and epsilon; rule 1 lists C6 and C12 instead."""
        if self.combination_rule != 1:
            return abs(first), second
        if first <= 0 or second <= 0:
            return 1.0, 0.0
        return float((second / first) ** (1 / 6)), first**2 / (4 * second)

    def find(self, section: str, types: Sequence[str], function: int) -> list[BondedType]:
        """Rows for these (bonded) types, read in either direction; exact ones before wildcards.

        Several rows are found where a torsion has several terms (function 9).
        """
        wanted = tuple(types)
        rows = [r for r in self.bonded.get(section, []) if _same_function(r.function, function)]
        for pattern in (wanted, wanted[::-1]):
            exact = [r for r in rows if r.types == pattern]
            if exact:
                return exact
        matching = [r for r in rows if _matches(r.types, wanted) or _matches(r.types, wanted[::-1])]
        if not matching:
            return []
        fewest = min(r.types.count(ANY) for r in matching)
        best = next(r.types for r in matching if r.types.count(ANY) == fewest)
        return [r for r in matching if r.types == best]

    def _add_defaults(self, row: Row) -> None:
        if row.integer(0) != 1:
            raise row.error("only Lennard-Jones potentials (nbfunc 1) can be used")
        self.combination_rule = row.integer(1)
        if self.combination_rule not in (1, 2, 3):
            raise row.error(f"combination rule {self.combination_rule} does not exist; it is 1, 2 or 3")
        self.generate_pairs = len(row.words) > 2 and row.words[2].lower() == "yes"
        self.fudge_lj = row.real(3) if len(row.words) > 3 else 1.0
        self.fudge_charge = row.real(4) if len(row.words) > 4 else 1.0

    def _add_atom(self, row: Row) -> None:
        """``name [bonded type] [atomic number] mass charge kind V W``."""
        words = row.words
        if len(words) < 6 or not words[-3].isalpha():
            raise row.error("expected 'name mass charge A sigma epsilon'")
        last = len(words)
        between = words[1 : last - 5]
        bonded = between[0] if between and not between[0].isdigit() else words[0]
        if self.combination_rule is None:
            raise row.error("[ defaults ] must come first; it says what the two parameters mean")
        sigma, epsilon = self.lennard_jones(row.real(last - 2), row.real(last - 1))
        self.atoms[words[0]] = AtomType(bonded, row.real(last - 5), row.real(last - 4), sigma, epsilon)


def _bonded_type(row: Row) -> BondedType:
    width = WIDTHS[row.section]
    if row.section == "dihedraltypes" and len(row.words) > 2 and row.words[2].isdigit():
        # old style: the two middle types of a torsion, the two outer ones of an improper
        function = row.integer(2)
        first, second = row.words[:2]
        types = (first, ANY, ANY, second) if function in IMPROPER_FUNCTIONS else (ANY, first, second, ANY)
        return BondedType(types, function, row.reals(3))
    function = row.integer(width)
    return BondedType(row.words[:width], function, row.reals(width + 1))


def _same_function(listed: int, wanted: int) -> bool:
    """Torsions of functions 1 and 9 have the same form."""
    return listed == wanted or {listed, wanted} == {1, 9}


def _matches(pattern: tuple[str, ...], types: tuple[str, ...]) -> bool:
    return all(p in (ANY, t) for p, t in zip(pattern, types, strict=True))


def ryckaert_bellemans(coefficients: Sequence[float]) -> list[tuple[int, float, float]]:
    """Function 3 as cosine terms ``(n, phase, k)`` of ``k (1 + cos(n phi - phase))``.

    ``sum C_n cos^n(phi - 180)`` is a Chebyshev expansion; constants are dropped.

    Raises:
        InputError: not six coefficients.
    """
    if len(coefficients) != 6:
        raise InputError(f"a Ryckaert-Bellemans torsion has six coefficients, not {len(coefficients)}")
    series = np.polynomial.chebyshev.poly2cheb(np.asarray(coefficients, dtype=np.float64))
    terms = []
    for n, amplitude in enumerate(series.tolist()):
        signed = amplitude * (-1) ** n
        if n and abs(signed) > 1e-12:
            terms.append((n, 0.0 if signed > 0 else float(np.pi), abs(signed)))
    return terms
