"""bmzoo's own mapping format: YAML, read and written; docs/mapping-format.md shows it."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from bmzoo.errors import InputError
from bmzoo.molecules.formats.yaml_text import load_yaml
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import FEWEST_REFERENCES, Bead, Mapping, Rule, assign_owners
from bmzoo.molecules.names import AtomNames, nearest

Ref = StrictInt | StrictStr
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Weights = Literal["mass", "geometry"] | list[Number]


class BeadEntry(BaseModel):
    """One bead of the file."""

    model_config = ConfigDict(extra="forbid")
    name: StrictStr
    type: StrictStr | None = None
    """The name where not given."""
    atoms: Annotated[list[Ref], Field(min_length=1)]
    """Names, ``resid:name``, or numbers counted from 1."""
    weights: Weights | None = None
    """``mass``, ``geometry`` (all alike), or a number for each atom."""
    shares: dict[Ref, Number] = {}
    """Factors on the weights of atoms that are shared with other beads."""


class MappingFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")
    molecule: StrictStr | None = None
    weights: Literal["mass", "geometry"] = "mass"
    """For beads that give none."""
    beads: Annotated[list[BeadEntry], Field(min_length=1)]
    owners: dict[Ref, Ref] = {}
    """Atom: the bead that it belongs to, where that is not the one of largest weight."""
    bonds: list[tuple[Ref, Ref]] | None = None
    """Bonded beads; derived from the bonds of the atoms where not given."""
    rules: list[dict[Literal["assign", "trans", "cis", "out", "chiral"], list[Ref]]] = []


def parse_yaml(text: str, graph: MolecularGraph, name: str) -> Mapping:
    """Reads a mapping.

    Raises:
        InputError: not YAML, an unknown key (the nearest is given), an unknown or ambiguous atom,
            a bead without atoms, wrong numbers of weights.
    """
    content = _validated(text, name)
    atoms = AtomNames(graph)
    beads = [_bead(entry, content.weights, graph, atoms, name) for entry in content.beads]
    owners = {
        atoms.find(atom, f"{name}, owners"): _find_bead(bead, beads, f"{name}, owners")
        for atom, bead in content.owners.items()
    }
    bonds = content.bonds
    return Mapping.from_beads(
        graph,
        beads,
        owners=owners,
        bonds=None if bonds is None else [_bond(bond, beads, f"{name}, bonds") for bond in bonds],
        rules=[_rule(kind, refs, atoms, name) for rule in content.rules for kind, refs in rule.items()],
        source=name,
    )


def write_yaml(mapping: Mapping, graph: MolecularGraph, path: str | PathLike[str]) -> None:
    """Writes a mapping so that reading it gives the same beads, weights, owners, bonds and rules."""
    names = AtomNames(graph)
    weights = mapping.weights.tocsr()
    chosen = mapping.owners != assign_owners(graph, weights)
    beads: list[dict[str, Any]] = []
    for i, (name, kind) in enumerate(zip(mapping.bead_names, mapping.bead_types, strict=True)):
        row = slice(weights.indptr[i], weights.indptr[i + 1])
        members = [names.shortest(int(atom)) for atom in weights.indices[row]]
        values = [float(w) for w in weights.data[row]]
        beads.append({"name": name, "type": kind, "atoms": members, "weights": values})
    content = {
        "molecule": mapping.molecule,
        "beads": beads,
        "owners": {names.shortest(int(a)): int(mapping.owners[a]) + 1 for a in np.flatnonzero(chosen)},
        "bonds": [[int(i) + 1, int(j) + 1] for i, j in mapping.bonds],
        "rules": [{rule.kind: [names.shortest(a) for a in rule.atoms]} for rule in mapping.rules],
    }
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def _validated(text: str, name: str) -> MappingFile:
    content, node = load_yaml(text, name), yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(content, dict):
        raise InputError(f"{name}: expected a YAML mapping with the key 'beads'")
    try:
        return MappingFile.model_validate(content)
    except ValidationError as error:
        # A misspelt key first (it also makes another one missing), then the most precise complaint.
        first = min(error.errors(), key=lambda e: (e["type"] != "extra_forbidden", -len(e["loc"])))
        raise InputError(f"{name}, line {_line(node, first['loc'])}: {_sentence(first)}") from None


def _line(node: yaml.Node | None, location: Sequence[int | str]) -> int:
    """The line of the deepest part of the location that the file has."""
    line = node.start_mark.line + 1 if node else 1
    for step in location:
        found: yaml.Node | None = None
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(step) in pairs:
                key, found = pairs[str(step)]
                line, node = key.start_mark.line + 1, found
                continue
        if found is None:
            break
        node, line = found, found.start_mark.line + 1
    return line


def _sentence(error: Any) -> str:
    steps = [str(step + 1) if isinstance(step, int) else step for step in error["loc"]]
    place = ".".join(s for s in steps if "[" not in s and s not in ("int", "str"))  # without pydantic's tags
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        known = list((BeadEntry if len(error["loc"]) > 1 else MappingFile).model_fields)
        return f"unknown key '{key}'{nearest(key, known)} (known: {', '.join(known)})"
    if error["type"] == "missing":
        return f"'{place}' is missing"
    hint = " (put names such as NO and ON into quotes)" if isinstance(error["input"], bool) else ""
    message = "expected a name, or a number" if error["type"] == "int_type" else error["msg"].lower()
    return f"{place}: {message}{hint}"


def _bead(entry: BeadEntry, default: str, graph: MolecularGraph, atoms: AtomNames, name: str) -> Bead:
    where = f"{name}, bead {entry.name}"
    members = [atoms.find(reference, where) for reference in entry.atoms]
    weights = entry.weights or default
    if isinstance(weights, list):
        if len(weights) != len(members):
            raise InputError(f"{where} has {len(members)} atoms but {len(weights)} weights")
        values = np.array(weights)
    else:
        values = graph.masses[members].copy() if weights == "mass" else np.ones(len(members))
    for reference, share in entry.shares.items():
        shared = atoms.find(reference, f"{where}, shares")
        if shared not in members:
            raise InputError(f"{where}: the shared atom '{reference}' is not among its atoms")
        values[members.index(shared)] *= share
    return Bead(entry.name, entry.type or entry.name, tuple(members), tuple(values.tolist()))


def _find_bead(reference: int | str, beads: list[Bead], where: str) -> int:
    names = [bead.name for bead in beads]
    if isinstance(reference, int):
        if not 1 <= reference <= len(beads):
            raise InputError(f"{where}: there is no bead {reference} of {len(beads)} (counted from 1)")
        return reference - 1
    if names.count(reference) > 1:
        raise InputError(f"{where}: several beads are named '{reference}'; write the number of the bead")
    if reference not in names:
        raise InputError(f"{where}: there is no bead '{reference}'{nearest(reference, names)}")
    return names.index(reference)


def _bond(bond: tuple[int | str, int | str], beads: list[Bead], where: str) -> tuple[int, int]:
    return _find_bead(bond[0], beads, where), _find_bead(bond[1], beads, where)


def _rule(kind: str, references: list[int | str], atoms: AtomNames, name: str) -> Rule:
    fewest = 1 + FEWEST_REFERENCES[kind]
    if len(references) < fewest:
        raise InputError(f"{name}, rules: '{kind}' needs at least {fewest} atoms, the target first")
    return Rule(kind, tuple(atoms.find(reference, f"{name}, rules") for reference in references))
