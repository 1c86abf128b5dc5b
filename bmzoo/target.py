"""What a command works on, and the model that it works with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bmzoo.errors import InputError, unknown
from bmzoo.frames.datasets import pairs
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.whole import open_trajectory, whole_molecules
from bmzoo.molecules.topology import Topology
from bmzoo.systems import load_system

if TYPE_CHECKING:
    from bmzoo.backends.backmapper import Backmapper
    from bmzoo.systems.system import System


@dataclass(frozen=True)
class Target:
    """What a command works on: a topology, and the system of the zoo where it is one."""

    topology: Topology
    system: System | None = None

    @property
    def label(self) -> str:
        return self.system.name if self.system else self.topology.graph.name


def resolve_target(
    system: str | None = None,
    topology: Sequence[str | Path] | str | Path | None = None,
    mapping: str | Path | None = None,
    *,
    temperature: float | None = None,
    cutoff: float | None = None,
    data: str | Path | None = None,
) -> Target:
    """The system of that name, or the molecule described by topology and mapping files.

    Args:
        temperature: kelvin, instead of the system's own.
        cutoff: nm, of a force field read from topology files, which do not say it: plain
            Lennard-Jones, shifted Coulomb. ``None``: no cutoff, for molecules without a box.
        data: reference frames, instead of the embedded ones.

    Raises:
        InputError: neither or both are given, or one of the files is at fault.
    """
    if system is not None:
        if topology or mapping:
            raise InputError("give either --system or --topology with --mapping, not both")
        found = load_system(system, data=data)
        if temperature is not None:
            found = replace(found, topology=replace(found.topology, temperature=temperature))
        return Target(found.topology, found)
    if not topology or mapping is None:
        raise InputError(
            "say what the molecules are: --system NAME, or --topology FILE together with --mapping FILE"
        )
    from bmzoo.molecules.formats.any import read_molecule
    from bmzoo.molecules.mapping import Mapping

    paths = [topology] if isinstance(topology, str | Path) else list(topology)
    graph, force_field = read_molecule([Path(p) for p in paths])
    if force_field is not None and cutoff is not None:
        force_field = replace(force_field, cutoff=cutoff)
    return Target(Topology(graph, Mapping.from_map(Path(mapping), graph), force_field, temperature))


def default_backend(
    target: Target, *, weights: str | Path | None = None, library: str | Path | None = None
) -> str:
    """The backend to take where none is named: what the weights are of, else by what there is to learn from.

    ``morphing`` where beads are to become as many beads; ``fragments`` with a library, given or embedded,
    which needs no training and measures no worse after refinement than any network; else ``equivariant``
    where shipped weights fit; else ``geometric``.

    Raises:
        InputError: the tag of shipped weights, which does not say whose they are.
    """
    from bmzoo.backends.checkpoints import read_config
    from bmzoo.backends.loading import weights_folder, weights_matching

    if weights is not None:
        if not Path(weights).is_dir():
            raise InputError(f"say with --backend whose weights '{weights}' are, or give a folder of weights")
        return str(read_config(weights_folder(Path(weights)))["backend"])
    if target.topology.n_atoms == target.topology.n_beads:
        return "morphing"
    if library is not None or (target.system is not None and library_system(target.system) is not None):
        return "fragments"
    kin = target.system.kin if target.system else None
    found = weights_matching("equivariant", target.topology, kin=kin)
    return "geometric" if found is None else "equivariant"


def load_backmapper(
    name: str,
    system: str | System | None = None,
    *,
    topology: Topology | None = None,
    weights: str | Path | None = None,
    config: Any = None,
    settings: Sequence[str] = (),
    library: str | Path | None = None,
    device: str = "auto",
) -> Backmapper:
    """A backend, ready to backmap.

    Args:
        name: as listed by ``bmzoo backends``.
        system: a system of the zoo, by name or loaded; or
        topology: the description of any other molecule.
        weights: folder or tag of a checkpoint; by default the one shipped for the system.
        config: the backend's settings: a mapping, a YAML file, or its config object.
        settings: ``name=value`` changes on top of them.
        library: atomistic reference trajectory for backends that learn from one in a single pass;
            by default the system's embedded training frames.
        device: ``cpu``, ``cuda``, or ``auto``: a GPU where there is one and the backend has a network.

    Raises:
        InputError: unknown names, no weights that fit, nothing to learn from, a library that nobody
            would read, no such device.
    """
    from bmzoo.backends.loading import load_backmapper as load

    if isinstance(system, str):
        system = load_system(system)
    if system is not None:
        if topology not in (None, system.topology):
            raise InputError(f"load_backmapper takes {system.name} or another topology, not both")
        topology = system.topology
    if topology is None:
        raise InputError("load_backmapper needs a system or a topology")
    if library is not None:
        _check_library(name, weights)
    frames = None if library is None else open_trajectory(library, topology, beads=False).frames()
    kin = system.kin if system is not None else None
    library_of = None
    if frames is None and system is not None:
        source = library_system(system)
        frames = source.reference.frames("train") if source and source.reference else None
        library_of = kin if source is not None and source.kin is None else None
    found: Iterator[PairedFrames] | None = None
    if frames is not None:
        molecule = library_of or topology
        found = pairs(whole_molecules(frames, molecule, beads=False), molecule.mapping)
    model = load(
        name,
        topology,
        weights=weights,
        config=config,
        settings=settings,
        library=found,
        library_of=library_of,
        system=system.name if system else None,
        state=system.state if system else None,
        kin=kin,
    )
    model.to(resolve_device(device, model))
    return model


def _check_library(name: str, weights: str | Path | None) -> None:
    """Refuses a library that nobody would read."""
    from bmzoo.backends.composed import JOIN
    from bmzoo.backends.registry import get_backend

    if not any(get_backend(step).capabilities.fitting == "library" for step in name.split(JOIN)):
        raise InputError(f"backend '{name}' looks nothing up in a library; leave it out, or take 'fragments'")
    if weights is not None and JOIN not in name:
        raise InputError("weights hold a library already; give either --weights or --library, not both")


def resolve_device(device: str, model: Backmapper) -> str:
    """``cpu`` or ``cuda`` for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: another word, or a GPU that is not there.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise unknown("device", device, ("auto", "cpu", "cuda"))
    if device == "cpu" or (device == "auto" and model.capabilities.fitting != "gradient"):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise InputError("no CUDA device was found; use --device cpu, or auto")
    return "cpu"


def library_frames(target: Target) -> Iterator[Frame]:
    """The embedded training frames of a system, or of its default state where it has none of its own.

    Raises:
        InputError: if there are none.
    """
    source = library_system(target.system) if target.system else None
    if source is None or source.reference is None:
        raise InputError(f"{target.label} has no embedded training frames; give a trajectory")
    return source.reference.frames("train")


def library_system(system: System) -> System | None:
    """Whose embedded training frames a backend without weights learns from.

    The system itself; or its default state, where its own frames have no ``train`` split (crystals
    and long chains are backmapped with what was learned in the melt of short ones; imported frames are
    for testing only).
    """
    for candidate in (system, load_system(f"{system.name}:{system.state}"), load_system(system.name)):
        # a state may be coarse-grained, and has no use for atoms
        same = candidate.topology.n_atoms == system.topology.n_atoms or system.kin is not None
        if same and candidate.reference is not None and "train" in candidate.reference.splits:
            return candidate
    return None
