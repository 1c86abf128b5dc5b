"""What is modelled, in one object: graph, mapping and, where known, force field."""

from __future__ import annotations

from dataclasses import dataclass, field

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.mapping import Mapping


@dataclass(frozen=True, eq=False)
class Topology:
    """One molecule template; a frame holds whole copies of it, one after another.

    A mixture is one disconnected template. All per-molecule arrays of frames are
    reshaped as ``(n_molecules, graph.n_atoms, 3)`` and ``(n_molecules, mapping.n_beads, 3)``.
    """

    graph: MolecularGraph
    mapping: Mapping
    force_field: ForceField | None = None
    temperature: float | None = field(default=None)
    """Kelvin; what a thermalised ensemble is sampled at."""

    def __post_init__(self) -> None:
        self.mapping.validate(self.graph)
        if self.force_field is not None and self.force_field.n_atoms != self.graph.n_atoms:
            raise InputError(
                f"the force field of {self.graph.name} describes {self.force_field.n_atoms} atoms, "
                f"its graph has {self.graph.n_atoms}"
            )

    @property
    def n_atoms(self) -> int:
        """Atoms of one molecule."""
        return self.graph.n_atoms

    @property
    def n_beads(self) -> int:
        """Beads of one molecule."""
        return self.mapping.n_beads

    def count_molecules(self, n_particles: int, *, beads: bool) -> int:
        """Number of molecules in a frame of ``n_particles`` atoms, or beads.

        Raises:
            InputError: if it is not a whole, positive number of molecules.
        """
        per_molecule = self.n_beads if beads else self.n_atoms
        count, rest = divmod(n_particles, per_molecule)
        if rest or not count:
            kind = "beads" if beads else "atoms"
            raise InputError(
                f"the frame has {n_particles} {kind}, which is no multiple of the "
                f"{per_molecule} {kind} of one {self.graph.name} molecule; "
                "check that topology, mapping and trajectory belong together"
            )
        return count
