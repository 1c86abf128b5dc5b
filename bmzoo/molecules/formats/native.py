"""bmzoo's own topology file: a molecule's graph and force field as JSON, every number exact."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.graph import MolecularGraph

FORMAT, VERSION = "bmzoo-topology", 1
WIDTHS = {
    "bonds": 2,
    "constraints": 2,
    "angles": 3,
    "dihedrals": 4,
    "impropers": 4,
    "exclusions": 2,
    "pairs": 2,
}
"""Columns of the index arrays, so that empty ones keep their shape."""


def save_topology_json(
    path: str | Path, graph: MolecularGraph, force_field: ForceField | None = None
) -> None:
    """Writes a graph and, if given, its force field; one line an array."""
    content: dict[str, Any] = {"graph": _plain(graph), "force_field": force_field and _plain(force_field)}
    parts = [f'"format": "{FORMAT}"', f'"version": {VERSION}']
    for name, members in content.items():
        if members is None:
            parts.append(f'"{name}": null')
            continue
        lines = (f'  "{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in members.items())
        parts.append(f'"{name}": {{\n' + ",\n".join(lines) + "\n}")
    Path(path).write_text("{\n" + ",\n".join(parts) + "\n}\n")


def load_topology_json(path: str | Path) -> tuple[MolecularGraph, ForceField | None]:
    """Reads what :func:`save_topology_json` wrote.

    Raises:
        InputError: no such file, no bmzoo topology, a newer version, or a missing or unknown entry.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"topology file {file} does not exist")
    try:
        data = json.loads(file.read_text())
    except ValueError as error:
        raise InputError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"{file} is no bmzoo topology: its \"format\" should be '{FORMAT}'")
    if data.get("version") != VERSION:
        raise InputError(
            f"{file} has topology version {data.get('version')}, this bmzoo reads {VERSION}; update bmzoo"
        )
    graph = _build(MolecularGraph, data.get("graph"), f"{file}, graph")
    field = data.get("force_field")
    return graph, None if field is None else _build(ForceField, field, f"{file}, force field")


def _plain(record: MolecularGraph | ForceField) -> dict[str, Any]:
    """The fields as JSON values; those that are ``None`` are left out."""
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in values.items()
        if value is not None
    }


def _build(kind: type[Any], members: Any, where: str) -> Any:
    if not isinstance(members, dict):
        raise InputError(f"{where}: missing")
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    for name in sorted(set(members) - known):
        raise InputError(f"{where}: unknown entry '{name}'")
    try:
        return kind(**{name: _typed(name, value, str(hints[name])) for name, value in members.items()})
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}") from error


def _typed(name: str, value: Any, hint: str) -> Any:
    """A JSON list as the tuple or array that the field's annotation asks for."""
    if not isinstance(value, list):
        return value
    if hint.startswith("tuple"):
        return tuple(value)
    for word, dtype in (("int64", np.int64), ("int8", np.int8), ("bool", np.bool_)):
        if word in hint:
            array = np.array(value, dtype=dtype)
            return array.reshape(-1, WIDTHS[name]) if name in WIDTHS else array
    return np.array(value, dtype=np.float64)
