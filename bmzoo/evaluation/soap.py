"""SOAP power spectra of heavy atoms, by featomic."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.graph import MolecularGraph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SOAP = {
    "cutoff": {"radius": 4.0, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
    "density": {"type": "Gaussian", "width": 0.4},
    "basis": {
        "type": "TensorProduct",
        "max_angular": 4,
        "radial": {"type": "Gto", "max_radial": 3},
    },
}
"""featomic's hyper-parameters, angstrom."""
ATOMIC_NUMBERS = {"C": 6, "N": 7, "O": 8, "F": 9, "Si": 14, "P": 15, "S": 16, "Cl": 17, "Br": 35, "I": 53}


class Chosen(NamedTuple):
    """A frame, and the molecules of it whose environments are wanted.

    ``positions`` ``(n_molecules, n_atoms, 3)`` nm, ``box`` ``(3, 3)`` nm or ``None``.
    """

    positions: Floats
    box: Floats | None
    molecules: Ints


def heavy_atoms(graph: MolecularGraph) -> Ints:
    """``(n_heavy,)`` atoms that have a power spectrum."""
    return np.flatnonzero(~graph.is_hydrogen).astype(np.int64)


def power_spectra(graph: MolecularGraph, frames: Sequence[Chosen]) -> Floats:
    """Power spectra of the densities of heavy atoms around heavy atoms (Bartok, Kondor, Csanyi, Phys. Rev. B
    87, 184115, 2013), within 0.4 nm.

    Args:
        graph: the molecule that all frames are made of.
        frames: what surrounds a molecule is the whole frame that it is in.

    Returns:
        ``(n_molecules_chosen, n_heavy, n_features)``, frame by frame.

    Raises:
        InputError: featomic is not installed.
    """
    try:
        from featomic import SoapPowerSpectrum
        from metatensor import Labels
    except ImportError:
        raise InputError("SOAP vectors need the package featomic; install it with pip") from None

    heavy = heavy_atoms(graph)
    numbers = np.array([ATOMIC_NUMBERS.get(graph.elements[a], 0) for a in heavy], dtype=np.int32)
    systems = [_system(numbers, heavy, frame) for frame in frames]
    kinds = sorted(set(numbers.tolist()))
    keys = [(centre, *pair) for centre in kinds for pair in combinations_with_replacement(kinds, 2)]
    # (frame, molecule) of everything wanted, and its centres, atoms counted within their frame.
    owners = np.array([(k, m) for k, frame in enumerate(frames) for m in frame.molecules])
    centres = owners[:, 1:] * len(heavy) + np.arange(len(heavy))
    samples = np.stack([np.repeat(owners[:, 0], len(heavy)), centres.ravel()], axis=1)
    spectrum = SoapPowerSpectrum(**SOAP).compute(
        systems,
        use_native_system=True,
        selected_samples=Labels(["system", "atom"], samples.astype(np.int32)),
        selected_keys=Labels(["center_type", "neighbor_1_type", "neighbor_2_type"], np.array(keys, np.int32)),
    )
    spectrum = spectrum.keys_to_properties(["neighbor_1_type", "neighbor_2_type"])
    block = spectrum.keys_to_samples("center_type").block()
    place = {(int(k), int(a)): i for i, (k, a) in enumerate(samples)}
    order = [
        place[int(k), int(a)] for k, a in zip(block.samples["system"], block.samples["atom"], strict=True)
    ]
    values = np.zeros((len(samples), block.values.shape[1]))
    values[order] = np.asarray(block.values)
    return values.reshape(len(owners), len(heavy), -1)


def group_means(values: Floats, heavy: Ints, groups: Sequence[Ints]) -> Floats:
    """Means over groups of heavy atoms.

    Args:
        values: ``(n, n_heavy, n_features)``.
        heavy: ``(n_heavy,)`` the atoms that they belong to.
        groups: atoms of each group.

    Returns:
        ``(n * n_groups, n_features)``.
    """
    weights = np.stack([np.isin(heavy, group) / max(1, len(group)) for group in groups])
    return np.einsum("nhf,eh->nef", values, weights, optimize=True).reshape(-1, values.shape[-1])


def _system(numbers: NDArray[np.int32], heavy: Ints, frame: Chosen) -> Any:
    """featomic's view of the heavy atoms of a frame; it finds the neighbours itself."""
    from featomic.systems import SystemBase

    points = np.ascontiguousarray(frame.positions[:, heavy].reshape(-1, 3) * 10, dtype=np.float64)
    kinds = np.tile(numbers, len(frame.positions))
    lattice = np.zeros((3, 3)) if frame.box is None else np.asarray(frame.box, dtype=np.float64) * 10

    class FrameSystem(SystemBase):  # type: ignore[misc]
        def size(self) -> int:
            return len(kinds)

        def types(self) -> NDArray[np.int32]:
            return kinds

        def positions(self) -> Floats:
            return points

        def cell(self) -> Floats:
            return lattice

    return FrameSystem()
