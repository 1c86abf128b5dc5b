"""From atomistic frames to a folder with a coarse-grained model; see :func:`invert_frames`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bmzoo.errors import InputError
from bmzoo.folders import work_folder
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.whole import whole_molecules
from bmzoo.molecules.beads import bead_graph
from bmzoo.molecules.graph import MolecularGraph
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.iterative_inversion import Inversion, InversionSettings
from bmzoo.simulation.provenance import environment


def invert_frames(
    frames: Iterable[Frame],
    topology: Topology,
    output: Path,
    settings: InversionSettings,
    *,
    types: Sequence[str] | None = None,
    mirror: Mapping[str, str] | None = None,
    seed: int = 0,
    progress: Callable[[int, str], None] | None = None,
) -> Path:
    """Inverts the beads of atomistic frames.

    Writes ``model.json`` (see :class:`bmzoo.molecules.tabulated.TabulatedModel`) and ``provenance.json``
    with the deviations of every iteration. Iterations are kept in ``.<output>.work`` until then; what was
    interrupted goes on, with more or fewer iterations where so set.

    Args:
        frames: atomistic, periodic.
        topology: of the molecules, with a temperature.
        output: folder to create.
        settings: of the inversion.
        types: bead types that repeat along the molecule, instead of the mapping's own.
        mirror: types that are mirror images, one way or both.
        seed: of velocities and thermostat.
        progress: called with the iterations done and what came out.

    Raises:
        InputError: ``output`` exists, another process makes it, no temperature, types that do not fit, too
            few or unfit frames.
    """
    if topology.temperature is None:
        raise InputError("an inversion needs the temperature of the frames; give --temperature")
    graph = _typed(bead_graph(topology), types)
    both = dict(mirror or {}) | {other: one for one, other in (mirror or {}).items()}
    if strange := sorted(set(both) - set(graph.types)):
        raise InputError(f"--mirror names {strange[0]}, which is no type of bead: {sorted(set(graph.types))}")
    whole = whole_molecules(frames, topology, beads=False)
    same = {key: value for key, value in asdict(settings).items() if key != "iterations"}
    recipe = {"settings": same, "types": list(graph.types), "mirror": both, "seed": seed}
    with work_folder(output, recipe) as work:
        inversion = Inversion(
            graph=graph,
            frames=list(coarse_grain(whole, topology.mapping)),
            temperature=topology.temperature,
            folder=work / "iterations",
            settings=settings,
            mirror=both,
            seed=seed,
            threads=int(os.environ.get("OPENMM_CPU_THREADS") or os.cpu_count() or 1),
            source=f"iterative Boltzmann inversion of {topology.graph.name} at {topology.temperature:g} K",
        )
        inversion.check()
        if progress is not None:
            progress(0, "")
        model = inversion.run(_reporter(progress))
        made = work / "made"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        model.save(made / "model.json")
        record = {
            "molecule": topology.graph.name,
            "temperature": topology.temperature,
            "frames": len(inversion.frames),
            "seed": seed,
            "settings": asdict(settings),
            "iterations": inversion.log,
            **environment(("openmm", "numpy", "scipy")),
        }
        (made / "provenance.json").write_text(json.dumps(record, indent=1) + "\n")
        os.replace(made, output)
    return output


def _typed(graph: MolecularGraph, types: Sequence[str] | None) -> MolecularGraph:
    if types is None:
        return graph
    if not all(types) or any("-" in kind for kind in types):
        raise InputError(f"bead types are words without '-', not {','.join(types)}")
    return replace(graph, types=tuple(types[i % len(types)] for i in range(graph.n_atoms)))


def _reporter(progress: Callable[[int, str], None] | None) -> Callable[[dict[str, Any]], None] | None:
    if progress is None:
        return None

    def report(record: dict[str, Any]) -> None:
        progress(record["iteration"] + 1, f"mean difference of g(r) {record['mean_difference']:.4f}")

    return report
