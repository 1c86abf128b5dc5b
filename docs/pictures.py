"""Draws the pictures of the tour and the concepts from embedded frames: python docs/pictures.py

Needs matplotlib (``pip install bmzoo[docs]``) and a minute or two. Seed 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

import bmzoo
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.frame import Frame
from bmzoo.frames.whole import whole_molecules
from bmzoo.pipeline import backmap_frames
from bmzoo.systems.system import System

mpl.use("Agg")
import matplotlib.pyplot as plt

FOLDER = Path(__file__).parent / "pictures"
SAMPLES = 5
BEADS = {"A": "#0072B2", "B": "#D55E00"}
ATOMS = {"H": "#b5b5b5", "O": "#D55E00", "N": "#0072B2", "C": "#444444"}
"""A bond has the colour of the first of these that it holds."""
SIDES = {"reference": "#9a9a9a", "minimised": "#D55E00", "thermalised": "#0072B2"}
STYLE = {"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "bmzoo", "axes.spines.top": False}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    mpl.rcParams.update(STYLE)
    dipeptide()
    melt()


def dipeptide() -> None:
    """What the tour draws: three samples."""
    system, _, beads = first_test_frame("adp:300K")
    one_to_many(system, beads, drawn(system, beads, "equivariant", "none", 3), "dipeptide")


def melt() -> None:
    """One chain, and what refinement does to widths."""
    system, reference, beads = first_test_frame("sps:568K")
    one_to_many(system, beads, drawn(system, beads, "equivariant", "none", SAMPLES), "samples")
    minimised = drawn(system, beads, "geometric", "minimise", 1)
    thermalised = drawn(system, beads, "fragments", "thermalise", 1)
    sides = dict(zip(SIDES, [[reference], minimised, thermalised], strict=True))
    thermal_width(system, sides)


def first_test_frame(name: str) -> tuple[System, Frame, Frame]:
    """A system, its first embedded test frame, and the beads of that."""
    system = bmzoo.load_system(name)
    assert system.reference is not None
    frames = system.reference.frames("test", 0, 1)
    reference = next(iter(whole_molecules(frames, system.topology, beads=False)))
    return system, reference, next(iter(coarse_grain([reference], system.topology.mapping)))


def drawn(system: System, beads: Frame, backend: str, refine: str, samples: int) -> list[Frame]:
    """Atoms of the whole melt."""
    model = bmzoo.load_backmapper(backend, system, device="cpu")
    found = backmap_frames(iter([beads]), system.topology, model, samples=samples, seed=0, refine=refine)
    return list(found)


def one_to_many(system: System, beads: Frame, samples: list[Frame], name: str) -> None:
    """One molecule: its beads, one sample, and all samples over one another, along its thinnest direction."""
    topology = system.topology
    chain = beads.positions[: topology.n_beads]
    centre = chain.mean(0)
    axes = np.linalg.svd(chain - centre)[2][:2].T
    figure, panels = plt.subplots(1, 3, figsize=(9, 3.1), sharex=True, sharey=True)
    titles = ["beads", "atoms: one sample", f"{len(samples)} samples of the same beads"]
    flat = [(s.positions[: topology.n_atoms] - centre) @ axes for s in samples]
    for panel, title, shown in zip(panels, titles, [[], flat[:1], flat], strict=True):
        for atoms in shown:
            molecule(panel, system, atoms, 0.9 if len(shown) == 1 else 0.35)
        dots(panel, system, (chain - centre) @ axes, 0.75 if not shown else 0.25)
        panel.set_title(title)
        panel.set_aspect("equal")
        panel.set_axis_off()
    save(figure, name)


def molecule(panel: Any, system: System, atoms: NDArray[Any], alpha: float) -> None:
    graph = system.topology.graph
    for one, other in graph.bonds:
        elements = (graph.elements[one], graph.elements[other])
        colour = next(found for element, found in ATOMS.items() if element in elements)
        panel.plot(*atoms[[one, other]].T, color=colour, alpha=alpha, linewidth=1.1, solid_capstyle="round")


def dots(panel: Any, system: System, beads: NDArray[Any], alpha: float) -> None:
    mapping = system.topology.mapping
    for one, other in mapping.bonds:
        panel.plot(*beads[[one, other]].T, color="#888888", alpha=alpha, linewidth=1.5, zorder=0)
    colours = [BEADS.get(kind, BEADS["A"]) for kind in mapping.bead_types]
    panel.scatter(*beads.T, s=260, c=colours, alpha=alpha, linewidths=0)


def thermal_width(system: System, sides: dict[str, list[Frame]]) -> None:
    """The H-C-H angle and the backbone's dihedral: minimised structures are too narrow."""
    graph = system.topology.graph
    backbone = ~graph.in_ring & ~graph.is_hydrogen
    hch = graph.angles[graph.is_hydrogen[graph.angles[:, [0, 2]]].all(1)]
    ccc = graph.angles[backbone[graph.angles].all(1)]
    figure, panels = plt.subplots(1, 2, figsize=(8, 2.6))
    for panel, rows, name in zip(panels, (ccc, hch), ("C-C-C", "H-C-H"), strict=True):
        edges = np.linspace(90, 135, 61)
        for side, frames in sides.items():
            values = np.concatenate([angles(f.positions.reshape(-1, graph.n_atoms, 3), rows) for f in frames])
            fill = side == "reference"
            counts = np.histogram(values, edges, density=True)[0]
            panel.stairs(counts, edges, label=side, color=SIDES[side], fill=fill, alpha=0.5 if fill else 1)
        panel.set(title=f"{name} angle", xlabel="degrees", yticks=[])
    panels[0].legend(frameon=False)
    save(figure, "thermal-width")


def angles(atoms: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Degrees."""
    one, other = (atoms[:, rows[:, k]] - atoms[:, rows[:, 1]] for k in (0, 2))
    cosine = (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1))).reshape(-1)


def save(figure: Any, name: str) -> None:
    figure.tight_layout()
    figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
