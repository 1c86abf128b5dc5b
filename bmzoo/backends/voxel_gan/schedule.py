"""Which atoms are placed together: none that sees another one.

An atom sees the atoms of the beads around its own. Beads that do not see one another are
conditionally independent given the rest, so that one batch can hold an atom of each
(chromatic Gibbs sampling: Gonzalez et al., AISTATS 2011).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.voxel_gan.surroundings import Surroundings
from bmzoo.backends.voxel_gan.template import Template

Ints = NDArray[np.int64]


class Schedule:
    """Steps of a pass over one frame.

    A step is two arrays, beads of the frame and atoms of the molecule, one atom a bead.
    It depends on the frame alone, not on what is drawn beside it.
    """

    def __init__(self, template: Template, around: Surroundings) -> None:
        self._template = template
        self._n_beads = template.topology.n_beads
        self._masks = [int.from_bytes(row.tobytes(), "little") for row in _packed(around)]
        drawn = [a for a in template.order.tolist() if template.alone[a] < 0]
        self._phases = [[a for a in drawn if template.is_hydrogen[a] == h] for h in (False, True)]

    def first_pass(self, phase: int, only: NDArray[np.bool_] | None = None) -> Iterator[tuple[Ints, Ints]]:
        """Every molecule in its order of generation, all molecules together; heavy atoms or hydrogens.

        Args:
            phase: 0 for heavy atoms, 1 for hydrogens.
            only: ``(n_molecules, n_beads)`` beads whose atoms are placed; all by default.
        """
        n_molecules = len(self._masks) // self._n_beads
        owners = self._template.owners
        queue = [(int(owners[a]), a) for a in self._phases[phase]]
        queues = [
            [(m * self._n_beads + b, a) for b, a in queue if only is None or only[m, b]]
            for m in range(n_molecules)
        ]
        return self._rounds(queues)

    def sweep(self, phase: int, only: NDArray[np.bool_] | None = None) -> Iterator[tuple[Ints, Ints]]:
        """Every bead's atoms in their order, in whatever order of beads lets most go together.

        A bead that has begun is finished before those that see it. Arguments as of :meth:`first_pass`.
        """
        owners = self._template.owners
        of_bead: list[list[int]] = [[] for _ in range(self._n_beads)]
        for atom in self._phases[phase]:
            of_bead[owners[atom]].append(atom)
        beads = range(len(self._masks)) if only is None else np.flatnonzero(only).tolist()
        queues = [[(bead, a) for a in of_bead[bead % self._n_beads]] for bead in beads]
        return self._rounds(queues, begun_first=True)

    def _rounds(
        self, queues: Sequence[Sequence[tuple[int, int]]], *, begun_first: bool = False
    ) -> Iterator[tuple[Ints, Ints]]:
        """Takes from every queue in turn, the longest first, what sees nothing that was taken."""
        place = [0] * len(queues)
        left = [len(queue) for queue in queues]
        waiting = [q for q, n in enumerate(left) if n]
        while waiting:
            waiting.sort(key=lambda q: (begun_first and not place[q], -left[q]))
            blocked, beads, atoms = 0, [], []
            for q in waiting:
                bead, atom = queues[q][place[q]]
                if not blocked >> bead & 1:
                    blocked |= self._masks[bead]
                    beads.append(bead)
                    atoms.append(atom)
                    place[q] += 1
                    left[q] -= 1
            waiting = [q for q in waiting if left[q]]
            yield np.array(beads, dtype=np.int64), np.array(atoms, dtype=np.int64)


def bead_sequences(template: Template) -> Ints:
    """``(n_atoms, most)``: for the first atom of a bead, heavy or hydrogen, all that follow it; -1."""
    groups: dict[tuple[int, bool], list[int]] = {}
    for atom in template.order.tolist():
        if template.alone[atom] < 0:
            groups.setdefault((int(template.owners[atom]), bool(template.is_hydrogen[atom])), []).append(atom)
    table = np.full((template.n_atoms, max(map(len, groups.values()), default=0)), -1, dtype=np.int64)
    for group in groups.values():
        table[group[0], : len(group)] = group
    return table


def _packed(around: Surroundings) -> NDArray[np.uint8]:
    return np.packbits(around.adjacent, axis=1, bitorder="little")
