"""Our polystyrene of two beads a monomer against the published melts, and both against the atomistic one.

    python benchmarks/coarse_chains.py --published ../shared/data/fritz/cg_AB

The embedded melts of ``fritz``, the published ones (gro files), and the atomistic melt that the model was
made from, against the published ones where they are given, else against our own. Divergences are
Jensen-Shannon, base 2, 60 bins over both samples, without the ends of chains; g(r) is the mean absolute
difference to 1.1 nm; sizes are of blobs of three monomers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _chains import Yardstick, divergences, sizes, text
from _common import table, write_json
from _models import embedded, published

from bmzoo.errors import InputError
from bmzoo.frames.datasets import coarse_grain
from bmzoo.molecules.beads import identity_mapping
from bmzoo.molecules.polystyrene_beads import MIRROR, bead_chain, blob_chain, build_topology
from bmzoo.molecules.topology import Topology
from bmzoo.simulation.iterative_inversion import InversionSettings, PairCounter
from bmzoo.systems import load_system

PAIRS = InversionSettings(cutoff=1.1, excluded=4)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", type=Path, help="folder of gro files, two beads a monomer")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    try:
        rows = compared(options.published)
    except InputError as error:
        sys.exit(f"{error}")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    print(table(columns, [[text(row.get(key)) for key in columns] for row in rows]))
    if options.output:
        write_json(options.output, {"rows": rows})


def compared(folder: Path | None) -> list[dict[str, Any]]:
    """One row a melt."""
    sps, fritz = load_system("sps:568K"), load_system("fritz")
    mapped = list(coarse_grain(embedded(sps, sps.reference.splits[:1]), sps.topology.mapping))
    ours = embedded(fritz) if fritz.reference or not folder else []
    theirs = published(folder) if folder else []
    graph, short = bead_chain(), bead_chain(10)
    beads = Topology(graph, identity_mapping(graph), None, None)
    yardstick = Yardstick(theirs or ours, beads, PAIRS, mirror=MIRROR, skip_ends=1)
    rows = []
    for name, frames, own in (
        ("sps:568K, mapped", mapped, short),
        ("fritz", ours, graph),
        ("published", theirs, graph),
    ):
        if not frames:
            continue
        count = PairCounter(own, MIRROR, PAIRS)
        row: dict[str, Any] = {"melt": name, "frames": len(frames)}
        row |= divergences(yardstick.measured(frames, own), yardstick.samples)
        row["g(r)"] = float(np.abs(count(frames) - yardstick.g).mean())
        if own is graph:
            row |= sizes(list(coarse_grain(frames, build_topology().mapping)), blob_chain())
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
