"""The one door to a backmapper that is ready to use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.checkpoints import Checkpoint, read_checkpoint, read_config, topology_hash
from bmzoo.backends.composed import (
    JOIN,
    Composed,
    bead_pairs,
    bead_topology,
    settings_of,
    step_names,
)
from bmzoo.backends.config import build_config
from bmzoo.backends.registry import get_backend
from bmzoo.errors import InputError
from bmzoo.frames.frame import PairedFrames
from bmzoo.molecules.topology import Topology

WEIGHTS = Path(__file__).parents[1] / "weights"
"""Shipped checkpoints, ``<backend>/<tag>/``."""


def load_backmapper(
    name: str,
    topology: Topology,
    *,
    weights: str | Path | None = None,
    config: BaseModel | Mapping[str, Any] | str | Path | None = None,
    settings: Iterable[str] = (),
    library: Iterable[PairedFrames] | None = None,
    library_of: Topology | None = None,
    system: str | None = None,
    state: str | None = None,
    kin: Topology | None = None,
    seed: int = 0,
) -> Backmapper:
    """A backmapper that is ready to use.

    Args:
        name: of an installed backend; or two, ``morphing+voxel_gan``: see :mod:`bmzoo.backends.composed`.
        topology: of the molecules to backmap.
        weights: folder of a checkpoint, or the tag of a shipped one; by default the shipped one
            that was made for this topology.
        config: YAML file, mapping or model; by default the checkpoint's own, or the defaults.
        settings: ``key=value`` changes on top.
        library: reference pairs, for backends that look things up; not read where weights are given.
        library_of: their molecule, where it is another one, of the same units.
        system, state: of the zoo; where several shipped weights fit, the ones made for it come first.
        kin: a molecule of the same units, whose weights serve where there are none of this one.
        seed: for fitting.

    Raises:
        InputError: unknown backend or key, weights missing or made for another molecule;
            the sentence names what would work.
    """
    settings = list(settings)
    if JOIN in name:
        return _load_steps(
            name,
            topology,
            weights,
            config,
            settings,
            library,
            library_of=library_of,
            system=system,
            state=state,
            kin=kin,
            seed=seed,
        )
    backend = get_backend(name)
    if not backend.capabilities.transferable:
        library, kin = None if library_of is not None else library, None
    fitting = backend.capabilities.fitting
    if fitting == "none":
        if weights is not None:
            raise InputError(f"backend '{name}' has no weights; leave '{weights}' out")
        return backend(topology, build_config(backend.Config, config, settings))
    if weights is None and fitting == "library" and library is not None:
        chosen = build_config(backend.Config, config, settings)
        backmapper = backend(topology, chosen)
        if library_of is None:
            backmapper.fit(library, seed=seed)
        else:
            fitted = backend(library_of, chosen)
            fitted.fit(library, seed=seed)
            backmapper.adopt(fitted)
        return backmapper
    checkpoint = _find(name, topology, weights, fitting, system, state, kin)
    base = config if config is not None else checkpoint.config["config"]
    return checkpoint.restore(topology, build_config(backend.Config, base, settings), kin=kin)


def _load_steps(
    name: str,
    topology: Topology,
    weights: str | Path | None,
    config: BaseModel | Mapping[str, Any] | str | Path | None,
    settings: Sequence[str],
    library: Iterable[PairedFrames] | None,
    *,
    library_of: Topology | None,
    system: str | None,
    state: str | None,
    kin: Topology | None,
    seed: int,
) -> Backmapper:
    """The first step by its own settings, with shipped weights or the beads of the library, the second as if
    it were alone.

    What the first step is told of its generator, which weights hold, makes it learn from the library.
    """
    first, second = step_names(name)
    own, rest = settings_of(first, settings)
    told = any(change.startswith(("generator=", "weights=", "settings", "short_ends=")) for change in own)
    found = None if told else weights_matching(first, bead_topology(topology), system, state)
    pairs = None if library is None else list(library)
    beads = None if pairs is None else bead_pairs(pairs)
    return Composed(
        load_backmapper(
            first,
            bead_topology(topology),
            weights=found,
            settings=own,
            library=beads,
            library_of=None if library_of is None else bead_topology(library_of),
            seed=seed,
        ),
        load_backmapper(
            second,
            topology,
            weights=weights,
            config=config,
            settings=rest,
            library=pairs,
            library_of=library_of,
            system=system,
            state=state,
            kin=kin,
            seed=seed,
        ),
    )


def weights_matching(
    backend: str,
    topology: Topology,
    system: str | None = None,
    state: str | None = None,
    *,
    kin: Topology | None = None,
) -> Path | None:
    """The shipped checkpoint that was made for this molecule and mapping, ``None`` without one.

    Of several, the one of the same system and state is preferred, then of the same system, then the one
    that was made for the fewest systems. Where there is none, one that was made for ``kin``.
    """
    wanted = topology_hash(topology)
    fitting = [(f, c) for f, c in shipped(backend) if wanted in (c.get("topology"), *c.get("also", ()))]
    if not fitting:
        return None if kin is None else weights_matching(backend, kin, system, state)

    def rank(item: tuple[Path, dict[str, Any]]) -> tuple[bool, bool, int]:
        systems = _joined(item[1], "system")
        same_system = system in systems
        return (same_system, same_system and state in _joined(item[1], "state"), -len(systems))

    return max(fitting, key=rank)[0]


def _joined(config: Mapping[str, Any], key: str) -> list[str]:
    """``octane+cumene`` is for both."""
    return str(config.get(key) or "").split("+")


def weights_folder(folder: Path) -> Path:
    """The folder itself, or where the folder of a training keeps its weights."""
    return folder / "weights" if (folder / "weights" / "config.json").is_file() else folder


def shipped(backend: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folder and ``config.json`` of every shipped checkpoint of a backend, by tag."""
    for path in sorted((WEIGHTS / backend).glob("*/config.json")):
        yield path.parent, read_config(path.parent)


def _find(
    name: str,
    topology: Topology,
    weights: str | Path | None,
    fitting: str,
    system: str | None,
    state: str | None,
    kin: Topology | None,
) -> Checkpoint:
    if weights is None:
        folder = weights_matching(name, topology, system, state, kin=kin)
        if folder is None:
            raise InputError(_nothing_fits(name, topology, fitting))
        return read_checkpoint(folder)
    folder = Path(weights) if Path(weights).is_dir() else WEIGHTS / name / str(weights)
    if not folder.is_dir():
        tags = ", ".join(path.name for path, _ in shipped(name)) or "none"
        raise InputError(f"'{weights}' is neither a folder nor shipped weights of '{name}' (shipped: {tags})")
    checkpoint = read_checkpoint(weights_folder(folder))
    if checkpoint.backend != name:
        raise InputError(f"{folder} holds weights of backend '{checkpoint.backend}', not of '{name}'")
    return checkpoint


def _nothing_fits(name: str, topology: Topology, fitting: str) -> str:
    molecule = f"{topology.graph.name} ({topology.n_atoms} atoms, {topology.n_beads} beads)"
    if fitting == "library":
        return (
            f"backend '{name}' needs atomistic reference frames of {molecule} with this mapping, and none "
            "were given; give some (--library), or use 'geometric', which needs none"
        )
    tags = ", ".join(path.name for path, _ in shipped(name)) or "none"
    return (
        f"no weights of backend '{name}' fit {molecule} with this mapping (shipped: {tags}); "
        "give weights trained for it, or use 'geometric', which needs none"
    )
