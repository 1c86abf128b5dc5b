"""Reference folders of peptides: xtc files, forces, provenance; written aside, then moved into place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.simulation.provenance import environment, sha256


@dataclass(frozen=True)
class Split:
    """One split: independent runs of positions ``(n_frames, n_atoms, 3)`` nm, ``interval`` ps apart."""

    runs: Sequence[NDArray[np.float32]]
    interval: float
    precision: float = 1000.0
    """xtc: reciprocal of the resolution in nm."""
    forces: Sequence[NDArray[np.float16]] = ()
    note: str = ""
    checks: dict[str, Any] = field(default_factory=dict)

    @property
    def frames(self) -> NDArray[np.float32]:
        """All frames, ``(n_frames, n_atoms, 3)``."""
        return np.concatenate(list(self.runs))


def write_reference(
    output: Path, partial: Path, splits: dict[str, Split], masses: NDArray[np.float64], record: dict[str, Any]
) -> None:
    """Writes a reference folder at ``partial`` and moves it to ``output``.

    Every run is shifted as a whole, so that the centre of mass of its first frame is the origin.
    """
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    described = {name: _write_split(partial, name, split, masses) for name, split in splits.items()}
    n_atoms = len(masses)
    provenance = {**record, "n_atoms": n_atoms, "splits": described, "generalisation": None} | environment(
        ("openmm", "rdkit", "MDAnalysis", "numpy")
    )
    (partial / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")
    os.replace(partial, output)


def _write_split(folder: Path, name: str, split: Split, masses: NDArray[np.float64]) -> dict[str, Any]:
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    path = folder / f"{name}.xtc"
    box = np.zeros((3, 3), dtype=np.float32)
    count = 0
    with XTCFile(str(path), "w") as file:
        for run in split.runs:
            origin = np.average(run[0], axis=0, weights=masses)
            for frame in (run - origin).astype(np.float32):
                file.write(frame, box, count, count * split.interval, split.precision)
                count += 1
    described: dict[str, Any] = {
        "file": path.name,
        "runs": [len(run) for run in split.runs],
        "interval_ps": split.interval,
        "sha256": sha256(path),
        "note": split.note,
        "checks": split.checks,
    }
    if split.forces:
        forces = folder / f"{name}_forces.npz"
        np.savez_compressed(forces, forces=np.concatenate(list(split.forces)).astype(np.float16))
        described |= {"forces": forces.name, "forces_sha256": sha256(forces)}
    return described
