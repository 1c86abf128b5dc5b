"""Dihedrals, peptide bonds and hands of peptides: the checks that every frame has to pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.simulation.peptide_build import Peptide


def dihedrals(positions: NDArray[np.floating], quads: NDArray[np.integer]) -> NDArray[np.float64]:
    """IUPAC dihedrals in radian, trans = pi.

    Args:
        positions: ``(n_frames, n_atoms, 3)``, whole molecules.
        quads: ``(n, 4)`` atom indices.

    Returns:
        ``(n_frames, n)``.
    """
    a, b, c, d = (np.asarray(positions[:, quads[:, k]], dtype=np.float64) for k in range(4))
    axis = c - b
    first, second = np.cross(b - a, axis), np.cross(axis, d - c)
    length = np.linalg.norm(axis, axis=-1)
    sine = np.einsum("...i,...i", b - a, second) * length
    angles: NDArray[np.float64] = np.arctan2(sine, np.einsum("...i,...i", first, second))
    return angles


def omega_atoms(peptide: Peptide) -> NDArray[np.int64]:
    """``(n_bonds, 4)`` CA-C-N-CA of every peptide bond; the methyls of the caps count as CA."""
    last = peptide.labels[-1][0]
    quads = []
    for residue in range(last):
        before = peptide.atom(residue, "CH3" if residue == 0 else "CA")
        after = peptide.atom(residue + 1, "C" if residue + 1 == last else "CA")
        quads.append((before, peptide.atom(residue, "C"), peptide.atom(residue + 1, "N"), after))
    return np.array(quads)


def phi_psi_atoms(peptide: Peptide, residue: int) -> NDArray[np.int64]:
    """``(2, 4)``: C-N-CA-C and N-CA-C-N."""
    n, ca, c = (peptide.atom(residue, name) for name in ("N", "CA", "C"))
    return np.array([(peptide.atom(residue - 1, "C"), n, ca, c), (n, ca, c, peptide.atom(residue + 1, "N"))])


def are_trans(peptide: Peptide, positions: NDArray[np.floating]) -> NDArray[np.bool_]:
    """``(n_frames,)`` whether no peptide bond is cis (|omega| below 90 degrees)."""
    omega = dihedrals(positions, omega_atoms(peptide))
    return np.all(np.abs(omega) > np.pi / 2, axis=1)


def are_left_handed(peptide: Peptide, positions: NDArray[np.floating]) -> NDArray[np.bool_]:
    """``(n_frames,)`` whether every amino acid but glycine is L.

    Looking from HA to CA, CO, R and N stand clockwise ("CORN" rule).
    """
    names = set(peptide.labels)
    residues = [r for r, name in peptide.labels if name == "CB" and (r, "HA") in names]
    quads = np.array([[peptide.atom(r, n) for n in ("CA", "N", "C", "CB")] for r in residues])
    centre, n, c, cb = (np.asarray(positions[:, quads[:, k]], dtype=np.float64) for k in range(4))
    volume = np.einsum("...i,...i", np.cross(n - centre, c - centre), cb - centre)
    return np.all(volume > 0, axis=1)


def contact_distance(
    peptide: Peptide, positions: NDArray[np.floating], first: tuple[int, str], second: tuple[int, str]
) -> NDArray[np.float64]:
    """``(n_frames,)`` nm between two atoms, given as residue number and atom name."""
    a, b = peptide.atom(*first), peptide.atom(*second)
    distance: NDArray[np.float64] = np.linalg.norm(positions[:, a] - positions[:, b], axis=-1)
    return distance
