"""Backward mapping files (Wassenaar et al. 2014): one residue a block, parsed and put on a molecule."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import NamedTuple

from bmzoo.errors import InputError
from bmzoo.molecules.formats.text import Line, sections
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import FEWEST_REFERENCES, Bead, Mapping, Rule
from bmzoo.molecules.names import AtomNames, nearest


class AtomLine(NamedTuple):
    """An atom of a block: its name, the share that each bead has in it, and where it stands."""

    name: str
    shares: dict[str, float]
    where: str


class RuleLine(NamedTuple):
    """A modifier: kind, target and references by name, and where it stands."""

    kind: str
    names: tuple[str, ...]
    where: str


@dataclass
class Block:
    """One mapping of one residue (or of several that are mapped alike)."""

    residues: tuple[str, ...] = ()
    beads: list[str] = field(default_factory=list)
    atoms: list[AtomLine] = field(default_factory=list)
    rules: list[RuleLine] = field(default_factory=list)
    virtual: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Beads defined before the atoms, as means of others."""
    vermouth: bool = False
    where: str = ""

    def fresh(self) -> Block:
        """Another mapping of the same residues and beads."""
        return replace(self, beads=list(self.beads), atoms=[], rules=[], virtual=dict(self.virtual))


def read_blocks(text: str, name: str) -> list[Block]:
    """All blocks of a Backward (or vermouth ``.map``) file.

    Sections are not case-sensitive; ``;`` starts a comment. ``[ molecule ]`` names residues,
    an unknown section names the CG model and lists the beads in order, ``[ mapping ]`` starts
    another block for the same residues, ``[ atoms ]`` has lines ``index name bead [bead ...]`` in which
    a repeated bead weighs more and an empty list repeats the line before (with ``[ from ]`` or
    ``[ to ]``, vermouth's dialect: leaves the atom out; there, ``!`` marks a bead without weight).
    ``assign``, ``trans``, ``cis``, ``out`` and ``chiral`` modify atoms, before ``[ atoms ]`` beads.
    """
    found: list[Block] = []
    block: Block | None = None
    for line in sections(text, name):
        if line.opens and line.section == "molecule":
            block = Block(where=line.where)
        elif block is None:
            raise InputError(f"{line.where}: the file must start with '[ molecule ]'")
        elif line.opens and line.section in ("from", "to"):
            block.vermouth = True
        elif line.opens and line.section == "mapping":
            block = block.fresh()
        elif not line.opens:
            _take(block, line)
            if line.section == "atoms" and (not found or found[-1] is not block):
                found.append(block)
    return found


def _take(block: Block, line: Line) -> None:
    if line.section == "molecule":
        block.residues += line.words
    elif line.section in ("mapping", "from", "to", "extra"):
        return
    elif line.section == "atoms":
        _take_atom(block, line)
    elif line.section in FEWEST_REFERENCES:
        _take_rule(block, line)
    else:
        block.beads += line.words


def _take_atom(block: Block, line: Line) -> None:
    if len(line.words) < 2:
        raise InputError(f"{line.where}: expected 'index name bead ...', found '{' '.join(line.words)}'")
    _, name, *beads = line.words
    if beads:
        shares = _shares(block, [b for b in beads if not b.startswith("!")], line.where)
    elif block.vermouth:
        shares = {}
    elif block.atoms:
        shares = block.atoms[-1].shares
    else:
        raise InputError(f"{line.where}: the first atom must name its bead")
    block.atoms.append(AtomLine(name, shares, line.where))


def _shares(block: Block, beads: list[str], where: str) -> dict[str, float]:
    shares: Counter[str] = Counter()
    for bead in beads:
        sources = block.virtual.get(bead, (bead,))
        for source in sources:
            if source not in block.beads:
                hint = nearest(source, [*block.beads, *block.virtual])
                raise InputError(f"{where}: '{source}' is not among the beads of this block{hint}")
            shares[source] += 1.0 / (len(sources) * len(beads))  # type: ignore[assignment]
    return dict(shares)


def _take_rule(block: Block, line: Line) -> None:
    target, *references = line.words
    if len(references) < FEWEST_REFERENCES[line.section]:
        raise InputError(
            f"{line.where}: [ {line.section} ] needs a target and at least "
            f"{FEWEST_REFERENCES[line.section]} references, found '{' '.join(line.words)}'"
        )
    if block.atoms:
        block.rules.append(RuleLine(line.section, line.words, line.where))
        return
    if line.section != "assign":
        warnings.warn(
            f"{line.where}: bmzoo places bead {target} at {references[0]}; of the modifiers before [ atoms ] "
            "only 'assign' has its full meaning here",
            stacklevel=2,
        )
        references = references[:1]
    block.virtual[target] = tuple(source for r in references for source in block.virtual.get(r, (r,)))


def parse_backward(texts: MappingType[str, str], graph: MolecularGraph) -> Mapping:
    """Puts the blocks of one or several files on a molecule, residue by residue.

    Beads are centres of mass; a shared atom gives each of its beads its mass times the share of that
    bead among the beads it lists. Of several blocks for a residue the one that knows most of
    its atoms is taken, the first of equals. Hydrogens that a residue does not have, and
    atoms that other residues of that name do have (chain ends), are passed over.

    Args:
        texts: text by file name.
        graph: the molecule; its residue and atom names must be those of the files.

    Raises:
        InputError: a residue without a block, an unknown atom or bead, a bead without atoms.
    """
    blocks = [block for name, text in texts.items() for block in read_blocks(text, name)]
    source = ", ".join(texts)
    beads: list[Bead] = []
    rules: list[Rule] = []
    for residue, atoms in _residues(graph):
        block = _best_block(blocks, residue, {graph.names[a] for a in atoms}, source, graph)
        names = _ResidueNames(graph, residue, atoms)
        beads += _beads(block, names, graph)
        rules += _rules(block, names)
    return Mapping.from_beads(graph, beads, rules=rules, source=source)


def _residues(graph: MolecularGraph) -> list[tuple[str, list[int]]]:
    keys = list(zip(graph.residue_ids.tolist(), graph.residue_names, strict=True))
    return [(key[1], list(atoms)) for key, atoms in groupby(range(graph.n_atoms), key=lambda a: keys[a])]


def _best_block(
    blocks: list[Block], residue: str, names: set[str], source: str, graph: MolecularGraph
) -> Block:
    fitting = [block for block in blocks if residue in block.residues]
    if not fitting:
        known = sorted({r for block in blocks for r in block.residues})
        raise InputError(
            f"{source} has no block for the residue '{residue}' of {graph.name}{nearest(residue, known)} "
            f"(it describes: {', '.join(known[:20]) or 'nothing'})"
        )
    return max(fitting, key=lambda block: len(names & {atom.name for atom in block.atoms}))


class _ResidueNames:
    """Atoms of one residue by name; knows which missing ones are no mistake."""

    def __init__(self, graph: MolecularGraph, residue: str, atoms: list[int]) -> None:
        self.n_atoms = len(atoms)
        self._names = AtomNames(graph, atoms)
        self._elsewhere = {
            name for name, of in zip(graph.names, graph.residue_names, strict=True) if of == residue
        }

    def find(self, name: str, where: str) -> int | None:
        """The atom, or None where it may be missing.

        Raises:
            InputError: an unknown heavy atom.
        """
        if name in self._names or not (name in self._elsewhere or name.lstrip("0123456789").startswith("H")):
            return self._names.find(name, where)
        return None


def _beads(block: Block, names: _ResidueNames, graph: MolecularGraph) -> list[Bead]:
    members: dict[str, dict[int, float]] = {bead: {} for bead in block.beads}
    if len(members) != len(block.beads):
        raise InputError(f"{block.where}: a bead of this block is listed twice")
    for line in block.atoms:
        atom = names.find(line.name, line.where)
        if atom is None:
            continue
        for bead, share in line.shares.items():
            if atom in members[bead]:
                raise InputError(f"{line.where}: the atom '{line.name}' is listed twice")
            members[bead][atom] = share * float(graph.masses[atom])
    for bead, atoms in members.items():
        if not atoms:
            raise InputError(f"{block.where}: bead {bead} of this block has no atoms")
    return [Bead(bead, bead, tuple(atoms), tuple(atoms.values())) for bead, atoms in members.items()]


def _rules(block: Block, names: _ResidueNames) -> list[Rule]:
    rules = []
    for line in block.rules:
        atoms = [names.find(name, line.where) for name in line.names]
        if None not in atoms:
            rules.append(Rule(line.kind, tuple(a for a in atoms if a is not None)))
    return rules
