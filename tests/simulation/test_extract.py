"""From OpenMM to bmzoo's records, and back."""

from __future__ import annotations

import numpy as np
import openmm
import pytest

from bmzoo.errors import InputError
from bmzoo.simulation.extract import force_field_from_openmm
from bmzoo.simulation.openmm_system import build_system
from bmzoo.simulation.peptide_build import build_peptide, create_system
from bmzoo.simulation.peptides import SEQUENCES, peptide_topology


def evaluate(system: openmm.System, positions: np.ndarray) -> tuple[float, np.ndarray]:
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


@pytest.mark.parametrize("system", ["adp", "cln"])
def test_energy_and_forces_survive(system: str) -> None:
    peptide = build_peptide(SEQUENCES[system])
    positions = peptide.positions + np.random.default_rng(3).normal(0.0, 0.002, peptide.positions.shape)
    _, field = peptide_topology(system)
    energy, forces = evaluate(create_system(peptide.topology, constrained=False), positions)
    again, same = evaluate(build_system(field, 1, constraints="none"), positions)
    assert again == pytest.approx(energy, abs=1e-6)
    np.testing.assert_allclose(same, forces, atol=1e-6 * np.abs(forces).max())


def test_terms_of_the_dipeptide() -> None:
    graph, field = peptide_topology("adp")
    assert len(field.bonds) == len(graph.bonds) == 21
    assert len(field.constraints) == graph.is_hydrogen.sum() == 12
    assert np.all(field.bond_k > 0)
    held = {tuple(pair) for pair in field.constraints.tolist()}
    for pair, r0 in zip(field.bonds.tolist(), field.bond_r0, strict=True):
        if tuple(pair) in held:
            index = field.constraints.tolist().index(pair)
            assert field.constraint_r0[index] == pytest.approx(r0)
    impropers = field.dihedrals[field.dihedral_improper]
    assert len(impropers) == 4, "two peptide groups: C and N each"
    for quad in impropers.tolist():
        assert set(quad) - {quad[2]} <= set(graph.neighbours[quad[2]]), "Amber's centre comes third"
    assert not {tuple(p) for p in field.exclusions.tolist()} & {tuple(p) for p in field.pairs.tolist()}
    assert field.masses == pytest.approx(graph.masses)


def test_unknown_forces_are_refused() -> None:
    peptide = build_peptide("A")
    system = create_system(peptide.topology)
    system.addForce(openmm.CustomExternalForce("z"))
    with pytest.raises(InputError, match="CustomExternalForce"):
        force_field_from_openmm(system, ("X",) * 22)


def test_cutoffs_are_refused() -> None:
    peptide = build_peptide("A")
    system = create_system(peptide.topology)
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            force.setNonbondedMethod(openmm.NonbondedForce.CutoffNonPeriodic)
    with pytest.raises(InputError, match="NoCutoff"):
        force_field_from_openmm(system, ("X",) * 22)
