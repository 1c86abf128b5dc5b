"""How long the embedded melt remembers: python benchmarks/melt_autocorrelation.py"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.evaluation import geometry
from bmzoo.systems import load_system

LAGS = (1, 2, 4, 8, 16)


def show(name: str, values: NDArray[np.float64]) -> None:
    """Autocorrelation at some lags; ``values`` is ``(n_frames, n_molecules, n_terms)``."""
    values = values - values.mean(axis=(0, 1), keepdims=True)
    norm = (values * values).mean()
    found = [(values[lag:] * values[:-lag]).mean() / norm for lag in LAGS]
    print(f"{name:22s}" + "".join(f"{c:8.3f}" for c in found))


def main() -> None:
    """Backbone torsions, ring impropers, angles and bead distances of the training melt."""
    system = load_system("sps:568K")
    topology, reference = system.topology, system.reference
    assert reference is not None
    assert topology.force_field is not None
    field, elements = topology.force_field, topology.graph.elements
    frames = [np.asarray(frame.positions, dtype=np.float64) for frame in reference.frames("train")]
    x = np.array(frames).reshape(len(frames), -1, topology.n_atoms, 3)
    backbone = np.array([d for d in field.dihedrals.tolist() if all(elements[i] == "C" for i in d)])
    beads = np.array([topology.mapping.apply(f.reshape(-1, 3)) for f in x])
    beads = beads.reshape(len(frames), -1, topology.n_beads, 3)
    interval = reference.split("train")["interval_ps"]
    print(f"{'lag, ps':22s}" + "".join(f"{lag * interval:8.0f}" for lag in LAGS))
    show("cos backbone torsions", np.cos(geometry.dihedrals(x, backbone)))
    show("ring impropers", np.sin(geometry.dihedrals(x, field.impropers)))
    show("cos angles", np.cos(geometry.angles(x, field.angles)))
    show("1-3 bead distances", np.linalg.norm(beads[:, :, 2:] - beads[:, :, :-2], axis=-1))


if __name__ == "__main__":
    main()
