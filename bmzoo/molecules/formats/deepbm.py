"""The ``.map`` files published with the voxel GAN (deepBM): one bead for every atom."""

from __future__ import annotations

from bmzoo.errors import InputError
from bmzoo.molecules.formats.text import Line, sections
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Bead, Mapping


def parse_deepbm(text: str, graph: MolecularGraph, name: str) -> Mapping:
    """Beads as mass-weighted centres of the atoms that they own.

    Lines of ``[map]`` are ``atom-number type bead-number bead-type``, counted from 1, ``;`` starts
    a comment; other sections ([align], [mult]) are passed over. The type column means different
    things in different files and is not used: names and types are the graph's. Beads are named by
    type and number. The file says which bead owns an atom, not how beads were made: polystyrene's
    published A beads share CH groups, which only a mapping with weights can say.

    Raises:
        InputError: not four columns, numbers out of order, not the molecule's number of atoms.
    """
    owners: list[int] = []
    types: dict[int, str] = {}
    for line in sections(text, name):
        if line.section == "map" and not line.opens:
            bead, bead_type = _row(line, len(owners) + 1)
            if types.setdefault(bead, bead_type) != bead_type:
                raise InputError(f"{line.where}: bead {bead} is of type {types[bead]} further up")
            owners.append(bead - 1)
    if len(owners) != graph.n_atoms:
        raise InputError(f"{name} lists {len(owners)} atoms, the molecule {graph.name} has {graph.n_atoms}")
    missing = set(range(1, max(types) + 1)) - set(types)
    if missing:
        raise InputError(f"{name}: bead {min(missing)} has no atoms; number the beads without gaps")
    atoms: list[list[int]] = [[] for _ in types]
    for atom, owner in enumerate(owners):
        atoms[owner].append(atom)
    beads = [
        Bead(f"{types[i + 1]}{i + 1}", types[i + 1], tuple(owned), tuple(graph.masses[owned].tolist()))
        for i, owned in enumerate(atoms)
    ]
    return Mapping.from_beads(graph, beads, owners=dict(enumerate(owners)), source=name)


def _row(line: Line, expected: int) -> tuple[int, str]:
    if len(line.words) != 4:
        raise InputError(f"{line.where}: expected 'atom type bead bead-type', found '{' '.join(line.words)}'")
    number, _, bead, bead_type = line.words
    if not (number.isdecimal() and bead.isdecimal() and int(bead) > 0):
        raise InputError(f"{line.where}: atom and bead numbers must be whole numbers from 1")
    if int(number) != expected:
        raise InputError(f"{line.where}: expected atom {expected}, found {number}; list every atom in order")
    return int(bead), bead_type
