"""How near the equivariant flow's draws are to the Boltzmann distribution given the beads.

    python benchmarks/boltzmann_weights.py [--weights FOLDER] [--frames 4] [--samples 256]

For some embedded test frames of alanine dipeptide: samples with their exact density, their importance
weights, and how many samples the weights leave (Kish). Energies are those of the force field with all bonds
free to vibrate, which is what the weights are to; the reference constrains bonds to hydrogen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from _common import (
    new_parser,
    provenance,
    provenance_line,
    refusals,
    set_threads,
    table,
    weights_label,
    write_json,
)

import bmzoo
from bmzoo.backends.equivariant.model import Equivariant
from bmzoo.errors import InputError
from bmzoo.evaluation.cost import CostMeter
from bmzoo.frames.datasets import coarse_grain
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.representations.energies import Energies
from bmzoo.systems import load_system

BACKEND = "equivariant"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__, weights=None, settings=[], threads=None, seed=0, output=None)
    parser.add_argument("--system", default="adp", help="(default %(default)s)")
    parser.add_argument("--frames", type=int, default=4, help="spread evenly (default %(default)s)")
    parser.add_argument("--samples", type=int, default=256, help="of a frame (default %(default)s)")
    options = parser.parse_args(arguments)

    threads = set_threads(options.threads)
    system = load_system(options.system)
    model = bmzoo.load_backmapper(
        BACKEND, system, weights=options.weights, settings=options.settings, device="cpu"
    )
    assert isinstance(model, Equivariant)
    if system.reference is None or options.frames < 1 or options.samples < 1:
        raise InputError("give a system with embedded frames, and at least one frame and one sample")
    field, kelvin = system.topology.force_field, system.topology.temperature
    assert field is not None
    assert kelvin is not None
    energies = Energies(field).double()
    step = max(1, system.reference.n_frames("test") // options.frames)
    atoms = list(system.reference.frames("test", 0, step * options.frames, step))
    rows = []
    for frame in coarse_grain(atoms, system.topology.mapping):
        with CostMeter() as meter:
            found = model.weighted(frame, n_samples=options.samples, seed=options.seed)
        drawn = torch.from_numpy(np.stack([f.positions for f in found.frames]))
        energy = energies(drawn).numpy().reshape(-1) / (GAS_CONSTANT * kelvin)
        weights = np.exp(found.log_weights)
        rows.append(
            {
                "frame": frame.index,
                "effective": found.effective,
                "largest": float(weights.max()),
                "energy": float(energy.mean()),
                "reweighted": float(weights @ energy),
                "seconds": meter.seconds,
            }
        )
    label = weights_label(BACKEND, options.weights, system)
    made = provenance(seed=options.seed, threads=threads, weights=label)
    found = {"samples": options.samples, "settings": options.settings, "rows": rows, **made}
    print(weights_text(found))
    if options.output:
        write_json(options.output / "weights.json", found)


def weights_text(found: dict[str, Any]) -> str:
    """Table and provenance of the JSON, in markdown."""
    header = ["frame", "effective share", "largest weight", "energy kT", "reweighted kT", "s"]
    rows = table(header, [[f"{value:.3g}" for value in row.values()] for row in found["rows"]])
    count = f"{found['samples']} samples of each of {len(found['rows'])} embedded test frames."
    return f"{rows}\n\n{count} {provenance_line(found)}"


if __name__ == "__main__":
    with refusals():
        main()
