"""OpenMM systems against the formulas that ForceField documents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.frames.lattice import perpendicular_widths
from bmzoo.molecules import polystyrene
from bmzoo.molecules.forcefield import ForceField
from bmzoo.simulation.openmm_system import (
    FORCE_GROUPS,
    build_system,
    reduced_box,
    repartitioned_masses,
)

COULOMB = 138.935456
"""kJ/mol nm / e2."""


def molecule(**changes: object) -> ForceField:
    """Four atoms in a chain with one term of every kind and one 1-4 pair."""
    field = ForceField(
        types=("A", "B", "B", "H"),
        masses=np.array([12.0, 14.0, 16.0, 1.0]),
        charges=np.array([0.3, -0.5, 0.1, 0.1]),
        sigma=np.array([0.30, 0.35, 0.25, 0.20]),
        epsilon=np.array([0.4, 0.6, 0.5, 0.1]),
        bonds=np.array([[0, 1], [1, 2], [2, 3]]),
        bond_r0=np.array([0.15, 0.14, 0.11]),
        bond_k=np.array([1e5, 2e5, 3e5]),
        constraints=np.array([[2, 3]]),
        constraint_r0=np.array([0.11]),
        angles=np.array([[0, 1, 2]]),
        angle_theta0=np.array([1.9]),
        angle_k=np.array([400.0]),
        dihedrals=np.array([[0, 1, 2, 3], [0, 1, 2, 3]]),
        dihedral_n=np.array([3, 1]),
        dihedral_phase=np.array([0.2, np.pi]),
        dihedral_k=np.array([6.0, -2.0]),
        dihedral_improper=np.array([False, True]),
        impropers=np.array([[0, 1, 2, 3]]),
        improper_phi0=np.array([3.0]),
        improper_k=np.array([100.0]),
        exclusions=np.array([[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]),
        pairs=np.array([[0, 3]]),
        pair_charge_product=np.array([0.02]),
        pair_sigma=np.array([0.28]),
        pair_epsilon=np.array([0.15]),
    )
    return replace(field, **changes)  # type: ignore[arg-type]


def positions() -> np.ndarray:
    one = np.array([[0.0, 0.0, 0.0], [0.15, 0.02, 0.0], [0.2, 0.16, 0.0], [0.3, 0.17, 0.05]])
    return np.concatenate([one, one + np.array([0.35, 0.1, 0.3])])


def energies(field: ForceField, x: np.ndarray, box: np.ndarray | None = None, **options: object) -> dict:
    import openmm

    system = build_system(field, len(x) // field.n_atoms, box, constraints="none", **options)  # type: ignore[arg-type]
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(x)
    return {
        kind: context.getState(energy=True, groups={group}).getPotentialEnergy()._value
        for kind, group in FORCE_GROUPS.items()
    }


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))


def torsion(p: np.ndarray) -> float:
    first, second, third = np.diff(p, axis=0)
    u, v = np.cross(first, second), np.cross(second, third)
    return float(np.arctan2(np.linalg.norm(second) * (first @ v), u @ v))


def nonbonded(field: ForceField, x: np.ndarray) -> float:
    """All pairs of two molecules, plain loops."""
    n = field.n_atoms
    inside = {tuple(p) for p in np.concatenate([field.exclusions, field.pairs]).tolist()}
    total = 0.0
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            a, b = i % n, j % n
            if i // n == j // n and (a, b) in inside:
                continue
            geometric = field.combination == "geometric"
            sigma = (
                np.sqrt(field.sigma[a] * field.sigma[b])
                if geometric
                else (field.sigma[a] + field.sigma[b]) / 2
            )
            total += pair_energy(
                field, np.linalg.norm(x[j] - x[i]), field.charges[a] * field.charges[b], sigma,
                np.sqrt(field.epsilon[a] * field.epsilon[b]),
            )  # fmt: skip
    for m in range(len(x) // n):
        for (i, j), q, s, e in zip(
            field.pairs, field.pair_charge_product, field.pair_sigma, field.pair_epsilon, strict=True
        ):
            r = np.linalg.norm(x[m * n + j] - x[m * n + i])
            total += pair_energy(replace(field, cutoff=None), r, q, s, e)
    return total


def pair_energy(field: ForceField, r: float, charge: float, sigma: float, epsilon: float) -> float:
    q = (sigma / r) ** 6
    if field.cutoff is None:
        return 4 * epsilon * (q * q - q) + COULOMB * charge / r
    if r > field.cutoff:
        return 0.0
    rf, rc = field.reaction_field, field.cutoff
    k, c = (rf - 1) / (2 * rf + 1) / rc**3, 3 * rf / (2 * rf + 1) / rc
    return 4 * epsilon * (q * q - q) + COULOMB * charge * (1 / r + k * r * r - c)


def test_bonded_terms() -> None:
    field, x = molecule(), positions()
    found = energies(field, x)
    lengths = np.linalg.norm(np.diff(x[:4], axis=0), axis=1)
    assert found["bond"] == pytest.approx((field.bond_k * (lengths - field.bond_r0) ** 2).sum(), rel=1e-6)
    theta = angle(x[0] - x[1], x[2] - x[1])
    assert found["angle"] == pytest.approx(400.0 * (theta - 1.9) ** 2, rel=1e-6)
    phi = torsion(x[:4])
    assert found["dihedral"] == pytest.approx(
        2 * (6 * (1 + np.cos(3 * phi - 0.2)) - 2 * (1 + np.cos(phi - np.pi))), rel=1e-6
    )
    assert found["improper"] == pytest.approx(
        100.0 * ((phi - 3.0 + np.pi) % (2 * np.pi) - np.pi) ** 2, rel=1e-6
    )
    assert found["solvation"] == 0


def test_harmonic_impropers_are_periodic() -> None:
    """phi0 = 3 and phi = -3 are 0.28 apart, not 6."""
    x = np.array([[0.1, 0.1, 0.0], [0.0, 0.0, 0.0], [0.15, 0.0, 0.0], [0.2, 0.0, 0.0]])
    x[3, 1:] = 0.1 * np.cos(-3.0), 0.1 * np.sin(-3.0)
    assert abs(torsion(x)) == pytest.approx(3.0)
    sign = np.sign(torsion(x))
    field = molecule(improper_phi0=np.array([-3.0 * sign]))
    assert energies(field, x)["improper"] == pytest.approx(50.0 * (2 * np.pi - 6.0) ** 2, rel=1e-6)


@pytest.mark.parametrize("combination", ["lorentz-berthelot", "geometric"])
@pytest.mark.parametrize("cutoff", [None, 0.5])
def test_nonbonded(combination: str, cutoff: float | None) -> None:
    field = molecule(combination=combination, cutoff=cutoff, reaction_field=2.5)
    assert energies(field, positions())["nonbonded"] == pytest.approx(nonbonded(field, positions()), rel=1e-5)


@pytest.mark.parametrize("combination", ["lorentz-berthelot", "geometric"])
def test_nonbonded_across_a_triclinic_box(combination: str) -> None:
    """A molecule moved by lattice vectors meets the image of the other."""
    box = np.array([[2.0, 0, 0], [1.3, 2.0, 0], [0.9, -1.2, 2.0]])
    field = molecule(combination=combination, cutoff=0.6, reaction_field=2.5)
    x = positions()
    expected = nonbonded(field, x)
    x[4:] += 3 * box[0] - 2 * box[1] + box[2]
    assert energies(field, x, box)["nonbonded"] == pytest.approx(expected, rel=1e-5)


def test_dispersion_correction_is_asked_for() -> None:
    box = np.diag([2.0, 2.0, 2.0])
    for combination in ("lorentz-berthelot", "geometric"):
        field = molecule(cutoff=0.6, combination=combination)
        plain = energies(field, positions(), box)["nonbonded"]
        corrected = energies(replace(field, dispersion_correction=True), positions(), box)["nonbonded"]
        assert corrected < plain - 0.01


def test_implicit_solvent() -> None:
    import openmm

    field = molecule(gb_radii=np.full(4, 0.15), gb_scales=np.full(4, 0.8))
    system = build_system(field, 2)
    (force,) = (f for f in system.getForces() if f.getName() == "solvation")
    assert isinstance(force, openmm.GBSAOBCForce)
    assert force.getSolventDielectric() == 78.5
    assert energies(field, positions())["solvation"] < 0


def test_constraints_replace_bonds() -> None:
    held = build_system(molecule(), 2)
    free = build_system(molecule(), 2, constraints="none")
    assert (held.getNumConstraints(), free.getNumConstraints()) == (2, 0)
    assert [s.getForce(0).getNumBonds() for s in (held, free)] == [4, 6]


def test_hydrogen_mass() -> None:
    assert repartitioned_masses(molecule(), 3.0).tolist() == [12.0, 14.0, 14.0, 3.0]
    assert build_system(molecule(), 2, hydrogen_mass=3.0).getParticleMass(7)._value == 3.0
    with pytest.raises(InputError, match=r"leaves atom 3 with 8\.00 g/mol"):
        repartitioned_masses(molecule(), 9.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box": np.diag([3.0, 3.0, 3.0])}, "needs a cutoff"),
        ({"box": np.diag([3.0, 3.0, 1.9]), "cutoff": 1.0}, r"more than half of the box, which is 1\.900 nm"),
        ({"box": np.array([[3.0, 1.0, 0], [0, 3, 0], [0, 0, 3]]), "cutoff": 1.0}, "not lower triangular"),
        ({"box": np.diag([3.0, 3.0, 0.0]), "cutoff": 1.0}, "not lower triangular with a positive diagonal"),
        ({"n": 0}, "at least one molecule"),
    ],
)
def test_refusals(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_system(molecule(cutoff=options.get("cutoff")), options.get("n", 1), options.get("box"))


def test_no_force_field() -> None:
    with pytest.raises(InputError, match="PS1 has no force field"):
        build_system(replace(polystyrene.build_topology(568.0), force_field=None), 1)


lengths = st.floats(1.0, 5.0)
tilts = st.floats(-8.0, 8.0)


@settings(max_examples=40, deadline=None)
@given(lengths, lengths, lengths, tilts, tilts, tilts)
def test_reduced_box_spans_the_same_lattice(
    a: float, b: float, c: float, x: float, y: float, z: float
) -> None:
    box = np.array([[a, 0, 0], [x, b, 0], [y, z, c]])
    reduced = reduced_box(box)
    whole = reduced @ np.linalg.inv(box)
    assert np.allclose(whole, np.round(whole), atol=1e-8)
    assert np.linalg.det(reduced) == pytest.approx(np.linalg.det(box))
    assert abs(reduced[1, 0]) <= a / 2 + 1e-9
    assert abs(reduced[2, 0]) <= a / 2 + 1e-9
    assert abs(reduced[2, 1]) <= b / 2 + 1e-9
    assert perpendicular_widths(reduced)[2] == pytest.approx(c)
