"""The torch force field against OpenMM, and the symmetries of an energy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.representations.energies import Energies
from bmzoo.simulation.openmm_system import FORCE_GROUPS, build_system
from bmzoo.systems import adp, cln, sps

torch.set_num_threads(1)
BOX = np.array([[3.1, 0.0, 0.0], [-0.9, 2.6, 0.0], [0.7, -1.1, 2.5]])
EXAMPLES = settings(max_examples=10, deadline=None)


def toy(combination: str = "geometric", cutoff: float | None = 0.9) -> ForceField:
    """Five atoms in a bent chain, with every kind of term."""
    return ForceField(
        types=("CT", "CT", "CT", "OH", "HC"),
        masses=np.array([12.0, 12.0, 12.0, 16.0, 1.0]),
        charges=np.array([-0.2, 0.1, 0.25, -0.5, 0.35]),
        sigma=np.array([0.35, 0.35, 0.34, 0.30, 0.25]),
        epsilon=np.array([0.28, 0.28, 0.30, 0.70, 0.13]),
        bonds=np.array([[0, 1], [1, 2], [2, 3], [3, 4]]),
        bond_r0=np.array([0.153, 0.153, 0.141, 0.097]),
        bond_k=np.array([224262.0, 224262.0, 267776.0, 462750.0]),
        angles=np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4]]),
        angle_theta0=np.radians([112.7, 109.5, 108.5]),
        angle_k=np.array([488.0, 418.0, 460.0]),
        dihedrals=np.array([[0, 1, 2, 3], [0, 1, 2, 3], [1, 2, 3, 4], [0, 2, 1, 4]]),
        dihedral_n=np.array([1, 3, 3, 2]),
        dihedral_phase=np.array([0.0, np.pi, 0.0, np.pi]),
        dihedral_k=np.array([2.7, 0.4, 0.8, 4.6]),
        dihedral_improper=np.array([False, False, False, True]),
        impropers=np.array([[0, 1, 2, 3], [1, 2, 3, 4]]),
        improper_phi0=np.array([0.1, 3.0]),
        improper_k=np.array([167.4, 40.0]),
        exclusions=np.array([[0, 1], [0, 2], [1, 2], [1, 3], [2, 3], [2, 4], [3, 4]]),
        pairs=np.array([[0, 3], [1, 4]]),
        pair_charge_product=np.array([0.05, 0.0175]),
        pair_sigma=np.array([0.32, 0.30]),
        pair_epsilon=np.array([0.22, 0.1]),
        combination=combination,  # type: ignore[arg-type]
        cutoff=cutoff,
        reaction_field=2.5,
    )


def chains(count: int, seed: int = 0, box: np.ndarray | None = BOX) -> np.ndarray:
    """Distorted copies of the toy molecule, turned at random on a grid: ``(count * 5, 3)`` nm."""
    random = np.random.default_rng(seed)
    one = np.array([[0, 0, 0], [0.15, 0, 0], [0.2, 0.145, 0], [0.33, 0.16, 0.06], [0.35, 0.25, 0.08]])
    turns = np.linalg.qr(random.normal(size=(count, 3, 3)))[0]
    cells = np.array([[i, j, k] for i in range(4) for j in range(4) for k in range(4)])[:count] / 4
    places = cells @ (np.eye(3) * 3 if box is None else box)
    copies = one @ turns + places[:, None] + random.normal(0, 0.008, (count, 5, 3))
    return copies.reshape(-1, 3)


def openmm_terms(
    field: ForceField, x: np.ndarray, box: np.ndarray | None, platform: str
) -> tuple[dict[str, float], np.ndarray]:
    openmm = pytest.importorskip("openmm")
    system = build_system(field, len(x) // field.n_atoms, box, constraints="none")
    integrator, kind = openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName(platform)
    context = openmm.Context(system, integrator, kind, {"Threads": "1"} if platform == "CPU" else {})
    context.setPositions(x)
    terms = {
        name: context.getState(getEnergy=True, groups={group}).getPotentialEnergy()._value
        for name, group in FORCE_GROUPS.items()
    }
    forces = context.getState(getForces=True).getForces(asNumpy=True)._value
    return terms, forces


def grouped(terms: dict[str, torch.Tensor]) -> dict[str, float]:
    """Our terms in OpenMM's groups."""
    return {
        "bond": float(terms["bond"]),
        "angle": float(terms["angle"]),
        "dihedral": float(terms["dihedral"] + terms["dihedral_improper"]),
        "improper": float(terms["improper"]),
        "nonbonded": float(terms["lennard_jones"] + terms["coulomb"] + terms["pairs"]),
        "solvation": float(terms.get("gb", torch.zeros(()))),
    }


# The CPU platform where the box is narrow: there the Reference platform of OpenMM 8.6.1 misses pairs.
def assert_same(
    field: ForceField, x: np.ndarray, box: np.ndarray | None, platform: str = "Reference"
) -> None:
    model, positions = Energies(field), torch.as_tensor(x)
    ours = grouped(model.terms(positions, box))
    theirs, forces = openmm_terms(field, x, box, platform)
    for name, energy in theirs.items():
        assert ours[name] == pytest.approx(energy, rel=1e-4, abs=1e-6), name
    found = model.forces(positions, box).numpy()
    np.testing.assert_allclose(found, forces, rtol=0, atol=1e-4 * np.abs(forces).max())


@pytest.mark.parametrize("combination", ["geometric", "lorentz-berthelot"])
@pytest.mark.parametrize(("cutoff", "box"), [(0.9, BOX), (0.9, None), (None, None)])
def test_toy_equals_openmm(combination: str, cutoff: float | None, box: np.ndarray | None) -> None:
    assert_same(toy(combination, cutoff), chains(20, box=box), box)


@pytest.mark.parametrize("system", [adp, cln], ids=["adp", "cln"])
def test_peptides_in_implicit_solvent_equal_openmm(system) -> None:  # type: ignore[no-untyped-def]
    field = system.load().topology.force_field
    random = np.random.default_rng(1)
    x = loose_globule(field, random)
    assert_same(field, x, None)


def loose_globule(field: ForceField, random: np.random.Generator) -> np.ndarray:
    """Positions without overlaps in which Born integrals take every branch; not a real conformation."""
    count = field.n_atoms
    side = int(np.ceil(count ** (1 / 3)))
    grid = np.array([[i, j, k] for i in range(side) for j in range(side) for k in range(side)])[:count]
    x: np.ndarray = 0.16 * grid + random.normal(0, 0.015, (count, 3))
    return x


def test_polystyrene_in_a_box_equals_openmm() -> None:
    field = sps.load().topology.force_field
    assert field is not None
    field = replace(field, dispersion_correction=False)
    box = np.array([[2.6, 0, 0], [-0.8, 2.5, 0], [0.3, 0.9, 2.4]])
    random = np.random.default_rng(2)
    cells = np.array([[i, j, k] for i in range(9) for j in range(9) for k in range(9)])[: 4 * 162] / 9
    assert_same(field, cells @ box + random.normal(0, 0.02, (4 * 162, 3)), box, platform="CPU")


def test_published_melt_equals_openmm(shared_data) -> None:  # type: ignore[no-untyped-def]
    mda = pytest.importorskip("MDAnalysis")
    from bmzoo.frames.periodic import MoleculeMaker

    topology = sps.load().topology
    frame = mda.coordinates.XTC.XTCReader(str(shared_data / "sps/568K/aa.xtc"))[3]
    box = np.tril(frame.triclinic_dimensions.astype(float) / 10)
    maker = MoleculeMaker(topology.graph.bonds, topology.n_atoms)
    field = replace(topology.force_field, dispersion_correction=False)
    assert_same(field, maker(frame.positions / 10, box), box, platform="CPU")


def test_single_precision_and_batches_agree_with_double_and_frames() -> None:
    for field, box in ((toy(cutoff=None), None), (toy(), BOX)):
        model = Energies(field)
        batch = torch.as_tensor(np.stack([chains(6, seed, box) for seed in range(3)]))
        energies = model(batch, box)
        assert energies.shape == (3,)
        for frame, energy in zip(batch, energies, strict=True):
            assert model(frame, box).item() == pytest.approx(energy.item(), rel=1e-12)
        assert model(batch.float(), box).dtype == torch.float32
        torch.testing.assert_close(model(batch.float(), box).double(), energies, rtol=1e-4, atol=0.01)


def test_molecular_energies_add_up() -> None:
    model, x = Energies(toy()), torch.as_tensor(chains(30))
    total, shared = model.terms(x, BOX), model.per_molecule(x, BOX)
    for name in ("bond", "angle", "dihedral", "dihedral_improper", "improper", "pairs"):
        torch.testing.assert_close(shared[name].sum(), total[name])
    alone = sum(model.terms(one)["lennard_jones"] for one in x.reshape(30, 5, 3))
    between = total["lennard_jones"] - alone
    torch.testing.assert_close(shared["lennard_jones"].sum(), alone + 2 * between)


def test_gradient_is_that_of_finite_differences() -> None:
    for field, box in ((toy(), BOX), (toy(cutoff=None), None)):
        model, x = Energies(field), torch.as_tensor(chains(4, 5, box))
        pairs = model.pairs_of(x, box, skin=0.05)
        forces = model.forces(x, box, pairs)
        for atom, axis in ((0, 0), (7, 1), (13, 2), (19, 0)):
            step = torch.zeros_like(x)
            step[atom, axis] = 1e-6
            slope = (model(x + step, box, pairs) - model(x - step, box, pairs)) / 2e-6
            assert slope.item() == pytest.approx(-forces[atom, axis].item(), rel=1e-4, abs=1e-3)


def test_a_list_with_a_skin_serves_moved_atoms() -> None:
    model, x = Energies(toy()), torch.as_tensor(chains(30))
    pairs = model.pairs_of(x, BOX, skin=0.1)
    moved = x + 0.02 * torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, x.shape))
    torch.testing.assert_close(model(moved, BOX, pairs), model(moved, BOX))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_overlapping_and_collinear_atoms_have_finite_gradients(dtype: torch.dtype) -> None:
    field = replace(toy(cutoff=None), gb_radii=np.full(5, 0.15), gb_scales=np.full(5, 0.8))
    model = Energies(field)
    line = torch.arange(10, dtype=dtype)[:, None] * torch.tensor([0.1, 0.0, 0.0], dtype=dtype)
    for x in (torch.zeros(10, 3, dtype=dtype), line):
        assert torch.isfinite(model(x))
        assert torch.isfinite(model.forces(x)).all()


def test_guards_change_nothing_beyond_the_closest_distance() -> None:
    from bmzoo.representations.interactions import CLOSEST, coulomb, lennard_jones

    r = torch.linspace(CLOSEST, 1.0, 200, dtype=torch.float64)
    sigma, epsilon = torch.tensor(0.35), torch.tensor(0.3)
    exact = 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
    torch.testing.assert_close(lennard_jones(r, sigma, epsilon), exact)
    just = torch.tensor([CLOSEST * (1 - 1e-6), CLOSEST], dtype=torch.float64)
    for energy in (lennard_jones(just, sigma, epsilon), coulomb(just, torch.tensor(0.1))):
        assert energy[0] > energy[1]
        torch.testing.assert_close(energy[0], energy[1], rtol=1e-4, atol=0)


@EXAMPLES
@given(seed=st.integers(0, 1000))
def test_energy_is_invariant(seed: int) -> None:
    """Under rotation, translation, lattice shifts of molecules, and their order."""
    model, x, random = Energies(toy()), chains(12, seed), np.random.default_rng(seed)
    energy = model(torch.as_tensor(x), BOX).item()
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    by_molecule = x.reshape(12, 5, 3)
    shifts = random.integers(-2, 3, (12, 1, 3)) @ BOX
    variants = [
        (x @ turn, BOX @ turn),
        (x + random.normal(size=3), BOX),
        ((by_molecule + shifts).reshape(-1, 3), BOX),
        (by_molecule[random.permutation(12)].reshape(-1, 3), BOX),
    ]
    for positions, box in variants:
        assert model(torch.as_tensor(positions), box).item() == pytest.approx(energy, rel=1e-9, abs=1e-7)


def test_clear_refusals() -> None:
    model = Energies(toy())
    with pytest.raises(InputError, match="no whole number of molecules"):
        model(torch.zeros(7, 3))
    with pytest.raises(InputError, match="more than half of the box"):
        model(torch.as_tensor(chains(2)), np.eye(3) * 1.5)
    with pytest.raises(InputError, match="one frame"):
        model.per_molecule(torch.zeros(2, 5, 3))
    with pytest.raises(InputError, match="without cutoff"):
        Energies(replace(toy(), gb_radii=np.full(5, 0.15), gb_scales=np.full(5, 0.8)))
