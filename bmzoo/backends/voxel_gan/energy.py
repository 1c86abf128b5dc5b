"""The energy of one atom among those that are placed: for choosing candidates, and as a prior."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bmzoo.backends.voxel_gan.observation import Observer, Scene
from bmzoo.molecules.forcefield import ForceField
from bmzoo.representations import interactions as physics

CONSTRAINT = 3e5
"""kJ/mol/nm2; stiffness given to bonds that the reference constrains, about that of a C-C bond."""


class AtomEnergy(nn.Module):
    """Energy terms that an atom takes part in, as far as the other atoms are placed.

    Bonded terms need all their atoms; non-bonded ones reach as far as the surroundings do.
    """

    sigma: Tensor
    epsilon: Tensor
    charges: Tensor
    screened: Tensor

    def __init__(self, observer: Observer, field: ForceField) -> None:
        super().__init__()
        self.observer = observer
        stiff = np.full(len(field.constraints), CONSTRAINT)
        bonds = np.concatenate([field.bonds, field.constraints])
        self._terms("bond", bonds, r0=np.r_[field.bond_r0, field.constraint_r0], k=np.r_[field.bond_k, stiff])
        self._terms("angle", field.angles, theta0=field.angle_theta0, k=field.angle_k)
        self._terms(
            "dihedral", field.dihedrals, n=field.dihedral_n, phase=field.dihedral_phase, k=field.dihedral_k
        )
        self._terms("improper", field.impropers, phi0=field.improper_phi0, k=field.improper_k)
        self._nonbonded(field)

    def forward(self, scene: Scene, atoms: Tensor, placed: Tensor) -> dict[str, Tensor]:
        """``bonded`` and ``nonbonded``, each ``(batch, n)`` kJ/mol.

        Args:
            scene: around the owner beads.
            atoms: ``(batch,)`` atoms of the molecule.
            placed: ``(batch, n, 3)`` nm, candidates in the scene's coordinates.
        """
        rows = torch.arange(len(atoms), device=atoms.device)
        visible = scene.visible.clone()
        visible[rows, self.observer.own[atoms]] = False
        bonded = torch.zeros_like(placed[..., 0])
        for name, function in _FUNCTIONS.items():
            bonded = bonded + self._bonded(name, function, scene, visible, atoms, placed)
        return {"bonded": bonded, "nonbonded": self._pairs(scene, visible, atoms, placed)}

    def _bonded(  # type: ignore[no-untyped-def]
        self, name: str, function, scene: Scene, visible: Tensor, atoms: Tensor, placed: Tensor
    ) -> Tensor:
        columns: Tensor = self.get_buffer(f"{name}_columns")[atoms]
        if not columns.shape[1]:
            return torch.zeros_like(placed[..., 0])
        own = columns == self.observer.own[atoms][:, None, None]
        safe = columns.clamp(min=0)
        there = ((columns >= 0) & (own | visible.gather(1, safe.flatten(1)).reshape(safe.shape))).all(-1)
        flat = safe.flatten(1).unsqueeze(-1).expand(-1, -1, 3)
        others = scene.positions.gather(1, flat).reshape(*safe.shape, 3)
        ends = torch.where(own[:, None, ..., None], placed[:, :, None, None, :], others[:, None])
        numbers = self.get_buffer(f"{name}_numbers")[atoms].to(placed.dtype).unsqueeze(1).unbind(-1)
        return (function(ends, numbers) * there.unsqueeze(1)).sum(-1)

    def _pairs(self, scene: Scene, visible: Tensor, atoms: Tensor, placed: Tensor) -> Tensor:
        width = self.sigma.shape[0] // len(self.observer.own)
        index = (atoms * width).unsqueeze(1) + scene.columns
        epsilon = self.epsilon[index] * visible
        away = placed.unsqueeze(2) - scene.positions.unsqueeze(1)
        r = physics.lengths(away)
        energy = physics.lennard_jones(r, self.sigma[index].unsqueeze(1), epsilon.unsqueeze(1))
        charges = (self.charges[index] * visible).unsqueeze(1)
        energy = energy + physics.coulomb(r, charges)
        krf, crf = self._reaction_field
        if krf or crf:
            screened = charges * self.screened[index].unsqueeze(1)
            energy = energy + physics.COULOMB * screened * (krf * r.square() - crf)
        return energy.sum(-1)

    def _terms(self, name: str, members: NDArray[np.int64], **numbers: NDArray) -> None:
        """Tables of the terms of every atom: columns ``(n_atoms, most, n_members)``, -1; parameters."""
        observer = self.observer
        n, owner = observer.template.n_atoms, observer.template.owners
        of_atom = [np.flatnonzero((members == atom).any(axis=1)) for atom in range(n)]
        most = max((len(rows) for rows in of_atom), default=0)
        columns = np.full((n, most, members.shape[1]), -1, dtype=np.int64)
        parameters = np.zeros((n, most, len(numbers)))
        stacked = np.stack([np.asarray(v, dtype=float) for v in numbers.values()], axis=1)
        for atom, rows in enumerate(of_atom):
            columns[atom, : len(rows)] = observer.layout.column_of[owner[atom], members[rows]]
            parameters[atom, : len(rows)] = stacked[rows]
        self.register_buffer(f"{name}_columns", torch.as_tensor(columns), persistent=False)
        self.register_buffer(f"{name}_numbers", torch.as_tensor(parameters), persistent=False)

    def _nonbonded(self, field: ForceField) -> None:
        """Parameters of an atom and every column of the table; zero where nothing acts."""
        n, n_beads = field.n_atoms, self.observer.template.topology.n_beads
        sigma, epsilon = field.mixed(field.sigma, field.epsilon)
        charges = np.outer(field.charges, field.charges)
        own_sigma, own_epsilon, own_charges = sigma.copy(), epsilon.copy(), charges.copy()
        for i, j in (pair for rows in (field.exclusions, np.stack([np.arange(n)] * 2, 1)) for pair in rows):
            own_epsilon[[i, j], [j, i]] = own_charges[[i, j], [j, i]] = 0
        first, second = field.pairs.T
        for table, values in (
            (own_sigma, field.pair_sigma),
            (own_epsilon, field.pair_epsilon),
            (own_charges, field.pair_charge_product),
        ):
            table[first, second] = table[second, first] = values
        # 1-4 pairs have no reaction field
        own_screened, screened = np.ones((n, n)), np.ones((n, n))
        own_screened[first, second] = own_screened[second, first] = 0
        nothing = np.zeros((n, n_beads))
        for name, own, other in (
            ("sigma", own_sigma, sigma),
            ("epsilon", own_epsilon, epsilon),
            ("charges", own_charges, charges),
            ("screened", own_screened, screened),
        ):
            table = np.concatenate([own, other, nothing + (name == "sigma")], axis=1).astype(np.float32)
            self.register_buffer(name, torch.as_tensor(table.reshape(-1)), persistent=False)
        self._reaction_field = (0.0, 0.0)
        if field.cutoff is not None:
            self._reaction_field = physics.reaction_field(field.cutoff, field.reaction_field)


def _bond(ends: Tensor, numbers: tuple[Tensor, ...]) -> Tensor:
    return physics.harmonic(physics.lengths(ends[..., 1, :] - ends[..., 0, :]), *numbers)


def _angle(ends: Tensor, numbers: tuple[Tensor, ...]) -> Tensor:
    return physics.harmonic(physics.angles(*ends.unbind(-2)), *numbers)


def _dihedral(ends: Tensor, numbers: tuple[Tensor, ...]) -> Tensor:
    return physics.periodic(physics.dihedrals(*ends.unbind(-2)), *numbers)


def _improper(ends: Tensor, numbers: tuple[Tensor, ...]) -> Tensor:
    centre, k = numbers
    return k / 2 * physics.wrap(physics.dihedrals(*ends.unbind(-2)) - centre).square()


_FUNCTIONS = {"bond": _bond, "angle": _angle, "dihedral": _dihedral, "improper": _improper}
