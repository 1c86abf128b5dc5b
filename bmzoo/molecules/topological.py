"""What follows from bonds alone: angles, dihedrals, rings, distances, symmetry classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Ints = NDArray[np.int64]
Neighbours = tuple[tuple[int, ...], ...]


def _table(rows: Sequence[Sequence[int]], width: int) -> Ints:
    return np.array(rows, dtype=np.int64).reshape(-1, width)


def neighbours(n_atoms: int, bonds: Ints) -> Neighbours:
    """Bonded atoms of every atom, ascending; ``bonds`` are ``(n_bonds, 2)``."""
    found: list[list[int]] = [[] for _ in range(n_atoms)]
    for i, j in bonds.tolist():
        found[i].append(j)
        found[j].append(i)
    return tuple(tuple(sorted(f)) for f in found)


def angles(bonded: Neighbours) -> Ints:
    """``(n, 3)`` i-j-k, j in the middle, i < k; sorted by j, i, k."""
    return _table([(i, j, k) for j, near in enumerate(bonded) for i, k in combinations(near, 2)], 3)


def dihedrals(bonded: Neighbours, bonds: Ints) -> Ints:
    """``(n, 4)`` i-j-k-l about every bond j < k; sorted by j, k, i, l. Three-rings give none."""
    return _table(
        [
            (first, j, k, last)
            for j, k in bonds.tolist()
            for first, last in product(bonded[j], bonded[k])
            if first not in (k, last) and last != j
        ],
        4,
    )


def impropers(bonded: Neighbours) -> Ints:
    """``(n, 4)`` centre with exactly three neighbours, then these, ascending."""
    return _table([(i, *near) for i, near in enumerate(bonded) if len(near) == 3], 4)


def rings(n_atoms: int, bonds: Ints) -> tuple[tuple[int, ...], ...]:
    """Smallest set of smallest rings, from rdkit; sorted, each around from its lowest atom; ``bonds`` are
    ``(n_bonds, 2)``."""
    from rdkit import Chem

    molecule = Chem.RWMol()
    for _ in range(n_atoms):
        molecule.AddAtom(Chem.Atom(0))
    for i, j in bonds.tolist():
        molecule.AddBond(i, j, Chem.BondType.SINGLE)
    return tuple(sorted(_turned(tuple(ring)) for ring in Chem.GetSSSR(molecule)))


def _turned(ring: tuple[int, ...]) -> tuple[int, ...]:
    """The same ring, from its lowest atom towards the lower of that atom's neighbours."""
    start = ring.index(min(ring))
    forwards = ring[start:] + ring[:start]
    return min(forwards, forwards[:1] + forwards[:0:-1])


def adjacency(n_atoms: int, bonds: Ints) -> csr_array:
    """Sparse, symmetric ``(n_atoms, n_atoms)`` of ones."""
    from scipy.sparse import csr_array

    rows, columns = np.concatenate([bonds, bonds[:, ::-1]]).T
    return csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=(n_atoms, n_atoms))


def components(n_atoms: int, bonds: Ints) -> Ints:
    """``(n_atoms,)`` label of the connected component, in order of first atoms."""
    from scipy.sparse.csgraph import connected_components

    labels = connected_components(adjacency(n_atoms, bonds), directed=False)[1]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def distances(n_atoms: int, bonds: Ints, k: int) -> csr_array:
    """Sparse ``(n_atoms, n_atoms)`` number of bonds between atoms 1 to ``k`` bonds apart."""
    from scipy.sparse import csr_array, eye_array

    bonded = adjacency(n_atoms, bonds)
    seen = csr_array(eye_array(n_atoms, dtype=np.int64))
    shell, found = seen, csr_array((n_atoms, n_atoms), dtype=np.int64)
    for separation in range(1, k + 1):
        reached = csr_array(((shell @ bonded) > 0).astype(np.int64))
        shell = csr_array(reached - reached.multiply(seen))
        shell.eliminate_zeros()
        if not shell.nnz:
            break
        seen = csr_array(seen + shell)
        found = csr_array(found + separation * shell)
    return found


def symmetry_classes(elements: Sequence[str], bonded: Neighbours) -> Ints:
    """Classes of atoms by iterative refinement of (element, classes of the neighbours).

    Starts from the elements and refines until nothing splits (Weisfeiler and Leman 1968; Morgan
    1965), so that information travels through the whole graph: two arms of a chain that differ
    only in length are told apart. Only atoms next to a class that has just split are looked
    at again, which keeps long chains linear.

    Returns:
        ``(n_atoms,)`` class numbers, in order of first atoms.
    """
    first = {element: label for label, element in enumerate(sorted(set(elements)))}
    classes = [first[element] for element in elements]
    sizes = Counter(classes)
    pending = set(range(len(elements)))
    while pending:
        around: dict[int, dict[tuple[int, ...], list[int]]] = {}
        for atom in pending:
            key = tuple(sorted(classes[n] for n in bonded[atom]))
            around.setdefault(classes[atom], {}).setdefault(key, []).append(atom)
        moved: list[int] = []
        for label, parts in around.items():
            split = sorted(parts.values(), key=len)
            if sizes[label] == sum(map(len, split)):
                split.pop()  # the largest part keeps the label; otherwise the atoms not looked at do
            for part in split:
                new = len(sizes)
                sizes[label] -= len(part)
                sizes[new] = len(part)
                moved += part
                for atom in part:
                    classes[atom] = new
        pending = {n for atom in moved for n in bonded[atom]}
    order = {label: rank for rank, label in enumerate(dict.fromkeys(classes))}
    return np.array([order[label] for label in classes], dtype=np.int64)
