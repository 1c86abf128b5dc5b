"""One test frame of a system as it was given, stored beside the trajectories made from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError

if TYPE_CHECKING:
    from bmzoo.frames.frame import Frame
    from bmzoo.systems.system import System

SCENE_FILE = "scene.npz"


@dataclass(frozen=True, eq=False)
class Scene:
    """The first test frame: what a picture needs beside the first frames of the trajectories.

    Attributes:
        title: of the system.
        elements: ``(n_atoms,)`` of one molecule.
        bonds: ``(n_bonds, 2)`` of one molecule.
        bead_bonds: ``(n, 2)`` of one molecule.
        atoms: ``(n_molecules * n_atoms, 3)`` nm, the reference.
        beads: ``(n_molecules * n_beads, 3)`` nm, what the backends were given.
        box: ``(3, 3)`` nm, or ``None``.
    """

    title: str
    elements: NDArray[np.str_]
    bonds: NDArray[np.int64]
    bead_bonds: NDArray[np.int64]
    atoms: NDArray[np.floating]
    beads: NDArray[np.floating]
    box: NDArray[np.floating] | None = None

    @property
    def n_molecules(self) -> int:
        return len(self.atoms) // len(self.elements)

    @property
    def n_beads(self) -> int:
        """Beads of one molecule."""
        return len(self.beads) // self.n_molecules

    @classmethod
    def of(cls, system: System, atoms: Frame, beads: Frame) -> Scene:
        """From the frames of a test set."""
        graph, mapping = system.topology.graph, system.topology.mapping
        elements = np.array(graph.elements, dtype=np.str_)
        return cls(
            system.title, elements, graph.bonds, mapping.bonds, atoms.positions, beads.positions, atoms.box
        )

    def write(self, path: Path) -> None:
        """Writes one npz file, positions in single precision."""
        np.savez_compressed(
            path,
            title=np.array(self.title),
            elements=self.elements,
            bonds=self.bonds,
            bead_bonds=self.bead_bonds,
            atoms=self.atoms.astype(np.float32),
            beads=self.beads.astype(np.float32),
            box=np.zeros((0, 3)) if self.box is None else self.box,
        )

    @classmethod
    def read(cls, path: Path) -> Scene:
        """Raises:
        InputError: no such file, or a damaged one.
        """
        try:
            with np.load(path) as data:
                box = data["box"] if len(data["box"]) else None
                names = ("elements", "bonds", "bead_bonds", "atoms", "beads")
                return cls(title=str(data["title"]), box=box, **{name: data[name] for name in names})
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise InputError(f"{path} is missing or damaged ({error}); run the benchmark again") from None
