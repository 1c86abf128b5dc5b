"""What the 3-D view shows: first frames of every row, packed small."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.benchmark.scene import Scene
from bmzoo.report.source import Part, Source

MAX_ATOMS = 6000
"""Atoms of a frame that are kept for the view, in whole molecules, one at least."""
SAMPLED_ATOMS = 600
"""The same for the samples after the first, which are shown one molecule at a time."""


def scenes(source: Source) -> list[dict[str, Any]]:
    """Plain data for the page, systems without a stored frame left out."""
    return [_scene(part, part.scene) for part in source.parts if part.scene is not None]


def _scene(part: Part, scene: Scene) -> dict[str, Any]:
    n_atoms = len(scene.elements)
    order = nearest_molecules(scene)
    kept = order[: max(1, MAX_ATOMS // n_atoms)]
    sampled = kept[: max(1, SAMPLED_ATOMS // n_atoms)]
    origin = scene.atoms.reshape(-1, n_atoms, 3)[kept].reshape(-1, 3).mean(axis=0)

    def pack(positions: NDArray[np.floating], chosen: NDArray[np.int64], size: int) -> str:
        return packed(positions.reshape(-1, size, 3)[chosen].reshape(-1, 3) - origin)

    views = []
    for entry in part.entries:
        frames = entry.first_frames()
        if not frames or any(len(frame) != len(scene.atoms) for frame in frames):
            continue
        packs = [pack(frame, kept if k == 0 else sampled, n_atoms) for k, frame in enumerate(frames)]
        views.append(
            {"backend": entry.row.backend, "refine": entry.row.refine, "color": entry.color, "samples": packs}
        )
    whole = len(kept) == scene.n_molecules
    return {
        "label": part.label,
        "title": scene.title,
        "elements": scene.elements.tolist(),
        "bonds": scene.bonds.tolist(),
        "beadBonds": scene.bead_bonds.tolist(),
        "nBeads": scene.n_beads,
        "nMolecules": len(kept),
        "atoms": pack(scene.atoms, kept, n_atoms),
        "beads": pack(scene.beads, kept, scene.n_beads),
        "box": None if scene.box is None or not whole else np.round(scene.box, 3).tolist(),
        "origin": np.round(origin, 4).tolist(),
        "views": views,
    }


def nearest_molecules(scene: Scene) -> NDArray[np.int64]:
    """Molecules in the order of their distance from the middle of the frame."""
    centres = scene.atoms.reshape(scene.n_molecules, -1, 3).mean(axis=1)
    middle = centres.mean(axis=0)
    return np.argsort(np.square(centres - middle).sum(axis=1), kind="stable")


def packed(positions: NDArray[np.floating]) -> str:
    """Little-endian 16-bit integers of 0.001 nm in base64; farther than 32 nm is cut off."""
    steps = np.clip(np.round(np.asarray(positions) * 1000), -32767, 32767).astype("<i2")
    return b64encode(steps.tobytes()).decode()
