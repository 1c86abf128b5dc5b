"""Finding atoms by the names that users write, with the nearest name when there is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bmzoo.errors import InputError

if TYPE_CHECKING:
    from bmzoo.molecules.graph import MolecularGraph

AtomRef = str | int


def nearest(name: str, known: Iterable[str]) -> str:
    """A half-sentence with the nearest known name, or nothing."""
    options = list(dict.fromkeys(known))
    folded = {option.lower(): option for option in reversed(options)}
    found = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.4)
    return f"; did you mean '{folded[found[0]]}'?" if found else ""


class AtomNames:
    """Atoms of a molecule by name, by ``resid:name``, or by number counted from 1.

    Args:
        graph: the molecule.
        atoms: only these are looked for (one residue, say); all by default.
    """

    def __init__(self, graph: MolecularGraph, atoms: Sequence[int] | None = None) -> None:
        self._graph = graph
        self._places: dict[str, list[int]] = {}
        for atom in range(graph.n_atoms) if atoms is None else atoms:
            name = graph.names[atom]
            self._places.setdefault(name, []).append(atom)
            self._places.setdefault(f"{graph.residue_ids[atom]}:{name}", []).append(atom)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def find(self, reference: AtomRef, where: str) -> int:
        """Index of the atom.

        Args:
            reference: name, ``resid:name``, or number counted from 1.
            where: file and place, for the message.

        Raises:
            InputError: no such atom (the nearest name is given), or several.
        """
        graph = self._graph
        if isinstance(reference, int):
            if not 1 <= reference <= graph.n_atoms:
                raise InputError(
                    f"{where}: there is no atom {reference}, "
                    f"{graph.name} has {graph.n_atoms} (counted from 1)"
                )
            return reference - 1
        places = self._places.get(reference, [])
        if not places:
            raise InputError(
                f"{where}: {graph.name} has no atom '{reference}'{nearest(reference, self._places)}"
            )
        if len(places) > 1:
            raise InputError(
                f"{where}: {len(places)} atoms of {graph.name} are named '{reference}'; "
                f"write '{graph.residue_ids[places[0]]}:{graph.names[places[0]]}' "
                f"or the number of the atom ({places[0] + 1})"
            )
        return places[0]

    def shortest(self, atom: int) -> AtomRef:
        """The plainest reference that finds exactly this atom."""
        name = self._graph.names[atom]
        for reference in (name, f"{self._graph.residue_ids[atom]}:{name}"):
            if self._places.get(reference) == [atom]:
                return reference
        return atom + 1
