"""Names of particles: what a file calls them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.graph import MolecularGraph

NAMED = (".gro", ".pdb")
"""Formats that hold names."""


class Labels(NamedTuple):
    """Names of all particles of a frame.

    Attributes:
        names: atom or bead names.
        residue_names: one a particle.
        residue_ids: ``(n,)`` residue numbers.
        elements: element symbols, or empty.
    """

    names: tuple[str, ...]
    residue_names: tuple[str, ...]
    residue_ids: NDArray[np.int64]
    elements: tuple[str, ...] = ()

    @classmethod
    def unknown(cls, n_particles: int) -> Labels:
        """Labels for particles of which nothing is known."""
        return cls(("X",) * n_particles, ("UNK",) * n_particles, np.ones(n_particles, dtype=np.int64))

    @classmethod
    def of_molecules(cls, molecule: MolecularGraph, n_molecules: int = 1) -> Labels:
        """Labels of identical molecules one after another; residue numbers go on counting."""
        ids = molecule.residue_ids
        span = int(ids.max() - ids.min() + 1) if len(ids) else 0
        return cls(
            molecule.names * n_molecules,
            molecule.residue_names * n_molecules,
            (ids + span * np.arange(n_molecules)[:, None]).ravel(),
            molecule.elements * n_molecules,
        )

    @classmethod
    def of_beads(cls, names: tuple[str, ...], molecule_name: str, n_molecules: int = 1) -> Labels:
        """Labels of the beads of identical molecules: one residue a molecule."""
        ids = np.repeat(np.arange(1, n_molecules + 1), len(names))
        return cls(tuple(names) * n_molecules, (molecule_name,) * len(ids), ids)


def read_names(structure: str | Path) -> Labels:
    """Names in the first frame of a gro or pdb file.

    Raises:
        InputError: no such file, another format, no atoms in it.
    """
    path = Path(structure)
    if not path.is_file():
        raise InputError(f"there is no structure file {path}")
    if path.suffix.lower() == ".gro":
        return _gro_names(path)
    if path.suffix.lower() == ".pdb":
        return _pdb_names(path)
    raise InputError(f"{path}: names are read from gro and pdb files, not from '{path.suffix}'")


def _gro_names(path: Path) -> Labels:
    from bmzoo.frames.gro import iterate_gro, scan_gro

    _, offsets = scan_gro(path)
    _, frame = next(iterate_gro(path, offsets, range(1)))
    return Labels(
        tuple(line[10:15].strip() for line in frame.lines),
        tuple(line[5:10].strip() for line in frame.lines),
        _numbers([line[:5] for line in frame.lines]),
    )


def _pdb_names(path: Path) -> Labels:
    lines = first_pdb_model(path)
    return Labels(
        tuple(line[12:16].strip() for line in lines),
        tuple(line[17:21].strip() for line in lines),
        _numbers([line[22:26] for line in lines]),
        tuple(line[76:78].strip() for line in lines),
    )


def first_pdb_model(path: Path) -> list[str]:
    """The atom lines of a pdb file up to the end of its first model.

    Raises:
        InputError: if there are none.
    """
    lines = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(("ATOM  ", "HETATM")):
                lines.append(line)
            elif line.startswith("ENDMDL"):
                break
    if not lines:
        raise InputError(f"{path} holds no atoms (no ATOM or HETATM lines); is it a pdb file, and complete?")
    return lines


def _numbers(texts: list[str]) -> NDArray[np.int64]:
    """Residue numbers; where a file has none (hexadecimal, empty), the order of the particles."""
    return np.array([int(t) if t.strip().lstrip("-").isdigit() else k for k, t in enumerate(texts, 1)])
