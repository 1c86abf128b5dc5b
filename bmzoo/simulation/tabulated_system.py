"""From tabulated potentials to an OpenMM ``System``."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.tabulated import TabulatedModel, terms_of

if TYPE_CHECKING:
    import openmm

Floats = NDArray[np.float64]
GAP = 0.2
"""nm between the potentials of two pairs of kinds in their common table."""


def build_tabulated(
    model: TabulatedModel, graph: MolecularGraph, n_molecules: int, edge: float, *, scaled: bool = False
) -> openmm.System:
    """Copies of a molecule of beads in a cubic box.

    Args:
        model: potentials of all of its classes of terms.
        graph: one molecule, its ``types`` those of the model.
        n_molecules: copies.
        edge: nm, at least twice the cutoff.
        scaled: non-bonded energies have a factor ``strength`` (a parameter of the context).

    Raises:
        InputError: a class of terms without a table, or a box that is too narrow.
    """
    import openmm

    if edge < 2 * model.cutoff:
        raise InputError(f"a box of {edge:.2f} nm is narrower than twice the cutoff of {model.cutoff:.2f} nm")
    system = openmm.System()
    for mass in np.tile(graph.masses, n_molecules).tolist():
        system.addParticle(mass)
    system.setDefaultPeriodicBoxVectors(*np.diag([edge] * 3).tolist())
    for force in _bonded(model, graph, n_molecules):
        system.addForce(force)
    system.addForce(_nonbonded(model, graph, n_molecules, scaled))
    return system


def _bonded(model: TabulatedModel, graph: MolecularGraph, n_molecules: int) -> list[openmm.Force]:
    """One force for every class, so that each evaluates one table."""
    import openmm

    variables = {
        "bonds": "distance(p1,p2)",
        "angles": "angle(p1,p2,p3)",
        "dihedrals": "hand*dihedral(p1,p2,p3,p4)",
    }
    if model.spans:
        variables["spans"] = "distance(p1,p2)"
    found = []
    for what, variable in variables.items():
        terms = terms_of(graph, model.mirror, what, model.reach)
        ends = terms.beads[:, [0, -1]] if what == "spans" else terms.beads
        for number, key in enumerate(terms.keys):
            table = model.table(what, key)
            # the forces made for bonds, angles and torsions take no tables
            force = openmm.CustomCompoundBondForce(ends.shape[1], f"potential({variable})")
            turn = what == "dihedrals"
            if turn:
                force.addPerBondParameter("hand")
            values = openmm.Continuous1DFunction(table.energies.tolist(), table.start, table.stop, turn)
            force.addTabulatedFunction("potential", values)
            chosen = np.flatnonzero(terms.classes == number)
            for first in range(0, n_molecules * graph.n_atoms, graph.n_atoms):
                for term in chosen.tolist():
                    hand = [float(terms.signs[term])] if turn else []
                    force.addBond((ends[term] + first).tolist(), hand)
            found.append(force)
    return found


def _nonbonded(
    model: TabulatedModel, graph: MolecularGraph, n_molecules: int, scaled: bool
) -> openmm.CustomNonbondedForce:
    """All pairs of kinds in one table, one after another: a single look-up a pair, whatever its kinds,
    at the sum of the codes of both.

    The cubic spline is given piece by piece: OpenMM's own searches for the piece, which takes as long as
    everything else.
    """
    import openmm
    from scipy.interpolate import CubicSpline

    names = sorted({model.kind(t) for t in graph.types})
    codes = sidon(len(names))
    energies, spread, step = _joined(model, names, codes)
    strength = "strength*" if scaled else ""
    force = openmm.CustomNonbondedForce(
        f"{strength}(c0(piece)+x*(c1(piece)+x*(c2(piece)+x*c3(piece)))); x=u-piece; piece=floor(u); "
        f"u=(r+{spread!r}*(code1+code2))*{1 / step!r}"
    )
    if scaled:
        force.addGlobalParameter("strength", 1.0)
    pieces = CubicSpline(np.arange(len(energies)), energies, bc_type="natural").c
    for power, values in enumerate(pieces[::-1]):
        force.addTabulatedFunction(f"c{power}", openmm.Discrete1DFunction(values.tolist()))
    force.addPerParticleParameter("code")
    own = [float(codes[names.index(model.kind(t))]) for t in graph.types]
    for code in own * n_molecules:
        force.addParticle([code])
    force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(model.cutoff)
    firsts = graph.n_atoms * np.arange(n_molecules)[:, None, None]
    bonds = (graph.bonds + firsts).reshape(-1, 2)
    force.createExclusionsFromBonds(bonds.tolist(), model.excluded)
    return force


def sidon(n: int) -> list[int]:
    """The first n of 0, 1, 3, 7, ...: every sum of two of them is another number."""
    found: list[int] = []
    sums: set[int] = set()
    number = 0
    while len(found) < n:
        new = {number + other for other in [*found, number]}
        if not new & sums:
            found.append(number)
            sums |= new
        number += 1
    return found


def _joined(model: TabulatedModel, names: list[str], codes: list[int]) -> tuple[Floats, float, float]:
    """Energies on one grid, the distance between two potentials on it, and its spacing, nm."""
    pairs = list(combinations_with_replacement(range(len(names)), 2))
    tables = {codes[a] + codes[b]: model.table("pairs", (names[a], names[b])) for a, b in pairs}
    step = min(table.stop / (len(table.energies) - 1) for table in tables.values())
    gap = round(GAP / step)
    width = int(np.ceil(model.cutoff / step - 1e-6)) + gap
    joined = np.zeros(width * (max(tables) + 1) + 1)
    for place, table in tables.items():
        start = place * width
        values = np.interp(step * np.arange(width), table.grid, table.energies, right=0.0)
        joined[start : start + width] = values
        if start:  # climb to the core before it begins: a step there would make the spline swing
            joined[start - gap // 2 : start] = np.linspace(0, values[0], gap // 2, endpoint=False)
    return joined, width * step, step
