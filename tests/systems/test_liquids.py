"""Octane, cumene and tetracosane as we describe them, against the published frames and OpenMM."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bmzoo.errors import InputError
from bmzoo.frames.lattice import minimum_image
from bmzoo.frames.periodic import MoleculeMaker
from bmzoo.frames.trajectory import Trajectory
from bmzoo.molecules import liquids, polystyrene
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.formats.itp import read_gromacs
from bmzoo.molecules.opls import build_force_field
from bmzoo.systems import load_system

NAMES = ("octane", "cumene")
FILES = {"octane": "L49C", "cumene": "G065"}
ROUNDING = 0.0005
"""nm, of the published gro files."""


def field_of(name: str) -> ForceField:
    field = load_system(name).topology.force_field
    assert field is not None
    return field


@pytest.mark.parametrize(("name", "beads"), [("octane", "AAAA"), ("cumene", "ABA")])
def test_molecules(name: str, beads: str) -> None:
    system = load_system(f"{name}:350K")
    assert system.periodic
    assert system.topology.temperature == 350.0
    assert "".join(system.topology.mapping.bead_types) == beads
    polymer = polystyrene.build_topology(568.0)
    assert set(system.topology.graph.types) <= set(polymer.graph.types)
    assert set(beads) <= set(polymer.mapping.bead_types)
    with pytest.raises(InputError, match="unknown state"):
        load_system(name + ":300K")


def test_tetracosane() -> None:
    """Six beads of four carbons each with their hydrogens; charges and numbering as of octane."""
    system = load_system("tcs")
    topology = system.topology
    assert (system.state, topology.temperature, topology.n_atoms, topology.n_beads) == ("400K", 400.0, 74, 6)
    graph = topology.graph
    chain = np.array(liquids.TETRACOSANE_CHAIN)
    assert [graph.types[i] for i in chain] == ["C"] * 24
    assert topology.mapping.owners[chain].tolist() == np.repeat(np.arange(6), 4).tolist()
    for atom in range(graph.n_atoms):
        if graph.types[atom] == "H":
            (carbon,) = graph.neighbours[atom]
            assert topology.mapping.owners[atom] == topology.mapping.owners[carbon]
    masses = topology.mapping.weights.toarray().sum(axis=1)
    assert masses == pytest.approx([57.116, *[56.108] * 4, 57.116])
    octane = load_system("octane").topology
    charges = field_of("tcs").charges
    assert charges[:10] == pytest.approx(octane.force_field.charges[:10])  # type: ignore[union-attr]
    assert len(field_of("tcs").pairs) == 23 * 9


def test_beads_are_those_of_polystyrene() -> None:
    """B is C6H5 in both; an inner A is CH2 and half of what is bonded to it."""
    chain = polystyrene.build_topology(568.0)
    octane, cumene = (load_system(name).topology for name in NAMES)

    def composition(topology: object, bead: int) -> list[tuple[str, float]]:
        weights, types = topology.mapping.weights.toarray()[bead], topology.graph.types  # type: ignore[attr-defined]
        return sorted((types[i], round(float(weights[i]), 6)) for i in np.flatnonzero(weights))

    assert composition(cumene, 1) == composition(chain, 1)
    assert composition(cumene, 0) == composition(cumene, 2) == composition(octane, 0) == composition(chain, 0)
    heavy = [[pair for pair in composition(t, b) if pair[0] == "C"] for t, b in ((octane, 2), (chain, 2))]
    assert heavy[0] == heavy[1]
    assert composition(octane, 1) == composition(octane, 2) == composition(octane, 3)


@pytest.mark.parametrize("name", NAMES)
def test_as_published(shared_data: Path, name: str) -> None:
    graph, _ = read_gromacs([shared_data / f"{name}/topology/{FILES[name]}_aa.itp"])
    topology = load_system(name).topology
    assert topology.graph.elements == graph.elements
    assert np.array_equal(topology.graph.bonds, graph.bonds)
    owners = []
    for line in (shared_data / f"{name}/topology/{FILES[name]}.map").read_text().splitlines():
        if line.startswith("[/map]"):
            break
        if not line.startswith("["):
            owners.append(int(line.split()[2]) - 1)
    # the cumene map calls the phenyl bead 2, the methyls 1 and 3
    assert topology.mapping.owners.tolist() == owners
    for file in sorted((shared_data / name / "aa").glob("*.gro"))[:2]:
        frame = next(iter(Trajectory(file)))
        beads = next(iter(Trajectory(file.parents[1] / "cg" / file.name)))
        assert frame.box is not None
        whole = MoleculeMaker(graph.bonds, graph.n_atoms)(frame.positions, frame.box)
        gap = minimum_image(topology.mapping.apply(whole) - beads.positions, frame.box)
        assert np.abs(gap).max() < 1.1 * ROUNDING


@pytest.mark.parametrize("name", NAMES)
def test_force_field(name: str) -> None:
    """Charges and counts by hand: 9 H-C-C-X torsions a CH2-CH2 bond, six impropers a ring."""
    field = field_of(name)
    assert abs(field.charges.sum()) < 1e-12
    assert field.combination == "geometric"
    together = np.concatenate([field.exclusions, field.pairs])
    assert len(np.unique(together, axis=0)) == len(together)
    if name == "octane":
        assert len(field.pairs) == 7 * 9
        five = {(n, round(k / 4.184, 4)) for n, k in zip(field.dihedral_n, field.dihedral_k, strict=True)}
        assert five == {(1, 0.65), (2, -0.025), (3, 0.1), (3, 0.15)}
        assert field.charges[[1, 4, 0]].tolist() == pytest.approx([-0.18, -0.12, 0.06])
    else:
        assert field.dihedral_improper.sum() == 6
        assert field.charges[[6, 11, 13]].tolist() == pytest.approx([-0.115, 0.055, -0.18])


def test_chemistry_without_parameters_is_refused() -> None:
    graph, _ = liquids.octane()
    strange = replace(graph, types=("N", *graph.types[1:]))
    with pytest.raises(InputError, match="no parameters for N in OCT"):
        build_force_field(strange, reaction_field=1.9)


@pytest.mark.parametrize("name", [*NAMES, "tcs"])
def test_energies_and_openmm_agree(name: str) -> None:
    """Two molecules in a box, distorted: every kind of term, and the forces."""
    openmm = pytest.importorskip("openmm")
    torch = pytest.importorskip("torch")
    from bmzoo.representations.energies import Energies
    from bmzoo.simulation.conformers import embed
    from bmzoo.simulation.openmm_system import FORCE_GROUPS, build_system

    torch.set_num_threads(1)
    topology = load_system(name).topology
    # the correction is for the pressure, energies are reported without it
    field = replace(field_of(name), dispersion_correction=False)
    rng = np.random.default_rng(0)
    box = np.diag([2.5, 2.6, 2.7])
    x = np.concatenate([embed(topology.graph, rng) + shift for shift in (0.0, [0.1, 0.75, 0.0])])
    x += rng.normal(0, 0.004, x.shape)
    system = build_system(field, 2, box, constraints="none")
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(x)
    ours = {k: float(v) for k, v in Energies(field).terms(torch.from_numpy(x), torch.from_numpy(box)).items()}
    sums = {
        "bond": ours["bond"],
        "angle": ours["angle"],
        "dihedral": ours["dihedral"] + ours["dihedral_improper"],
        "nonbonded": ours["lennard_jones"] + ours["coulomb"] + ours["pairs"],
    }
    for kind, value in sums.items():
        state = context.getState(energy=True, groups={FORCE_GROUPS[kind]})
        theirs = state.getPotentialEnergy()._value
        assert value == pytest.approx(theirs, rel=2e-5, abs=2e-4), kind
    forces = context.getState(forces=True).getForces(asNumpy=True)._value
    assert np.allclose(
        Energies(field).forces(torch.from_numpy(x), torch.from_numpy(box)), forces, rtol=1e-4, atol=0.05
    )


@pytest.mark.parametrize("name", NAMES)
def test_embedded_frames(name: str) -> None:
    system = load_system(name)
    reference, field = system.reference, field_of(name)
    assert reference is not None
    assert {split: reference.n_frames(split) for split in reference.splits} == {"train": 24, "test": 12}
    frame = next(iter(reference.frames("test")))
    assert system.topology.count_molecules(len(frame), beads=False) == 100
    x = frame.positions.reshape(100, -1, 3).astype(float)
    lengths = np.linalg.norm(x[:, field.bonds[:, 0]] - x[:, field.bonds[:, 1]], axis=2)
    assert np.abs(lengths - field.bond_r0).max() < 2e-4
