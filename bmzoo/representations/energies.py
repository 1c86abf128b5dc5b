"""The force field as a differentiable function of positions: OpenMM's energies, in torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.representations import interactions as physics
from bmzoo.representations.pairs import Box, PairFinder, Pairs

ATOM_ROWS = ("bonds", "angles", "dihedrals", "impropers", "pairs", "dihedral_improper")
NUMBERS = (
    *("charges", "bond_r0", "bond_k", "angle_theta0", "angle_k", "dihedral_n", "dihedral_phase"),
    *("dihedral_k", "improper_phi0", "improper_k", "pair_charge_product", "pair_sigma", "pair_epsilon"),
)


class Energies(nn.Module):
    """Energy terms of copies of one molecule, as :class:`ForceField` defines them.

    The number of molecules follows from the positions, ``(..., n_molecules * n_atoms, 3)`` nm with
    whole molecules. Energies are in kJ/mol, in the precision of the positions. A force field with a
    cutoff is evaluated over a neighbour list, frame by frame; one without, over all pairs at once.
    The dispersion correction is left out, as in reported energies.

    Terms: ``bond``, ``angle``, ``dihedral`` (proper), ``dihedral_improper`` (periodic impropers),
    ``improper`` (harmonic), ``lennard_jones``, ``coulomb``, ``pairs`` (1-4: both kinds of
    interaction), ``gb`` (GBSA-OBC2 with surface term) and ``total``. They equal OpenMM's, and are
    finite with finite gradients for any finite positions: see :mod:`.interactions`.

    Raises:
        InputError: implicit solvent together with a cutoff.
    """

    charges: Tensor
    kinds: Tensor
    mixed_sigma: Tensor
    mixed_epsilon: Tensor
    dihedral_improper: Tensor

    def __init__(self, force_field: ForceField) -> None:
        super().__init__()
        if force_field.gb_radii is not None and force_field.cutoff is not None:
            raise InputError("implicit solvent is evaluated without cutoff; remove one of the two")
        self.force_field = force_field
        self.n_atoms = force_field.n_atoms
        self._finder = PairFinder(force_field)
        for name in ATOM_ROWS:
            self._keep(name, np.asarray(getattr(force_field, name)))
        for name in NUMBERS:
            self._keep(name, np.asarray(getattr(force_field, name), dtype=np.float64))
        if force_field.gb_radii is not None and force_field.gb_scales is not None:
            self._keep("gb_radii", force_field.gb_radii)
            self._keep("gb_scales", force_field.gb_scales)
        self._tabulate_mixing(force_field)
        self._reaction_field = (0.0, 0.0)
        if force_field.cutoff is not None:
            self._reaction_field = physics.reaction_field(force_field.cutoff, force_field.reaction_field)

    def terms(self, positions: Tensor, box: Box = None, pairs: Pairs | None = None) -> dict[str, Tensor]:
        """Every term and their total, ``(...)`` kJ/mol.

        Args:
            positions: ``(..., n_molecules * n_atoms, 3)`` nm.
            box: ``(3, 3)`` nm, rows are lattice vectors, shared by the batch; ``None`` is vacuum.
            pairs: what :meth:`pairs_of` gave for this frame, to save finding it again.

        Raises:
            InputError: no whole number of molecules, a box narrower than twice the cutoff.
        """
        found = {name: value.sum(-1) for name, value in self._bonded(positions).items()}
        found |= {name: value.sum(-1) for name, value in self._nonbonded(positions, box, pairs).items()}
        if self.force_field.gb_radii is not None:
            found["gb"] = self._solvation(positions)
        found["total"] = torch.stack(list(found.values())).sum(0)
        return found

    def forward(self, positions: Tensor, box: Box = None, pairs: Pairs | None = None) -> Tensor:
        """Total potential energy, ``(...)`` kJ/mol; arguments as of :meth:`terms`."""
        return self.terms(positions, box, pairs)["total"]

    def forces(self, positions: Tensor, box: Box = None, pairs: Pairs | None = None) -> Tensor:
        """``(..., n, 3)`` kJ/mol/nm, the negative gradient of the total."""
        with torch.enable_grad():
            leaf = positions.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self(leaf, box, pairs).sum(), leaf)
        return -gradient

    def per_molecule(
        self, positions: Tensor, box: Box = None, pairs: Pairs | None = None
    ) -> dict[str, Tensor]:
        """Terms by molecule, ``(..., n_molecules)`` kJ/mol; no ``gb``, which is a many-body term.

        Bonded terms and ``pairs`` belong to their molecule. ``lennard_jones`` and ``coulomb`` are the
        energy of a molecule with itself and everything around it: an intermolecular pair counts in
        full for both partners, so their sum exceeds the total by the intermolecular energy.

        Raises:
            InputError: as :meth:`terms`, and a batch of frames with a cutoff.
        """
        if pairs is None:
            pairs = self.pairs_of(positions, box)
        count = self._count(positions)
        found = self._bonded(positions)
        for name, energy in self._nonbonded(positions, box, pairs).items():
            found[name] = self._share(energy, pairs, count)
        return found

    def pairs_of(self, positions: Tensor, box: Box = None, skin: float = 0.0) -> Pairs:
        """Non-bonded pairs of one frame: within the cutoff plus ``skin`` nm, or all without cutoff.

        Raises:
            InputError: a batch with a cutoff, a box narrower than twice the cutoff.
        """
        if self.force_field.cutoff is None:
            return self._finder.every(self._count(positions), positions.device)
        if positions.dim() > 2:
            raise InputError("a neighbour list belongs to one frame; give the frames one at a time")
        return self._finder.near(positions, box, skin)

    def _bonded(self, positions: Tensor) -> dict[str, Tensor]:
        """``(..., n_molecules)`` of every bonded term."""
        x = positions.reshape(*positions.shape[:-2], self._count(positions), self.n_atoms, 3)

        def ends(name: str) -> tuple[Tensor, ...]:
            return x[..., getattr(self, name), :].unbind(-2)

        def number(*names: str) -> tuple[Tensor, ...]:
            return tuple(getattr(self, name).to(x.dtype) for name in names)

        a, b = ends("bonds")
        bond = physics.harmonic(physics.lengths(b - a), *number("bond_r0", "bond_k"))
        bend = physics.angles(*ends("angles"))
        angle = physics.harmonic(bend, *number("angle_theta0", "angle_k"))
        turn = physics.dihedrals(*ends("dihedrals"))
        dihedral = physics.periodic(turn, *number("dihedral_n", "dihedral_phase", "dihedral_k"))
        centre, strength = number("improper_phi0", "improper_k")
        improper = strength / 2 * physics.wrap(physics.dihedrals(*ends("impropers")) - centre).square()
        a, b = ends("pairs")
        r = physics.lengths(b - a)
        pair = physics.lennard_jones(r, *number("pair_sigma", "pair_epsilon"))
        return {
            "bond": bond.sum(-1),
            "angle": angle.sum(-1),
            "dihedral": dihedral[..., ~self.dihedral_improper].sum(-1),
            "dihedral_improper": dihedral[..., self.dihedral_improper].sum(-1),
            "improper": improper.sum(-1),
            "pairs": (pair + physics.coulomb(r, number("pair_charge_product")[0])).sum(-1),
        }

    def _nonbonded(self, positions: Tensor, box: Box, pairs: Pairs | None) -> dict[str, Tensor]:
        """``(..., n_pairs)`` Lennard-Jones and Coulomb energies; summed, ``(..., 1)``, for several lists."""
        cutoff = self.force_field.cutoff
        if pairs is None and cutoff is not None and positions.dim() > 2:
            frames = [
                self._nonbonded(frame, box, None) for frame in positions.reshape(-1, *positions.shape[-2:])
            ]
            shape = (*positions.shape[:-2], 1)
            return {k: torch.stack([f[k].sum() for f in frames]).reshape(shape) for k in frames[0]}
        first, second, shift = pairs if pairs is not None else self.pairs_of(positions, box)
        vectors = positions.index_select(-2, second) - positions.index_select(-2, first)
        r = physics.lengths(vectors if shift is None else vectors + shift)
        kinds = self.kinds.repeat(self._count(positions))
        mixed = kinds[first] * self.n_kinds + kinds[second]
        charges = self.charges.to(r.dtype).repeat(self._count(positions))
        found = {
            "lennard_jones": physics.lennard_jones(
                r, self.mixed_sigma.to(r.dtype)[mixed], self.mixed_epsilon.to(r.dtype)[mixed]
            ),
            "coulomb": physics.coulomb(r, charges[first] * charges[second], *self._reaction_field),
        }
        if cutoff is None:
            return found
        return {name: energy * (r < cutoff) for name, energy in found.items()}

    def _solvation(self, positions: Tensor) -> Tensor:
        count = self._count(positions)
        distances = physics.lengths(positions.unsqueeze(-2) - positions.unsqueeze(-3))
        names = ("charges", "gb_radii", "gb_scales")
        charges, radii, scales = (getattr(self, name).to(positions.dtype).repeat(count) for name in names)
        return physics.generalised_born(
            distances,
            charges,
            radii,
            scales,
            solute_dielectric=self.force_field.solute_dielectric,
            solvent_dielectric=self.force_field.solvent_dielectric,
            surface_area_energy=self.force_field.surface_area_energy,
        )

    def _share(self, energy: Tensor, pairs: Pairs, count: int) -> Tensor:
        """Adds pair energies to the molecules of both partners, once where they are the same."""
        one, other = pairs.first // self.n_atoms, pairs.second // self.n_atoms
        empty = energy.new_zeros(*energy.shape[:-1], count)
        return empty.index_add(-1, one, energy).index_add(-1, other, energy * (one != other))

    def _tabulate_mixing(self, field: ForceField) -> None:
        """Mixed Lennard-Jones parameters of every pair of kinds of atoms."""
        rows, kinds = np.unique(np.stack([field.sigma, field.epsilon], axis=1), axis=0, return_inverse=True)
        sigma, epsilon = field.mixed(*rows.T)
        self.n_kinds = len(rows)
        self._keep("kinds", kinds.reshape(-1))
        self._keep("mixed_sigma", sigma.reshape(-1))
        self._keep("mixed_epsilon", epsilon.reshape(-1))

    def _keep(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.as_tensor(values), persistent=False)

    def _count(self, positions: Tensor) -> int:
        count, rest = divmod(positions.shape[-2], self.n_atoms)
        if rest or not count:
            raise InputError(
                f"{positions.shape[-2]} atoms are no whole number of molecules of {self.n_atoms} atoms"
            )
        return count
