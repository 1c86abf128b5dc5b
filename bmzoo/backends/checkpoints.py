"""Checkpoints: a folder with model.safetensors, config.json, card.md and reference.npz; never pickle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo import __version__
from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.scaled import scale_of, scaled
from bmzoo.errors import InputError
from bmzoo.frames.beads import DAMAGED
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology

FORMAT_VERSION = 1
ARRAYS = "model.safetensors"

UPGRADES: dict[int, Callable[[dict[str, Any], dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]]] = {}
"""``UPGRADES[v]`` turns (config, arrays) of format version v into those of v + 1."""

REFERENCE_TOLERANCE = 1e-4
"""nm; generated positions may differ by this much between machines."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory; ``config`` is config.json upgraded to the present format."""

    folder: Path
    config: dict[str, Any]
    arrays: dict[str, Any]

    @property
    def backend(self) -> str:
        return str(self.config["backend"])

    def restore(self, topology: Topology, config: Any = None, *, kin: Topology | None = None) -> Backmapper:
        """The backmapper as it was saved, for a topology.

        Args:
            topology: of the molecules to backmap.
            config: by default the one that was saved.
            kin: a molecule of the same units; weights made for it are taken over from there.

        Raises:
            InputError: if the backend cannot serve this topology.
        """
        from bmzoo.backends.config import build_config
        from bmzoo.backends.registry import get_backend

        backend = get_backend(self.backend)
        check_chemistry(self, topology, transferable=backend.capabilities.transferable)
        settings = config if config is not None else build_config(backend.Config, self.config["config"])
        scale = float(self.config.get("scale", 1.0))
        backmapper = scaled(backend(topology, settings), scale)
        made_for = self.config.get("topology")
        if kin is None or made_for == topology_hash(topology) or made_for != topology_hash(kin):
            backmapper.load_state(self.arrays)
            return backmapper
        trained = scaled(backend(kin, settings), scale)
        trained.load_state(self.arrays)
        backmapper.adopt(trained)
        return backmapper


def topology_hash(topology: Topology) -> str:
    """Fingerprint of chemistry and mapping: elements, bonds, hands, weights, owners, bead bonds."""
    graph, mapping = topology.graph, topology.mapping
    digest = hashlib.sha256(" ".join(graph.elements).encode())
    digest.update(" ".join(mapping.bead_types).encode())
    weights = np.round(mapping.matrix.toarray(), 4) + 0.0
    for array in (graph.bonds, graph.chirality, mapping.owners, mapping.bonds):
        digest.update(np.ascontiguousarray(array, dtype=np.int64).tobytes() + b"|")
    digest.update(weights.tobytes())
    return digest.hexdigest()[:16]


def save_checkpoint(
    backmapper: Backmapper,
    folder: str | Path,
    *,
    system: str,
    state: str = "",
    seed: int = 0,
    created_by: str = "",
    card: str | None = None,
    example: Frame | None = None,
    also: Sequence[Topology] = (),
) -> Path:
    """Writes a checkpoint; the folder appears complete, or not at all.

    Args:
        backmapper: fitted or trained.
        folder: an older checkpoint there is replaced.
        system, state: the chemistry that it was made for, ``sps`` and ``568K``.
        seed: that training used.
        created_by: the command that made it.
        card: text of ``card.md``; by default the backend's own.
        example: a CG frame; with it, a seeded output is stored for :func:`verify`.
        also: other molecules that it was trained on; ``system`` joins all their names by ``+``.

    Raises:
        InputError: if the folder cannot be written.
    """
    from bmzoo.backends.registry import describe

    folder = Path(folder)
    config = {
        "format_version": FORMAT_VERSION,
        "backend": backmapper.name,
        "config": backmapper.config.model_dump(mode="json"),
        "scale": scale_of(backmapper),
        "system": system,
        "state": state,
        "topology": topology_hash(backmapper.topology),
        "also": [topology_hash(topology) for topology in also],
        "molecule": backmapper.topology.graph.name,
        "n_atoms": backmapper.topology.n_atoms,
        "n_beads": backmapper.topology.n_beads,
        "seed": seed,
        "created_by": created_by,
        "bmzoo": __version__,
    }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise InputError(f"cannot write the checkpoint {folder}: {error.strerror}") from error
    try:
        _write_arrays(draft / ARRAYS, backmapper.state())
        config["sha256"] = _digest(draft)
        (draft / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        text = card if card is not None else describe(backmapper.name).card
        (draft / "card.md").write_text(text, encoding="utf-8")
        if example is not None:
            _write_reference(draft / "reference.npz", backmapper, example, seed)
        draft.chmod(0o755)
        _replace(draft, folder)
    except OSError as error:
        raise InputError(f"cannot write the checkpoint {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def read_checkpoint(folder: str | Path) -> Checkpoint:
    """Reads and upgrades a checkpoint.

    Raises:
        InputError: no checkpoint there, damaged, or written by a newer bmzoo.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(folder)
    config = read_config(folder)
    try:
        arrays: dict[str, Any] = load_file(folder / ARRAYS)
        digest = _digest(folder)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder / ARRAYS} cannot be read: {error}") from error
    if config.get("sha256", digest) != digest:
        raise InputError(f"{folder / ARRAYS} is damaged, or not of this config.json; get the weights again")
    for version in range(config["format_version"], FORMAT_VERSION):
        if version not in UPGRADES:
            raise InputError(f"{folder} has format version {version}, which cannot be upgraded; make it anew")
        config, arrays = UPGRADES[version](config, arrays)
        config["format_version"] = version + 1
    return Checkpoint(folder, config, arrays)


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a checkpoint as it lies on disk, without the arrays.

    Raises:
        InputError: no checkpoint, a damaged one, or one of a newer bmzoo.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        version, backend = config["format_version"], config["backend"]
    except FileNotFoundError as error:
        raise InputError(f"{folder} is no checkpoint: it has no config.json") from error
    except (OSError, json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{folder / 'config.json'} is damaged ({error!r}); get it again") from error
    scale, own = config.get("scale", 1.0), config.get("config")
    sound = isinstance(version, int) and isinstance(backend, str) and isinstance(own, dict)
    if not sound or not isinstance(scale, int | float) or not isinstance(config.get("also", []), list):
        raise InputError(f"{folder / 'config.json'} is damaged; get the checkpoint again")
    if version > FORMAT_VERSION:
        raise InputError(
            f"{folder} has format version {version}, this bmzoo {__version__} reads up to {FORMAT_VERSION}; "
            "install a newer bmzoo"
        )
    found: dict[str, Any] = config
    return found


def check_chemistry(checkpoint: Checkpoint, topology: Topology, *, transferable: bool) -> None:
    """Refuses weights that were made for another molecule, unless the backend transfers.

    Raises:
        InputError: naming both molecules and what would work.
    """
    config = checkpoint.config
    if transferable or topology_hash(topology) in (config.get("topology"), *config.get("also", ())):
        return
    made_for = ":".join(filter(None, (checkpoint.config.get("system"), checkpoint.config.get("state"))))
    raise InputError(
        f"the weights in {checkpoint.folder} were made for {made_for} (molecule "
        f"{checkpoint.config.get('molecule')}, {checkpoint.config.get('n_atoms')} atoms, "
        f"{checkpoint.config.get('n_beads')} beads), not for {topology.graph.name} ({topology.n_atoms} "
        f"atoms, {topology.n_beads} beads) with this mapping; train anew, or use 'geometric', which needs "
        "no weights"
    )


def verify(folder: str | Path, topology: Topology) -> float:
    """Repeats the stored seeded example.

    Returns:
        The largest distance of any atom from where it was when the checkpoint was saved, nm.

    Raises:
        InputError: no example stored, a damaged one, or the output has changed by more than 1e-4 nm.
    """
    path = Path(folder) / "reference.npz"
    if not path.is_file():
        raise InputError(f"{folder} has no reference.npz, so it cannot be verified")
    try:
        with np.load(path) as stored:
            example = Frame(stored["beads"], box=stored.get("box"), index=int(stored["index"]))
            seed, expected = int(stored["seed"]), stored["atoms"]
    except DAMAGED as error:
        raise InputError(f"{path} is damaged; get the weights again") from error
    backmapper = read_checkpoint(folder).restore(topology)
    (frame,) = backmapper.backmap([example], seed=seed)
    worst = float(np.linalg.norm(frame.positions - expected, axis=1).max())
    if not worst <= REFERENCE_TOLERANCE:
        raise InputError(
            f"{folder} no longer gives its own example: an atom is {worst:.4f} nm off; "
            "the files are damaged, or bmzoo has changed"
        )
    return worst


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / ARRAYS).read_bytes()).hexdigest()


def _write_arrays(path: Path, state: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    def as_array(value: Any) -> NDArray:
        value = value.detach().cpu().numpy() if hasattr(value, "detach") else value
        return np.ascontiguousarray(value)

    save_file({name: as_array(value) for name, value in state.items()}, path)
    path.chmod(0o644)  # safetensors writes for the owner alone


def _write_reference(path: Path, backmapper: Backmapper, example: Frame, seed: int) -> None:
    (frame,) = backmapper.backmap([example], seed=seed)
    arrays: dict[str, Any] = {"beads": example.positions, "atoms": frame.positions}
    if example.box is not None:
        arrays["box"] = example.box
    np.savez_compressed(path, index=example.index, seed=seed, **arrays)


def _replace(draft: Path, folder: Path) -> None:
    """Moves a finished folder into place; a folder cannot be replaced in one step."""
    if not folder.exists():
        os.rename(draft, folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    os.rename(folder, old / folder.name)
    os.rename(draft, folder)
    shutil.rmtree(old, ignore_errors=True)
