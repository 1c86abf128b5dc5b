"""Scores the published polystyrene snapshots: the table of the data's README, row by row.

python benchmarks/published_table.py [--data DIR] [--states 568K,453K,313K] [--step 1] [--families ...]

The snapshots carry no licence and are not part of the repository; see ``--data``.
"""

from __future__ import annotations

import time

from _common import GAN, MINIMISED, N_PUBLISHED, SHARED, lateness, new_parser, published_frames

from bmzoo.evaluation.evaluate import Evaluation, Result
from bmzoo.systems import load_system

COLUMNS = {
    "bond RMSE nm": "distributions/bond_rmse",
    "angle JSD": "distributions/angle_jsd",
    "dihedral JSD": "distributions/dihedral_jsd",
    "g(r)": "packing/g_cc_mean_abs",
    "E non-bonded": "energetics/non_bonded_energy_per_atom",
    "E angle": "energetics/angle_energy_per_atom",
    "E improper": "energetics/improper_energy_per_atom",
}


def row(name: str, result: Result, *, floor: bool = False) -> str:
    cells = []
    for key in COLUMNS.values():
        score = result.scores.get(key)
        value = None if score is None else score.floor if floor else score.value
        cells.append("-" if value is None else f"{value:.4f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = new_parser(__doc__, data=SHARED / "sps")
    parser.add_argument("--states", default="568K,453K,313K")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--families", default="distributions,packing,energetics")
    arguments = parser.parse_args()
    print("| | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for state in arguments.states.split(","):
        topology = load_system(f"sps:{state}").topology
        folder = arguments.data / state
        evaluation = Evaluation(topology, families=arguments.families.split(","))
        for method in (GAN, MINIMISED):
            late = lateness(state, method)
            started = time.perf_counter()
            chosen = range(late, N_PUBLISHED, arguments.step)
            reference = published_frames(folder, "aa", topology, chosen)
            generated = published_frames(folder, method, topology, [n - late for n in chosen])
            result = evaluation.run(reference, generated)
            if method == GAN:
                print(row(f"{state} reference (floor)", result, floor=True))
            seconds = time.perf_counter() - started
            print(row(f"{state} {method}", result) + f" {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
