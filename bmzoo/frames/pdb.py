"""The lines of a pdb file; reading is MDAnalysis's part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.frames.labels import Labels


def pdb_columns(labels: Labels) -> tuple[list[str], list[str]]:
    """What stands before and after the coordinates of every atom.

    Atom numbers turn over at 100,000, residue numbers at 10,000.
    """
    elements = labels.elements or ("",) * len(labels.names)
    rows = zip(labels.names, labels.residue_names, labels.residue_ids.tolist(), elements, strict=True)
    prefixes, suffixes = [], []
    for k, (name, residue, number, element) in enumerate(rows, start=1):
        # one-letter elements begin in column 14, as the standard has it
        placed = f" {name:<3.3s}" if len(name) < 4 and len(element) < 2 else f"{name:<4.4s}"
        # residue names of four letters take the blank column that follows
        in_chain = f"{residue:>3.4s}".ljust(4) + "A"
        prefixes.append(f"ATOM  {k % 100000:5d} {placed} {in_chain}{number % 10000:4d}    ")
        suffixes.append(f"  1.00  0.00          {element.upper():>2.2s}  \n")
    return prefixes, suffixes


def format_pdb_model(
    number: int,
    prefixes: list[str],
    suffixes: list[str],
    positions: NDArray[np.floating],
    box: NDArray[np.floating] | None,
) -> str:
    """One model.

    Args:
        positions: ``(n, 3)`` nm; written in angstrom with three decimals.
        box: ``(3, 3)`` nm or ``None`` (the standard's unit cell of 1 angstrom, which means none).
    """
    rows = zip(prefixes, (np.asarray(positions) * 10.0).tolist(), suffixes, strict=True)
    atoms = "".join([f"{p}{x:8.3f}{y:8.3f}{z:8.3f}{s}" for p, (x, y, z), s in rows])
    return f"MODEL     {number % 10000:4d}\n{_cell(box)}{atoms}ENDMDL\n"


def _cell(box: NDArray[np.floating] | None) -> str:
    lengths, angles = np.ones(3), np.full(3, 90.0)
    if box is not None:
        norms = np.linalg.norm(box, axis=1)
        cosines = (box @ box.T) / np.outer(norms, norms)
        lengths = norms * 10.0
        angles = np.degrees(np.arccos([cosines[1, 2], cosines[0, 2], cosines[0, 1]]))
    return "CRYST1{:9.3f}{:9.3f}{:9.3f}{:7.2f}{:7.2f}{:7.2f} P 1           1\n".format(*lengths, *angles)


def format_connections(bonds: NDArray[np.int64]) -> str:
    """CONECT lines, every bond from both of its ends."""
    both = np.concatenate([bonds, bonds[:, ::-1]]) + 1
    both = both[np.lexsort(both.T[::-1])]
    return "".join(f"CONECT{i:5d}{j:5d}\n" for i, j in both.tolist() if max(i, j) < 100000)
