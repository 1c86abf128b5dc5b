"""Invariant descriptors of local environments: a bead and its atoms."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.evaluation.context import Context

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


@dataclass(frozen=True, eq=False)
class Environment:
    """One bead of the template: the terms around its atoms.

    Attributes:
        label: number of its class; beads with the same terms share one.
        bonds, angles, dihedrals: terms that describe it.
        heavy: its heavy atoms.
    """

    label: int
    bonds: Ints
    angles: Ints
    dihedrals: Ints
    heavy: Ints

    @property
    def width(self) -> int:
        return len(self.bonds) + len(self.angles) + 2 * len(self.dihedrals)


def environments(context: Context) -> list[Environment]:
    """Environments of all beads that own atoms.

    Bonds that the reference constrains are left out: a constrained bond gives anybody away.
    """
    graph, mapping = context.topology.graph, context.topology.mapping
    bonds = context.bonds.atoms[~context.constrained]
    dihedrals = np.concatenate([graph.dihedrals, graph.impropers])
    owner = mapping.owners
    labels: dict[tuple[object, ...], int] = {}
    found = []
    for bead in range(mapping.n_beads):
        owned = np.flatnonzero(owner == bead)
        if not len(owned):
            continue
        chosen = (
            bonds[(owner[bonds] == bead).any(axis=1)],
            graph.angles[owner[graph.angles[:, 1]] == bead],
            dihedrals[(owner[dihedrals[:, 1:3]] == bead).any(axis=1)],
        )
        shapes = tuple(tuple((terms - owned[0]).ravel().tolist()) for terms in chosen)
        types = tuple(context.types[a] for a in owned)
        label = labels.setdefault((mapping.bead_types[bead], types, shapes), len(labels))
        found.append(Environment(label, *chosen, owned[~graph.is_hydrogen[owned]]))
    return found


def internal(molecules: Floats, found: list[Environment]) -> Floats:
    """Bond lengths, angles, sines and cosines of dihedrals.

    Args:
        molecules: ``(n, n_atoms, 3)`` nm.

    Returns:
        ``(n * n_environments, 1 + width)``: the class, then the descriptors, NaN where a class has fewer.
    """
    width = 1 + max((e.width for e in found), default=0)
    table = np.full((len(molecules), len(found), width), np.nan)
    for place, environment in enumerate(found):
        turn = geometry.dihedrals(molecules, environment.dihedrals)
        parts = (
            geometry.lengths(molecules, environment.bonds),
            geometry.angles(molecules, environment.angles),
            np.sin(turn),
            np.cos(turn),
        )
        table[:, place, 0] = environment.label
        table[:, place, 1 : 1 + environment.width] = np.concatenate(parts, axis=-1)
    return table.reshape(-1, width)


class Chosen(NamedTuple):
    """A frame, and the molecules of it whose environments are wanted.

    ``positions`` ``(n_molecules, n_atoms, 3)`` nm, ``box`` ``(3, 3)`` nm or ``None``.
    """

    positions: Floats
    box: Floats | None
    molecules: Ints


def soap(context: Context, frames: list[Chosen], found: list[Environment]) -> Floats:
    """SOAP power spectra of heavy atoms (featomic), averaged over the heavy atoms of a bead.

    Returns:
        ``(n_molecules_chosen * n_environments, n_features)``, frame by frame.
    """
    from featomic import SoapPowerSpectrum
    from metatensor import Labels

    graph = context.topology.graph
    heavy = np.flatnonzero(~graph.is_hydrogen)
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
    return values_by_bead(values.reshape(len(owners), len(heavy), -1), heavy, found)


def values_by_bead(values: Floats, heavy: Ints, found: list[Environment]) -> Floats:
    """Means over the heavy atoms of every bead: ``(n * n_environments, n_features)``."""
    weights = np.stack([np.isin(heavy, e.heavy) / max(1, len(e.heavy)) for e in found])
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
