"""From forces on atoms to forces on beads that are single atoms, with constrained bonds.

A linear map of forces F is right for a map of positions M if M F^T = 1 and if atoms joined by a constraint
have the same coefficients (Ciccotti, Kapral, Vanden-Eijnden, ChemPhysChem 6, 1809, 2005). Here atoms that
constraints join are one group; a bead's own group has the coefficient 1 and the groups of other beads 0.
The groups without a bead are free. ``basic`` aggregation leaves them out; ``optimal`` aggregation takes
the coefficients of least mean-square force, hence of least noise about the same mean force (Kraemer et
al., J. Phys. Chem. Lett. 14, 3970, 2023, with coefficients that do not depend on the configuration).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.mapping import Mapping

Floats = NDArray[np.float64]


def slice_atoms(mapping: Mapping) -> NDArray[np.int64]:
    """``(n_beads,)`` the one atom that each bead is.

    Raises:
        InputError: a bead of several atoms, or an atom in two beads.
    """
    weights = mapping.weights.toarray()
    atoms = weights.argmax(axis=1)
    if np.any((weights != 0).sum(axis=1) != 1) or len(set(atoms.tolist())) != len(atoms):
        raise InputError(
            f"the beads of {mapping.molecule} are not single atoms; forces are mapped for such beads only"
        )
    return atoms.astype(np.int64)


def constraint_groups(n_atoms: int, constraints: NDArray[np.integer]) -> NDArray[np.int64]:
    """``(n_atoms,)`` number of the group of every atom; constraints ``(n, 2)`` join groups."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    one, other = np.asarray(constraints, dtype=np.int64).reshape(-1, 2).T
    joined = csr_array((np.ones(len(one)), (one, other)), shape=(n_atoms, n_atoms))
    return connected_components(joined, directed=False)[1].astype(np.int64)


def force_map(
    beads: NDArray[np.integer],
    groups: NDArray[np.integer],
    forces: NDArray[np.floating] | None = None,
) -> Floats:
    """Coefficients that aggregate forces of atoms on beads.

    Args:
        beads: ``(n_beads,)`` atom of every bead.
        groups: ``(n_atoms,)`` from :func:`constraint_groups`.
        forces: ``(n_frames, n_atoms, 3)`` kJ/mol/nm to optimise the coefficients of free groups on;
            ``None`` leaves these at zero (basic aggregation).

    Returns:
        ``(n_beads, n_atoms)``: bead forces = coefficients @ atom forces.

    Raises:
        InputError: two beads in one constrained group.
    """
    member = (groups[None] == np.arange(groups.max() + 1)[:, None]).astype(np.float64)
    own = groups[beads]
    if len(set(own.tolist())) < len(own):
        raise InputError("two beads are joined by constraints; their forces cannot be told apart")
    coefficients = np.zeros((len(beads), len(member)))
    coefficients[np.arange(len(beads)), own] = 1.0
    free = np.setdiff1d(np.arange(len(member)), own)
    if forces is not None and len(free):
        grouped = np.einsum("ga,nax->ngx", member, forces, optimize=True)
        products = np.einsum("ngx,nhx->gh", grouped, grouped, optimize=True)
        solved = np.linalg.lstsq(products[np.ix_(free, free)], products[np.ix_(free, own)], rcond=1e-10)[0]
        coefficients[:, free] = -solved.T
    mapped: Floats = coefficients @ member
    return mapped
