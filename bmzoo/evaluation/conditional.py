"""How much atoms vary in the reference when the beads around them are given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation.context import Context
from bmzoo.evaluation.geometry import superpose

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ENVIRONMENT = 5
"""Beads, the one in question included, that are said to condition its atoms."""
MIN_MOLECULES = 60
CANDIDATES = 6
"""Nearest environments looked at for each."""


def owned_beads(context: Context) -> dict[int, Ints]:
    """Atoms, ``(n,)``, of every bead that owns any."""
    owners = context.topology.mapping.owners
    found = {b: np.flatnonzero(owners == b) for b in range(context.topology.n_beads)}
    return {bead: atoms for bead, atoms in found.items() if len(atoms)}


def conditional_spread(
    context: Context, beads: dict[int, Ints], molecules: Floats
) -> tuple[Floats | None, str]:
    """Mean squared distance of a bead's atoms between two draws from p(atoms | beads nearby).

    For every bead, pairs of independent environments with nearly the same beads are superposed on
    those beads; the squared distance of the atoms is fitted as s0^2 + c d^2, d being the
    remaining RMSD of the beads, and s0^2 is the answer.

    Args:
        beads: atoms by bead.
        molecules: rows (priority, frame, molecule, coordinates) of whole reference molecules.

    Returns:
        ``(n_beads,)`` nm^2, and a note; ``None`` and the reason where it cannot be estimated.
    """
    if len(molecules) < MIN_MOLECULES:
        return (
            None,
            f"only {len(molecules)} reference molecules: the conditional ensemble cannot be estimated",
        )
    atoms = molecules[:, 3:].reshape(len(molecules), -1, 3)
    coarse = context.topology.mapping.apply(atoms.reshape(-1, 3)).reshape(len(molecules), -1, 3)
    spreads, distances = [], []
    for bead, owned in beads.items():
        near = environment(context, bead)
        if len(near) < 3:
            return None, "fewer than three connected beads: the conditional ensemble cannot be estimated"
        one, other = _similar(coarse[:, near], molecules[:, 1], molecules[:, 2])
        if len(one) < MIN_MOLECULES // 2:
            return None, "too few independent frames: the conditional ensemble cannot be estimated"
        spread, distance = _extrapolated(context, coarse[:, near], atoms, owned, one, other)
        spreads.append(spread)
        distances.append(distance)
    note = (
        f"reference {np.sqrt(np.mean(spreads)):.4f} nm, from pairs of environments of {ENVIRONMENT} beads "
        f"that agree to {np.sqrt(np.mean(distances)):.4f} nm, extrapolated to agreement"
    )
    return np.array(spreads), note


def environment(context: Context, bead: int) -> Ints:
    """``(n,)``: the bead and its nearest along bonds, ``ENVIRONMENT`` in all where there are as many."""
    mapping = context.topology.mapping
    near: dict[int, set[int]] = {b: set() for b in range(mapping.n_beads)}
    for i, j in mapping.bonds.tolist():
        near[i].add(j)
        near[j].add(i)
    found, waiting = [bead], [bead]
    while waiting and len(found) < ENVIRONMENT:
        for other in sorted(near[waiting.pop(0)]):
            if other not in found and len(found) < ENVIRONMENT:
                found.append(other)
                waiting.append(other)
    return np.array(sorted(found))


def _similar(beads: Floats, frames: Floats, molecules: Floats) -> tuple[Ints, Ints]:
    """Pairs of nearest environments, of different molecules or of frames far apart."""
    from scipy.spatial import cKDTree

    i, j = np.triu_indices(beads.shape[1], k=1)
    distances = np.linalg.norm(beads[:, i] - beads[:, j], axis=-1)
    _, nearest = cKDTree(distances).query(distances, k=min(CANDIDATES + 1, len(beads)))
    one = np.repeat(np.arange(len(beads)), nearest.shape[1] - 1)
    other = nearest[:, 1:].ravel()
    span = frames.max() - frames.min() + 1
    apart = (np.abs(frames[one] - frames[other]) >= 0.02 * span) & (frames[one] != frames[other])
    independent = apart | (molecules[one] != molecules[other])
    pairs = np.unique(np.sort(np.stack([one, other], axis=1)[independent], axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return pairs[:, 0], pairs[:, 1]


def _extrapolated(
    context: Context, beads: Floats, atoms: Floats, owned: Ints, one: Ints, other: Ints
) -> tuple[float, float]:
    """s0^2 of the closest half of the pairs, and their median d^2."""
    rotation, centre, target = superpose(beads[one], beads[other])
    moved = (beads[one] - centre) @ rotation + target
    d2 = np.square(moved - beads[other]).sum(axis=-1).mean(axis=-1)
    moved = context.like_atoms.nearest((atoms[one] - centre) @ rotation + target, atoms[other])
    s2 = np.square(moved[:, owned] - atoms[other][:, owned]).sum(axis=-1).mean(axis=-1)
    closest = d2 <= np.median(d2)
    d2, s2 = d2[closest], s2[closest]
    slope = np.cov(d2, s2)[0, 1] / max(float(np.var(d2, ddof=1)), 1e-30)
    intercept = s2.mean() - max(slope, 0.0) * d2.mean()
    # A steep, noisy fit must not make the spread vanish.
    return float(max(intercept, s2.mean() / 4)), float(np.median(d2))
