"""One door for molecule files: the suffix says which reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.formats.text import read_text
from bmzoo.molecules.graph import MolecularGraph

READERS = {".itp": "GROMACS", ".top": "GROMACS", ".pdb": "PDB", ".json": "bmzoo", ".smi": "SMILES"}


def read_molecule(paths: Sequence[Path]) -> tuple[MolecularGraph, ForceField | None]:
    """Reads one molecule.

    Args:
        paths: itp and top files together, or one pdb, smi or bmzoo json file.

    Returns:
        The graph, and the force field where the files hold all its parameters.

    Raises:
        InputError: a missing file, an unknown suffix, a mixture of formats, a malformed file.
    """
    for path in paths:
        if not path.is_file():
            raise InputError(f"topology file {path} does not exist")
        if path.suffix.lower() not in READERS:
            raise InputError(
                f"{path}: unknown topology format '{path.suffix}'; use {', '.join(sorted(READERS))}"
            )
    formats = {READERS[path.suffix.lower()] for path in paths}
    if len(formats) > 1 or (len(paths) > 1 and formats != {"GROMACS"}):
        names = ", ".join(map(str, paths))
        raise InputError(f"several topology files are read together only in GROMACS format, not {names}")
    kind = formats.pop()
    if kind == "GROMACS":
        from bmzoo.molecules.formats.itp import read_gromacs

        return read_gromacs(list(paths))
    if kind == "PDB":
        return MolecularGraph.from_pdb(paths[0]), None
    if kind == "SMILES":
        lines = [line.split() for line in read_text(paths[0]).splitlines() if line.strip()]
        if len(lines) != 1:
            raise InputError(
                f"{paths[0]} has {len(lines)} lines; it should hold one SMILES and, optionally, a name "
                "('.' joins the parts of a mixture)"
            )
        words = lines[0]
        return MolecularGraph.from_smiles(words[0], name=words[1] if len(words) > 1 else paths[0].stem), None
    from bmzoo.molecules.formats.native import load_topology_json

    return load_topology_json(paths[0])
