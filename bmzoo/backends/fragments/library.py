"""The library: fragments of every class, and the search for those whose beads are nearest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmzoo.backends.fragments.groups import Group
from bmzoo.errors import InputError
from bmzoo.frames.frame import PairedFrames
from bmzoo.molecules.stereo import hands
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]

VOLUME_SCALE = 0.4
"""nm; divides signed volumes twice, so that they count like distances."""
CHUNK = 20_000_000
"""Distances compared at once."""


@dataclass(frozen=True, eq=False)
class FragmentClass:
    """All fragments of one class.

    Attributes:
        beads: ``(n, n_beads, 3)`` nm, the context.
        atoms: ``(n, n_atoms, 3)`` nm, own atoms, then the halo, in the same coordinates.
        descriptors: ``(n, d)`` what fragments are compared by.
    """

    beads: NDArray[np.float32]
    atoms: NDArray[np.float32]
    descriptors: Floats

    @classmethod
    def of(cls, beads: NDArray[np.floating], atoms: NDArray[np.floating]) -> FragmentClass:
        """From any coordinates; each fragment is centred on its beads."""
        centre = beads.mean(axis=1, keepdims=True)
        return cls.stored((beads - centre).astype(np.float32), (atoms - centre).astype(np.float32))

    @classmethod
    def stored(cls, beads: NDArray[np.float32], atoms: NDArray[np.float32]) -> FragmentClass:
        """From the arrays of another one."""
        return cls(beads, atoms, describe(beads.astype(np.float64)))

    def nearest(self, beads: Floats, count: int) -> NDArray[np.int64]:
        """Numbers of the fragments with the nearest context.

        Args:
            beads: ``(m, n_beads, 3)`` nm.
            count: how many to find.

        Returns:
            ``(m, min(count, n))``, in no order.
        """
        count = min(count, len(self.descriptors))
        queries = describe(beads)
        squares = np.einsum("nd,nd->n", self.descriptors, self.descriptors)
        rows = max(1, CHUNK // len(squares))
        found = []
        for start in range(0, len(queries), rows):
            # |q|^2 is the same for all fragments, and left out.
            distances = squares - 2 * queries[start : start + rows] @ self.descriptors.T
            found.append(np.argpartition(distances, count - 1, axis=1)[:, :count])
        return np.sort(np.concatenate(found), axis=1)


def describe(beads: Floats) -> Floats:
    """Invariants of rigid motion that change under reflection.

    All distances between the beads, and the signed volumes of beads that follow one another.

    Args:
        beads: ``(n, n_beads, 3)`` nm.

    Returns:
        ``(n, d)`` nm; a single zero for a lone bead.
    """
    n_beads = beads.shape[1]
    i, j = np.triu_indices(n_beads, 1)
    distances = np.linalg.norm(beads[:, i] - beads[:, j], axis=2)
    steps = np.diff(beads, axis=1)
    volumes = np.einsum("nqx,nqx->nq", np.cross(steps[:, :-2], steps[:, 1:-1]), steps[:, 2:])
    return np.concatenate([np.zeros((len(beads), 1)), distances, volumes / VOLUME_SCALE**2], axis=1)


def collect(pairs: Iterable[PairedFrames], topology: Topology, max_molecules: int) -> NDArray[np.float32]:
    """Whole molecules of reference frames, evenly thinned to at most ``max_molecules``.

    Returns:
        ``(n, n_atoms, 3)`` nm.

    Raises:
        InputError: no frames, wrong number of atoms, positions that are not finite.
    """
    kept: list[NDArray[np.float32]] = []
    stride, seen = 1, 0
    for pair in pairs:
        frame = pair.atomistic
        topology.count_molecules(len(frame), beads=False)
        if not np.isfinite(frame.positions).all():
            where = frame.name or f"frame {frame.index}"
            raise InputError(
                f"{where} of the library has positions that are not finite numbers; leave it out"
            )
        for molecule in np.asarray(frame.positions).reshape(-1, topology.n_atoms, 3):
            if seen % stride == 0:
                kept.append((molecule - molecule.mean(axis=0)).astype(np.float32))
                if len(kept) > max_molecules:
                    kept, stride = kept[::2], 2 * stride
            seen += 1
    if not kept:
        raise InputError("the library holds no reference frames; give at least one atomistic frame")
    return np.stack(kept)


def build(
    molecules: NDArray[np.float32], topology: Topology, groups: Sequence[Group], max_fragments: int
) -> dict[str, FragmentClass]:
    """Cuts molecules into fragments, by class; those of the wrong hand are left out.

    Raises:
        InputError: if nothing is left of a class.
    """
    beads = topology.mapping.apply(molecules.reshape(-1, 3)).reshape(len(molecules), -1, 3)
    found: dict[str, list[tuple[Floats, Floats]]] = {}
    for group in groups:
        right = _right_hand(molecules, topology, group)
        if not right.any():
            raise InputError(
                f"no molecule of the library has the stereocentres of {group.label} as the topology wants "
                "them; check the hands of the topology, or give other reference frames"
            )
        part = (beads[right][:, group.beads], molecules[right][:, group.atoms].astype(np.float64))
        found.setdefault(group.key, []).append(part)
    library = {}
    for key, parts in found.items():
        context, atoms = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        stride = -(-len(context) // max_fragments)
        library[key] = FragmentClass.of(context[::stride], atoms[::stride])
    return library


def _right_hand(molecules: NDArray[np.float32], topology: Topology, group: Group) -> NDArray[np.bool_]:
    wanted = topology.graph.chirality[group.stereocentres]
    centres = topology.graph.stereocentres[group.stereocentres][wanted != 0]
    matches = hands(molecules, centres) == wanted[wanted != 0]
    right: NDArray[np.bool_] = matches.all(axis=1)
    return right
