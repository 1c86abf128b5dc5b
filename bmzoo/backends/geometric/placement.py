"""The geometric placement of Backward (Wassenaar et al., J. Chem. Theory Comput. 10, 676, 2014)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bmzoo.errors import InputError, unknown
from bmzoo.molecules.mapping import Mapping

Floats = NDArray[np.float64]

COINCIDENT = 1e-4
"""nm; atoms closer than this get a random kick."""


def bead_shares(mapping: Mapping) -> csr_array:
    """Sparse ``(n_atoms, n_beads)``, rows sum to one: an atom's place is the product with the beads.

    The weighted mean of the beads that an atom belongs to; its owner bead where it has no weight.
    """
    shares = csr_array(mapping.weights.T, dtype=np.float64)
    totals = np.asarray(shares.sum(axis=1)).ravel()
    free = np.flatnonzero(totals == 0)
    owned = csr_array((np.ones(len(free)), (free, mapping.owners[free])), shape=shares.shape)
    totals[free] = 1.0
    return csr_array(shares.multiply(1.0 / totals[:, None]) + owned)


def place(mapping: Mapping, shares: csr_array, beads: Floats, bond_length: float) -> Floats:
    """Atoms ``(n_molecules, n_atoms, 3)`` for beads ``(n_molecules, n_beads, 3)``, before any kick, nm."""
    atoms = np.stack([shares @ molecule for molecule in beads])
    for rule in mapping.rules:
        target, *others = rule.atoms
        references = [atoms[:, atom].copy() for atom in others]
        if rule.kind not in RULES:
            raise InputError(f"{mapping.source or mapping.molecule}: {unknown('rule', rule.kind, RULES)}")
        n_needed, move = RULES[rule.kind]
        if len(references) < n_needed:
            raise InputError(
                f"{mapping.source or mapping.molecule}: the rule '{rule.kind}' for atom {target + 1} "
                f"needs {n_needed} reference atoms, not {len(references)}"
            )
        atoms[:, target] = move(references, bond_length)
    return atoms


def coincident(atoms: Floats) -> NDArray[np.bool_]:
    """``(n_molecules, n_atoms)`` whether another atom of the molecule lies at the same place."""
    cells = np.round(atoms / COINCIDENT).astype(np.int64)
    found = np.zeros(atoms.shape[:2], dtype=bool)
    for molecule, rows in enumerate(cells):
        _, inverse, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        found[molecule] = counts[inverse.ravel()] > 1
    return found


def _unit(vector: Floats) -> Floats:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.divide(vector, length, out=np.zeros_like(vector), where=length > 1e-9)


def _assign(references: list[Floats], _: float) -> Floats:
    mean: Floats = np.mean(references, axis=0)
    return mean


def _trans(references: list[Floats], length: float) -> Floats:
    b, c, d = references[:3]
    return b - length * _unit(d - c)


def _cis(references: list[Floats], length: float) -> Floats:
    b, c, d = references[:3]
    return b + length * (_unit(b - c) - _unit(c - d))


def _out(references: list[Floats], length: float) -> Floats:
    b, *others = references
    return b - length * _unit(np.sum([_unit(other - b) for other in others], axis=0))


def _chiral(references: list[Floats], length: float) -> Floats:
    b, *others = references
    arms = [_unit(other - b) for other in others]
    if len(arms) == 2:
        away, normal = -_unit(arms[0] + arms[1]), _unit(np.cross(arms[0], arms[1]))
        return b + length * (away + np.sqrt(2.0) * normal) / np.sqrt(3.0)
    turns = [np.cross(first, second) for first, second in zip(arms, arms[1:] + arms[:1], strict=True)]
    return b + length * _unit(np.sum(turns, axis=0))


RULES: dict[str, tuple[int, Callable[[list[Floats], float], Floats]]] = {
    "assign": (1, _assign),
    "trans": (3, _trans),
    "cis": (3, _cis),
    "out": (2, _out),
    "chiral": (3, _chiral),
}
"""How many reference atoms a rule needs, and where it puts the atom."""
