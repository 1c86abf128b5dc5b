"""The width that constrained bonds would have, for reference frames in which they have none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]


class Vibration:
    """Lengths of constrained bonds to hydrogen, drawn from their harmonic potentials.

    A bond of energy k (r - r_0)^2 / 2 has the standard deviation sqrt(RT / k) about r_0; that it is
    independent of everything else is an approximation, which importance weights make good.

    Raises:
        InputError: no temperature or no constrained bonds, a constrained bond whose energy is unknown or that
            ends in no single atom, or hydrogens that count for a bead, which would move.
    """

    def __init__(self, topology: Topology) -> None:
        graph, field, kelvin = topology.graph, topology.force_field, topology.temperature
        if field is None or kelvin is None or not len(field.constraints):
            raise InputError(
                "'vibrate' needs a temperature and a force field with constrained bonds; "
                f"{graph.name} lacks one of them"
            )
        constants = dict(
            zip(map(tuple, np.sort(field.bonds, axis=1).tolist()), field.bond_k.tolist(), strict=True)
        )
        pairs = [tuple(sorted(pair)) for pair in field.constraints.tolist()]
        hydrogens = [max(pair, key=lambda atom: graph.is_hydrogen[atom]) for pair in pairs]
        moved = topology.mapping.matrix.toarray()[:, hydrogens].any()
        if moved or any(pair not in constants for pair in pairs) or (graph.degrees[hydrogens] > 1).any():
            raise InputError(
                "'vibrate' needs constrained bonds to hydrogens that count for no bead, with a force "
                f"constant each; those of {graph.name} are not all such bonds"
            )
        self._hydrogens = np.array(hydrogens)
        self._bonded = np.array([sum(pair) - atom for pair, atom in zip(pairs, hydrogens, strict=True)])
        self._lengths = field.constraint_r0
        self._widths = np.sqrt(GAS_CONSTANT * kelvin / np.array([constants[pair] for pair in pairs]))

    def __call__(self, atoms: Floats, rng: np.random.Generator) -> Floats:
        """``(..., n_atoms, 3)`` nm, with other bond lengths."""
        bonds = atoms[..., self._hydrogens, :] - atoms[..., self._bonded, :]
        lengths = self._lengths + self._widths * rng.standard_normal(bonds.shape[:-1])
        found = atoms.copy()
        directions = bonds / np.linalg.norm(bonds, axis=-1, keepdims=True)
        found[..., self._hydrogens, :] = atoms[..., self._bonded, :] + directions * lengths[..., None]
        return found
