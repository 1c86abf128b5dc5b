"""Out of OpenMM: its topology as a :class:`MolecularGraph`, its system as a :class:`ForceField`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.forcefield import ForceField
from bmzoo.molecules.graph import MolecularGraph

if TYPE_CHECKING:
    from openmm import System
    from openmm.app import Topology as OpenMMTopology

SUPPORTED = (
    "HarmonicBondForce", "HarmonicAngleForce", "PeriodicTorsionForce", "NonbondedForce", "GBSAOBCForce",
    "CMMotionRemover",
)  # fmt: skip


def graph_from_openmm(
    topology: OpenMMTopology, types: Sequence[str], positions: NDArray[np.floating], name: str
) -> MolecularGraph:
    """The chemical graph of an OpenMM topology of one molecule.

    Args:
        types: force-field types, one an atom.
        positions: ``(n_atoms, 3)``, any unit: they tell the hands of the stereocentres.
    """
    atoms = list(topology.atoms())
    graph = MolecularGraph(
        name=name,
        elements=tuple(atom.element.symbol for atom in atoms),
        names=tuple(atom.name for atom in atoms),
        types=tuple(types),
        masses=np.array([atom.element.mass._value for atom in atoms]),
        bonds=np.array([(a.index, b.index) for a, b in topology.bonds()]),
        residue_ids=np.array([int(atom.residue.id) for atom in atoms]),
        residue_names=tuple(atom.residue.name for atom in atoms),
    )
    return graph.with_hands(positions)


def force_field_from_openmm(
    system: System,
    types: Sequence[str],
    *,
    constrained: System | None = None,
    masses: NDArray[np.floating] | None = None,
    source: str = "",
) -> ForceField:
    """The parameters of a system of one molecule without cutoff.

    Args:
        system: created without constraints, so that it has every bond's strength.
        types: force-field types, one an atom.
        constrained: the same molecule as the reference simulates it; gives ``constraints``.
        masses: ``(n_atoms,)`` g/mol, where the system's own are repartitioned.
        source: what the parameters are and where they come from.

    Raises:
        InputError: a force that :class:`ForceField` cannot express, or a cutoff.
    """
    forces = _forces_by_name(system)
    nonbonded = forces["NonbondedForce"]
    if nonbonded.getNonbondedMethod() != nonbonded.NoCutoff:
        raise InputError("only systems without cutoff can be read; create it with nonbondedMethod=NoCutoff")
    particles = np.array([_plain(nonbonded.getParticleParameters(i)) for i in range(len(types))])
    if masses is None:
        masses = np.array([system.getParticleMass(i)._value for i in range(len(types))])
    terms: dict[str, Any] = _bonds(forces) | _angles(forces) | _exceptions(nonbonded) | _implicit(forces)
    terms |= _dihedrals(forces, terms["bonds"])
    if constrained is not None:
        terms |= _constraints(constrained)
    return ForceField(
        types=tuple(types),
        masses=np.asarray(masses, dtype=np.float64),
        charges=particles[:, 0],
        sigma=particles[:, 1],
        epsilon=particles[:, 2],
        source=source,
        **terms,
    )


def _forces_by_name(system: System) -> dict[str, Any]:
    found = {type(force).__name__: force for force in system.getForces()}
    for name in found:
        if name not in SUPPORTED:
            raise InputError(f"a {name} cannot be expressed as a bmzoo force field; supported: {SUPPORTED}")
    if "NonbondedForce" not in found or len(found) != system.getNumForces():
        raise InputError("the system needs one NonbondedForce, and no kind of force twice")
    return found


def _plain(parameters: Sequence[Any]) -> list[float]:
    """Quantities (md units) and numbers as numbers."""
    return [float(getattr(value, "_value", value)) for value in parameters]


def _rows(force: Any, count: int, getter: str, atoms: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atom indices ``(count, atoms)`` and parameters ``(count, n)`` of the terms of a force."""
    rows = [_plain(getattr(force, getter)(i)) for i in range(count)]
    table = np.array(rows).reshape(count, -1 if count else atoms + 3)
    return table[:, :atoms].astype(np.int64), table[:, atoms:]


def _bonds(forces: dict[str, Any]) -> dict[str, Any]:
    force = forces["HarmonicBondForce"]
    pairs, values = _rows(force, force.getNumBonds(), "getBondParameters", 2)
    pairs = np.sort(pairs, axis=1)
    order = np.lexsort(pairs.T[::-1])
    return {"bonds": pairs[order], "bond_r0": values[order, 0], "bond_k": values[order, 1]}


def _angles(forces: dict[str, Any]) -> dict[str, Any]:
    force = forces["HarmonicAngleForce"]
    triples, values = _rows(force, force.getNumAngles(), "getAngleParameters", 3)
    return {"angles": triples, "angle_theta0": values[:, 0], "angle_k": values[:, 1]}


def _dihedrals(forces: dict[str, Any], bonds: NDArray[np.int64]) -> dict[str, Any]:
    """Torsion terms; those of strength zero are left out."""
    force = forces["PeriodicTorsionForce"]
    quads, values = _rows(force, force.getNumTorsions(), "getTorsionParameters", 4)
    kept = values[:, 2] != 0.0
    quads, values = quads[kept], values[kept]
    bonded = {frozenset(pair) for pair in bonds.tolist()}
    chain = [all(frozenset(q[k : k + 2]) in bonded for k in range(3)) for q in quads.tolist()]
    return {
        "dihedrals": quads,
        "dihedral_n": values[:, 0].astype(np.int64),
        "dihedral_phase": values[:, 1],
        "dihedral_k": values[:, 2],
        "dihedral_improper": ~np.array(chain, dtype=bool),
    }


def _exceptions(nonbonded: Any) -> dict[str, Any]:
    """Exceptions without any interaction are exclusions, the others 1-4 pairs."""
    pairs, values = _rows(nonbonded, nonbonded.getNumExceptions(), "getExceptionParameters", 2)
    pairs = np.sort(pairs, axis=1)
    order = np.lexsort(pairs.T[::-1])
    pairs, values = pairs[order], values[order]
    empty = (values[:, 0] == 0.0) & (values[:, 2] == 0.0)
    return {
        "exclusions": pairs[empty],
        "pairs": pairs[~empty],
        "pair_charge_product": values[~empty, 0],
        "pair_sigma": values[~empty, 1],
        "pair_epsilon": values[~empty, 2],
    }


def _implicit(forces: dict[str, Any]) -> dict[str, Any]:
    force = forces.get("GBSAOBCForce")
    if force is None:
        return {}
    rows = np.array([_plain(force.getParticleParameters(i)) for i in range(force.getNumParticles())])
    return {
        "gb_radii": rows[:, 1],
        "gb_scales": rows[:, 2],
        "solute_dielectric": force.getSoluteDielectric(),
        "solvent_dielectric": force.getSolventDielectric(),
        "surface_area_energy": _plain([force.getSurfaceAreaEnergy()])[0],
    }


def _constraints(system: System) -> dict[str, Any]:
    count = system.getNumConstraints()
    rows = np.array([_plain(system.getConstraintParameters(i)) for i in range(count)]).reshape(count, 3)
    return {"constraints": np.sort(rows[:, :2].astype(np.int64), axis=1), "constraint_r0": rows[:, 2]}
