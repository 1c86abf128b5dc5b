"""Which format a mapping file is in, by its content."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from bmzoo.errors import InputError
from bmzoo.molecules.formats.backward_map import parse_backward
from bmzoo.molecules.formats.deepbm import parse_deepbm
from bmzoo.molecules.formats.mapping_yaml import parse_yaml
from bmzoo.molecules.formats.text import read_text, sections
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping


def read_mapping(path: str | PathLike[str], graph: MolecularGraph) -> Mapping:
    """Reads a mapping file: our YAML, a deepBM ``.map``, a Backward ``.map`` or a folder of these.

    Raises:
        InputError: unreadable, of an unknown format, or not of this molecule.
    """
    if Path(path).is_dir():
        files = sorted(Path(path).glob("*.map"))
        if not files:
            raise InputError(f"the folder {path} holds no .map files")
        return parse_backward({str(file): read_text(file) for file in files}, graph)
    text, name = read_text(path), str(path)
    if Path(path).suffix.lower() in (".yaml", ".yml"):
        return parse_yaml(text, graph, name)
    headers = {line.section for line in sections(text, name) if line.opens}
    if "map" in headers:
        return parse_deepbm(text, graph, name)
    if "molecule" in headers:
        return parse_backward({name: text}, graph)
    if "atoms" in headers:
        raise InputError(
            f"{name} does not say which residue it describes: "
            "add '[ molecule ]' and the residue's name on top"
        )
    if "block" in headers or "modification" in headers or text.lstrip().startswith("<"):
        raise InputError(
            f"{name} is a vermouth .mapping or VOTCA file, which bmzoo does not read; "
            "write the beads as YAML or as a Backward .map (docs/mapping-format.md)"
        )
    if not headers and "beads" in text:
        return parse_yaml(text, graph, name)
    raise InputError(
        f"{name} is no mapping that bmzoo knows: expected YAML with 'beads:', a deepBM file with '[map]', "
        "or a Backward file with '[ molecule ]' (docs/mapping-format.md)"
    )
