"""Hands of stereocentres and the tacticity of chains; plain numpy on coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bmzoo.molecules.graph import MolecularGraph

Ints = NDArray[np.int64]
SIGNATURE_DEPTH = 4


def find_stereocentres(graph: MolecularGraph) -> Ints:
    """Atoms with four neighbours that all differ.

    Neighbours differ where ``graph.symmetry_classes`` tells them apart. Two arms of the same
    constitution count as different when each holds a stereocentre itself: such a centre, as
    in the exact middle of a symmetric chain, is (or may be) pseudo-asymmetric.
    Cis/trans isomers of rings without a true stereocentre are not seen.

    Returns:
        ``(n, 5)`` centre and its four neighbours, ascending; sorted by centre.
    """
    candidates = [atom for atom, near in enumerate(graph.neighbours) if len(near) == 4]
    classes = graph.symmetry_classes
    found = {c for c in candidates if len({int(classes[n]) for n in graph.neighbours[c]}) == 4}
    if found:
        found |= {c for c in candidates if c not in found and _is_pseudo_asymmetric(graph, c, found)}
    return np.array([(c, *graph.neighbours[c]) for c in sorted(found)], dtype=np.int64).reshape(-1, 5)


def _is_pseudo_asymmetric(graph: MolecularGraph, centre: int, found: set[int]) -> bool:
    near = graph.neighbours[centre]
    classes = [int(graph.symmetry_classes[n]) for n in near]
    twins = [n for n, c in zip(near, classes, strict=True) if classes.count(c) > 1]
    if len(twins) != 2 or any(len(graph.neighbours[t]) == 1 for t in twins):
        return False
    arms = [branch(graph, centre, twin) for twin in twins]
    return arms[0].isdisjoint(arms[1]) and all(not found.isdisjoint(arm) for arm in arms)


def branch(graph: MolecularGraph, centre: int, start: int) -> set[int]:
    """Atoms reached from ``start`` without passing through ``centre``, itself among them."""
    seen, waiting = {start}, [start]
    while waiting:
        for atom in graph.neighbours[waiting.pop()]:
            if atom != centre and atom not in seen:
                seen.add(atom)
                waiting.append(atom)
    return seen


def hands(positions: NDArray[np.floating], stereocentres: Ints) -> NDArray[np.int8]:
    """Hands of stereocentres: the sign of ``(b - a) x (c - a) . (d - a)``.

    Args:
        positions: ``(n_molecules, n_atoms, 3)``, molecules whole.
        stereocentres: ``(n_stereo, 5)`` centre and neighbours a < b < c < d.

    Returns:
        ``(n_molecules, n_stereo)`` of +1 and -1 (0 where the four are exactly planar).
    """
    a, b, c, d = (np.asarray(positions)[:, stereocentres[:, column]] for column in range(1, 5))
    volume = np.einsum("mnx,mnx->mn", np.cross(b - a, c - a), d - a)
    return np.sign(volume).astype(np.int8)


def parity(order: tuple[int, ...]) -> int:
    """+1 where an even number of swaps sorts ``order``, -1 where an odd one."""
    swaps = sum(order[i] > order[j] for i in range(len(order)) for j in range(i + 1, len(order)))
    return -1 if swaps % 2 else 1


@dataclass(frozen=True, eq=False)
class Tacticity:
    """Dyads of vinyl chains.

    Attributes:
        dyads: ``(n_dyads, 3)`` stereocentre, the atom between, next stereocentre.
        racemic: ``(n_molecules, n_dyads)`` 1 for r, 0 for m, -1 where a hand is unknown.
    """

    dyads: Ints
    racemic: NDArray[np.int8]

    @property
    def racemic_fraction(self) -> float:
        """Share of r among the known dyads: 1 syndiotactic, 0 isotactic, nan without dyads."""
        known = self.racemic[self.racemic >= 0]
        return float(known.mean()) if known.size else float("nan")


def tacticity(graph: MolecularGraph, hands: NDArray[np.integer]) -> Tacticity:
    """Meso (m) and racemic (r) dyads along the backbone of vinyl polymers.

    Two stereocentres joined through one atom outside rings form a dyad. It is meso where a
    mirror through that atom maps the substituents of one centre onto the like ones of the
    other, racemic otherwise (IUPAC 1981, Pure Appl. Chem. 53, 733): a relation of the two
    centres that depends neither on the numbering of the atoms nor on the direction of the chain.

    Args:
        graph: the molecule.
        hands: ``(n_molecules, n_stereocentres)``, or ``(n_stereocentres,)``, as from ``hands``.
    """
    observed = np.atleast_2d(np.asarray(hands))
    found = _dyads(graph)
    racemic = np.full((len(observed), len(found)), -1, dtype=np.int8)
    centres = graph.stereocentres[:, 0].tolist()
    for column, (first, link, second) in enumerate(found):
        one, other = observed[:, centres.index(first)], observed[:, centres.index(second)]
        mirror = _mirror_sign(graph, first, link, second)
        known = (one != 0) & (other != 0) & (mirror != 0)
        racemic[known, column] = (one * other * mirror == 1)[known]
    return Tacticity(np.array(found, dtype=np.int64).reshape(-1, 3), racemic)


def _dyads(graph: MolecularGraph) -> list[tuple[int, int, int]]:
    centres = set(graph.stereocentres[:, 0].tolist())
    return sorted(
        (first, link, second)
        for link, near in enumerate(graph.neighbours)
        if link not in centres and not graph.in_ring[link]
        for first in near
        for second in near
        if first < second and {first, second} <= centres
    )


def _mirror_sign(graph: MolecularGraph, first: int, link: int, second: int) -> int:
    """Product of both permutation signs when like substituents stand in the same order.

    0 where two ways of pairing the substituents are equally good and contradict one another.
    """
    ours = [n for n in graph.neighbours[first] if n != link]
    theirs = [n for n in graph.neighbours[second] if n != link]
    our_levels = [_levels(graph, first, n) for n in ours]
    their_levels = dict(zip(theirs, (_levels(graph, second, n) for n in theirs), strict=True))
    scores: dict[int, int] = {}
    for order in permutations(theirs):
        score = sum(_alike(mine, their_levels[n]) for mine, n in zip(our_levels, order, strict=True))
        sign = parity((link, *ours)) * parity((link, *order))
        scores[sign] = max(score, scores.get(sign, 0))
    if scores[1] == scores[-1]:
        return 0
    return max(scores, key=lambda sign: scores[sign])


def _levels(graph: MolecularGraph, centre: int, start: int) -> tuple[tuple[str, ...], ...]:
    """Elements by distance from the centre, through ``start`` only."""
    seen, shell, levels = {centre, start}, [start], []
    for _ in range(SIGNATURE_DEPTH):
        levels.append(tuple(sorted(graph.elements[a] for a in shell)))
        shell = [n for n in dict.fromkeys(n for a in shell for n in graph.neighbours[a]) if n not in seen]
        seen.update(shell)
    return tuple(levels)


def _alike(one: tuple[tuple[str, ...], ...], other: tuple[tuple[str, ...], ...]) -> int:
    """How many leading levels are equal."""
    equal = 0
    for mine, theirs in zip(one, other, strict=True):
        if mine != theirs:
            break
        equal += 1
    return equal
