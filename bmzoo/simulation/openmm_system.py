"""From a :class:`ForceField` to an OpenMM ``System`` of copies of one molecule."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.frames.lattice import perpendicular_widths
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.topology import Topology

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]

FORCE_GROUPS = MappingProxyType(
    {"bond": 0, "angle": 1, "dihedral": 2, "improper": 3, "nonbonded": 4, "solvation": 5}
)
"""Force group of every kind of term; ask for one with ``getState(groups={FORCE_GROUPS[kind]})``."""

HYDROGEN_MASS_LIMIT = 1.5
"""g/mol; what is lighter than this is a hydrogen."""


def build_system(
    molecule: Topology | ForceField,
    n_molecules: int,
    box: NDArray[np.floating] | None = None,
    *,
    constraints: Literal["reference", "none"] = "reference",
    hydrogen_mass: float | None = None,
) -> openmm.System:
    """A system of ``n_molecules`` copies, in molecule order; positions must have whole molecules.

    Args:
        molecule: force field, or a topology that has one.
        n_molecules: copies.
        box: ``(3, 3)`` nm, rows are lattice vectors, lower triangular; ``None`` is vacuum
            (or implicit solvent).
        constraints: ``reference`` holds the pairs that the reference simulation held and drops their
            bond energy; ``none`` lets every bond vibrate with ``bond_k``.
        hydrogen_mass: g/mol; moves mass from every heavy atom to its hydrogens, ``None`` leaves
            the true masses.

    Returns:
        The system, without integrator, thermostat or barostat; force groups as ``FORCE_GROUPS``.

    Raises:
        InputError: no force field, no copies, a box without a cutoff, a box narrower than twice the
            cutoff, or a heavy atom that would be left with no mass.
    """
    import openmm

    field = _force_field_of(molecule)
    if n_molecules < 1:
        raise InputError(f"a system needs at least one molecule, not {n_molecules}")
    system = openmm.System()
    masses = field.masses if hydrogen_mass is None else repartitioned_masses(field, hydrogen_mass)
    for mass in np.tile(masses, n_molecules).tolist():
        system.addParticle(mass)
    if box is not None:
        system.setDefaultPeriodicBoxVectors(*_checked_box(field, box).tolist())
    if constraints == "reference":
        for i, j, r0 in _copies(field, n_molecules, field.constraints, field.constraint_r0):
            system.addConstraint(i, j, r0)
    for kind, force in _forces(field, n_molecules, box is not None, constraints):
        force.setForceGroup(FORCE_GROUPS[kind])
        force.setName(kind)
        system.addForce(force)
    return system


def reduced_box(box: NDArray[np.floating]) -> Floats:
    """The same lattice in OpenMM's reduced form.

    Args:
        box: ``(3, 3)`` nm, rows are lattice vectors, lower triangular, positive diagonal.

    Returns:
        ``(3, 3)`` nm with ``|b_x|, |c_x| <= a_x / 2`` and ``|c_y| <= b_y / 2``.

    Raises:
        InputError: if the box is not lower triangular or has no volume.
    """
    reduced: Floats = np.array(box, dtype=np.float64).reshape(3, 3)
    if np.abs(np.triu(reduced, 1)).max() > 1e-5 or reduced.diagonal().min() <= 0:
        raise InputError(
            f"the box {reduced.round(4).tolist()} is not lower triangular with a positive diagonal; "
            "rotate the system so that the first vector lies along x and the second in the xy plane"
        )
    reduced = np.tril(reduced)
    reduced[2] -= reduced[1] * np.round(reduced[2, 1] / reduced[1, 1])
    reduced[2] -= reduced[0] * np.round(reduced[2, 0] / reduced[0, 0])
    reduced[1] -= reduced[0] * np.round(reduced[1, 0] / reduced[0, 0])
    return reduced


def repartitioned_masses(field: ForceField, hydrogen_mass: float) -> Floats:
    """``(n_atoms,)`` g/mol: hydrogens of ``hydrogen_mass``, taken from their heavy atoms.

    Hopkins et al., J. Chem. Theory Comput. 11, 1864 (2015).

    Raises:
        InputError: if a heavy atom would become lighter than its hydrogens.
    """
    masses = field.masses.astype(np.float64).copy()
    hydrogen = field.masses < HYDROGEN_MASS_LIMIT
    for i, j in field.bonds.tolist():
        if hydrogen[i] == hydrogen[j]:
            continue
        light, heavy = (i, j) if hydrogen[i] else (j, i)
        masses[heavy] -= hydrogen_mass - field.masses[light]
        masses[light] = hydrogen_mass
    if np.any(masses[~hydrogen] < hydrogen_mass):
        worst = int(np.argmin(np.where(hydrogen, np.inf, masses)))
        raise InputError(
            f"a hydrogen mass of {hydrogen_mass} leaves atom {worst + 1} with {masses[worst]:.2f} g/mol; "
            "choose a smaller one"
        )
    return masses


def _force_field_of(molecule: Topology | ForceField) -> ForceField:
    if isinstance(molecule, ForceField):
        return molecule
    if molecule.force_field is None:
        raise InputError(f"{molecule.graph.name} has no force field, so no simulation can be set up for it")
    return molecule.force_field


def _checked_box(field: ForceField, box: NDArray[np.floating]) -> Floats:
    reduced = reduced_box(box)
    if field.cutoff is None:
        raise InputError("a periodic box needs a cutoff, and this force field has none; give one (--cutoff)")
    width = float(perpendicular_widths(reduced).min())
    if field.cutoff > width / 2:
        raise InputError(
            f"the cutoff of {field.cutoff} nm is more than half of the box, which is {width:.3f} nm "
            "between its nearest faces; use a larger box or a shorter cutoff"
        )
    return reduced


def _copies(
    field: ForceField, n_molecules: int, rows: NDArray[np.int64], *values: NDArray[np.generic]
) -> list[list[float]]:
    """One list a term and molecule: shifted atoms, then the values as Python numbers."""
    shifts = np.arange(n_molecules)[:, None, None] * field.n_atoms
    atoms = (rows[None] + shifts).reshape(-1, rows.shape[1]).tolist()
    columns = [np.tile(value, n_molecules).tolist() for value in values]
    return [[*a, *numbers] for a, *numbers in zip(atoms, *columns, strict=True)]


def _forces(
    field: ForceField, n_molecules: int, periodic: bool, constraints: str
) -> list[tuple[str, openmm.Force]]:
    found: list[tuple[str, openmm.Force]] = []
    bonds = _bond_force(field, n_molecules, free=constraints == "none")
    if bonds.getNumBonds():
        found.append(("bond", bonds))
    if len(field.angles):
        found.append(("angle", _angle_force(field, n_molecules)))
    if len(field.dihedrals):
        found.append(("dihedral", _dihedral_force(field, n_molecules)))
    if len(field.impropers):
        found.append(("improper", _improper_force(field, n_molecules)))
    geometric = field.combination == "geometric"
    found.append(("nonbonded", _nonbonded_force(field, n_molecules, periodic, coulomb_only=geometric)))
    if geometric:
        found.append(("nonbonded", _geometric_force(field, n_molecules, periodic)))
    if field.gb_radii is not None and field.gb_scales is not None:
        found.append(("solvation", _gb_force(field, n_molecules, periodic)))
    return found


def _bond_force(field: ForceField, n_molecules: int, *, free: bool) -> openmm.HarmonicBondForce:
    import openmm

    force = openmm.HarmonicBondForce()
    held = set() if free else {tuple(sorted(pair)) for pair in field.constraints.tolist()}
    kept = np.array([tuple(sorted(pair)) not in held for pair in field.bonds.tolist()], dtype=bool)
    for i, j, r0, k in _copies(
        field, n_molecules, field.bonds[kept], field.bond_r0[kept], field.bond_k[kept]
    ):
        force.addBond(i, j, r0, k)
    return force


def _angle_force(field: ForceField, n_molecules: int) -> openmm.HarmonicAngleForce:
    import openmm

    force = openmm.HarmonicAngleForce()
    for row in _copies(field, n_molecules, field.angles, field.angle_theta0, field.angle_k):
        force.addAngle(*row)
    return force


def _dihedral_force(field: ForceField, n_molecules: int) -> openmm.PeriodicTorsionForce:
    import openmm

    force = openmm.PeriodicTorsionForce()
    for row in _copies(
        field, n_molecules, field.dihedrals, field.dihedral_n, field.dihedral_phase, field.dihedral_k
    ):
        force.addTorsion(*row)
    return force


def _improper_force(field: ForceField, n_molecules: int) -> openmm.CustomTorsionForce:
    import openmm

    force = openmm.CustomTorsionForce(
        f"0.5*k*d^2; d = gap - two_pi*floor(gap/two_pi + 0.5); gap = theta - phi0; two_pi = {2 * np.pi!r}"
    )
    force.addPerTorsionParameter("phi0")
    force.addPerTorsionParameter("k")
    for i, j, k, m, phi0, strength in _copies(
        field, n_molecules, field.impropers, field.improper_phi0, field.improper_k
    ):
        force.addTorsion(i, j, k, m, [phi0, strength])
    return force


def _nonbonded_force(
    field: ForceField, n_molecules: int, periodic: bool, *, coulomb_only: bool
) -> openmm.NonbondedForce:
    """Coulomb and Lennard-Jones; 1-4 pairs carry their own Lennard-Jones in either case."""
    import openmm

    force = openmm.NonbondedForce()
    sigma = np.ones(field.n_atoms) if coulomb_only else field.sigma
    epsilon = np.zeros(field.n_atoms) if coulomb_only else field.epsilon
    rows = np.stack([field.charges, sigma, epsilon], axis=1)
    for row in np.tile(rows, (n_molecules, 1)).tolist():
        force.addParticle(*row)
    for i, j in _copies(field, n_molecules, field.exclusions):
        force.addException(i, j, 0.0, 1.0, 0.0)
    for row in _copies(
        field, n_molecules, field.pairs, field.pair_charge_product, field.pair_sigma, field.pair_epsilon
    ):
        force.addException(*row)
    _set_range(force, field, periodic)
    force.setReactionFieldDielectric(field.reaction_field)
    force.setUseDispersionCorrection(field.dispersion_correction and periodic and not coulomb_only)
    return force


def _geometric_force(field: ForceField, n_molecules: int, periodic: bool) -> openmm.CustomNonbondedForce:
    """Lennard-Jones with geometric means of both parameters, as OPLS wants it."""
    import openmm

    force = openmm.CustomNonbondedForce(
        "4*epsilon*(q^2 - q); q = (sigma/r)^6; sigma = sqrt(sigma1*sigma2); epsilon = sqrt(epsilon1*epsilon2)"
    )
    force.addPerParticleParameter("sigma")
    force.addPerParticleParameter("epsilon")
    for row in np.tile(np.stack([field.sigma, field.epsilon], axis=1), (n_molecules, 1)).tolist():
        force.addParticle(row)
    for i, j in _copies(field, n_molecules, np.concatenate([field.exclusions, field.pairs])):
        force.addExclusion(i, j)
    _set_range(force, field, periodic)
    force.setUseLongRangeCorrection(field.dispersion_correction and periodic)
    return force


def _gb_force(field: ForceField, n_molecules: int, periodic: bool) -> openmm.GBSAOBCForce:
    """GBSA-OBC2: Onufriev, Bashford, Case, Proteins 55, 383 (2004)."""
    import openmm

    if field.gb_radii is None or field.gb_scales is None:
        raise InputError("implicit solvent needs radii and scale factors for every atom")
    force = openmm.GBSAOBCForce()
    rows = np.stack([field.charges, field.gb_radii, field.gb_scales], axis=1)
    for row in np.tile(rows, (n_molecules, 1)).tolist():
        force.addParticle(*row)
    force.setSoluteDielectric(field.solute_dielectric)
    force.setSolventDielectric(field.solvent_dielectric)
    force.setSurfaceAreaEnergy(field.surface_area_energy)
    _set_range(force, field, periodic)
    return force


def _set_range(
    force: openmm.NonbondedForce | openmm.CustomNonbondedForce | openmm.GBSAOBCForce,
    field: ForceField,
    periodic: bool,
) -> None:
    if field.cutoff is None:
        force.setNonbondedMethod(force.NoCutoff)
        return
    force.setNonbondedMethod(force.CutoffPeriodic if periodic else force.CutoffNonPeriodic)
    force.setCutoffDistance(field.cutoff)
