"""The coarse-grained models of adp and cln against the mapped reference.

``python benchmarks/cg_model.py adp`` (or ``cln``) compares the embedded trajectories, or those of
``--trajectory`` (made by ``bmzoo simulate-cg``), with the beads of the training frames: bonds, angles,
torsions and distances, the (phi, psi) surface and its basins or TICA of the distances, slow processes.
Floors are the same scores between training and test frames, which come from independent walks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _common import new_parser, provenance, provenance_line, set_threads, table, write_json
from numpy.typing import NDArray

from bmzoo.coarse.force_field import load_force_field, shipped_force_fields
from bmzoo.evaluation.histograms import jsd
from bmzoo.evaluation.landscape import BASINS, GRID, fit_tica, nearest_basin
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.trajectory import Trajectory
from bmzoo.systems import load_system
from bmzoo.systems.system import System

Floats = NDArray[np.float64]
BINS = 50
LAG = {"adp": 5, "cln": 10}
"""Frames, of the slow processes."""
CLUSTERS = 10


def main() -> None:
    parser = new_parser(__doc__, threads=None, output=Path("docs/cg_simulations"))
    parser.add_argument("system", choices=("adp", "cln"))
    parser.add_argument(
        "--trajectory", type=Path, help="npz or xtc of simulate-cg; its record stands beside it"
    )
    options = parser.parse_args()
    threads = set_threads(options.threads)
    system = load_system(options.system)
    simulated, record = read_simulated(system, options.trajectory)
    made = record["settings"] if isinstance(record["settings"], list) else [record["settings"]]
    sides = {
        "train": mapped(system, "train"),
        "test": mapped(system, "test"),
        "simulated": simulated,
    }
    results = compare(system, sides) | {"simulation": record}
    label = f"cg force field {options.system}" if options.system in shipped_force_fields() else "none"
    results["provenance"] = provenance(seed=made[0]["seed"], threads=threads, weights=label)
    options.output.mkdir(parents=True, exist_ok=True)
    write_json(options.output / f"{options.system}.json", results)
    draw(system, sides, options.output / f"{options.system}.svg")
    report(results)


def mapped(system: System, split: str) -> list[Floats]:
    """Beads of every run of a split, ``(n_frames, n_beads, 3)`` nm."""
    reference = system.reference
    assert reference is not None
    frames = coarse_grain(reference.frames(split), system.topology.mapping)
    return _cut(np.stack([f.positions for f in frames]), reference.runs(split))


def read_simulated(system: System, path: Path | None) -> tuple[list[Floats], dict[str, Any]]:
    """Beads of every replica, and the record of the simulation."""
    import json

    reference = system.reference
    assert reference is not None
    if path is None:
        record = reference.coarse
        frames = reference.coarse_frames()
    else:
        record = json.loads(path.with_suffix(".json").read_text())
        frames = Trajectory(path).frames()
    return _cut(np.stack([f.positions for f in frames]), record["runs"]), record


def _cut(positions: Floats, runs: tuple[int, ...] | list[int]) -> list[Floats]:
    return np.split(positions, np.cumsum(runs)[:-1])


def compare(system: System, sides: dict[str, list[Floats]]) -> dict[str, Any]:
    """Scores with floors; see the module."""
    model = load_force_field(system)
    pooled = {side: np.concatenate(runs) for side, runs in sides.items()}
    values = {side: internal(model, x) for side, x in pooled.items()}
    found: dict[str, Any] = {"distributions": {}, "frames": {side: len(x) for side, x in pooled.items()}}
    for name, train in values["train"].items():
        edges = (
            np.linspace(-180, 180, BINS + 1)
            if name.startswith("torsion")
            else np.linspace(train.min() - 0.02 * np.ptp(train), train.max() + 0.02 * np.ptp(train), BINS + 1)
        )
        counts = {side: _counts(v[name], edges) for side, v in values.items()}
        found["distributions"][name] = {
            "jsd": float(jsd(counts["train"], counts["simulated"])),
            "floor": float(jsd(counts["train"], counts["test"])),
            "mean": [float(values[s][name].mean()) for s in ("train", "simulated")],
            "sd": [float(values[s][name].std()) for s in ("train", "simulated")],
        }
    surface = phi_psi if system.name == "adp" else tica
    return found | surface(system, sides, values)


def internal(model: Any, positions: Floats) -> dict[str, Floats]:
    """Internal coordinates by name: nm, degrees."""
    import torch

    found = {
        k: v.numpy() for k, v in model.priors.measure(torch.as_tensor(positions, dtype=torch.float64)).items()
    }
    return {
        f"{kind[:-1]} {number + 1}": column if kind in ("bonds", "pairs") else np.degrees(column)
        for kind, columns in found.items()
        for number, column in enumerate(columns.T)
    }


def _counts(values: Floats, edges: Floats) -> Floats:
    """Histogram with an overflow bin at either end."""
    return np.histogram(values, np.concatenate([[-np.inf], edges, [np.inf]]))[0].astype(np.float64)


def torsion_surface(values: dict[str, Floats]) -> Floats:
    """``(n_frames, 2)`` degrees: the two torsions of adp are phi and psi."""
    return np.stack([values["torsion 1"], values["torsion 2"]], axis=1)


def phi_psi(system: System, sides: dict[str, list[Floats]], values: dict[str, Any]) -> dict[str, Any]:
    """JSD of the surface, five basins, slowest process of each side."""
    found: dict[str, Any] = {}
    grids, basins, timescales = {}, {}, {}
    edges = np.linspace(-180, 180, GRID + 1)
    for side, value in values.items():
        surface = torsion_surface(value)
        grids[side] = np.histogram2d(*surface.T, (edges, edges))[0].ravel()
        counts = np.bincount(nearest_basin(surface), minlength=len(BASINS))
        basins[side] = dict(zip(BASINS, (counts / counts.sum()).tolist(), strict=True))
        radians = np.radians(surface)
        rows = np.concatenate([np.sin(radians), np.cos(radians)], axis=1)
        timescales[side] = slow(_cut(rows, [len(r) for r in sides[side]]), LAG[system.name])
    replicas = [
        nearest_basin(s)
        for s in _cut(torsion_surface(values["simulated"]), [len(r) for r in sides["simulated"]])
    ]
    shares = np.array([np.bincount(r, minlength=len(BASINS)) / len(r) for r in replicas])
    found["surface"] = {
        "jsd": float(jsd(grids["train"], grids["simulated"])),
        "floor": float(jsd(grids["train"], grids["test"])),
        "basins": basins,
        "basin_stderr": dict(zip(BASINS, (shares.std(axis=0) / len(shares) ** 0.5).tolist(), strict=True)),
        "timescale_frames": timescales,
    }
    return found


def tica(system: System, sides: dict[str, list[Floats]], values: dict[str, Any]) -> dict[str, Any]:
    """JSD on the first two TICA components of the training frames' distances, and of clusters in them."""
    from sklearn.cluster import KMeans

    rows, number = {}, 0
    for side, runs in sides.items():
        distances = [pair_distances(run) for run in runs]
        numbers = []
        for run in runs:
            numbers.append(np.arange(number, number + len(run)))
            number += len(run) + 1
        rows[side] = np.concatenate([np.concatenate(numbers)[:, None], np.concatenate(distances)], axis=1)
    project = fit_tica(rows["train"], LAG[system.name])
    points = {side: project(r[:, 1:]) for side, r in rows.items()}
    low, high = points["train"].min(axis=0), points["train"].max(axis=0)
    axes = [
        np.concatenate([[-np.inf], np.linspace(a, b, 31), [np.inf]]) for a, b in zip(low, high, strict=True)
    ]
    grids = {side: np.histogram2d(*p.T, axes)[0].ravel() for side, p in points.items()}
    model = KMeans(CLUSTERS, n_init=3, random_state=0).fit(points["train"])
    clusters = {
        side: np.bincount(model.predict(p), minlength=CLUSTERS).astype(np.float64)
        for side, p in points.items()
    }
    outside = float(np.mean(np.any((points["simulated"] < low) | (points["simulated"] > high), axis=1)))
    return {
        "surface": {
            "jsd": float(jsd(grids["train"], grids["simulated"])),
            "floor": float(jsd(grids["train"], grids["test"])),
            "cluster_jsd": float(jsd(clusters["train"], clusters["simulated"])),
            "cluster_floor": float(jsd(clusters["train"], clusters["test"])),
            "clusters": {side: (c / c.sum()).tolist() for side, c in clusters.items()},
            "outside": outside,
        },
        "gyration_nm": {
            side: np.quantile(gyration(np.concatenate(runs)), (0.05, 0.5, 0.95)).tolist()
            for side, runs in sides.items()
        },
    }


def gyration(positions: Floats) -> Floats:
    """``(n_frames,)`` nm, all beads alike."""
    return np.sqrt(np.square(positions - positions.mean(axis=1, keepdims=True)).sum(axis=-1).mean(axis=-1))


def pair_distances(positions: Floats) -> Floats:
    """``(n_frames, n_pairs)`` nm."""
    i, j = np.triu_indices(positions.shape[1], 1)
    return np.linalg.norm(positions[:, i] - positions[:, j], axis=-1)


def slow(runs: list[Floats], lag: int) -> float | None:
    """Timescale in frames of the slowest TICA process."""
    from deeptime.decomposition import TICA

    model = TICA(lagtime=lag).fit([run for run in runs if len(run) > lag + 1]).fetch_model()
    return float(model.timescales(k=1)[0])


def draw(system: System, sides: dict[str, list[Floats]], path: Path) -> None:
    """Histograms of all coordinates, and the surfaces."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from _figures import REFERENCE, STYLE

    model = load_force_field(system)
    pooled = {side: np.concatenate(runs) for side, runs in sides.items()}
    values = {side: internal(model, x) for side, x in pooled.items()}
    names = [n for n in values["train"] if system.name == "adp" or not n.startswith("pair")]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            -(-(len(names) + 2) // 6), 6, figsize=(13, 1.8 * -(-(len(names) + 2) // 6))
        )
        flat = axes.ravel()
        for axis, name in zip(flat, names, strict=False):
            train = values["train"][name]
            limits = (-180, 180) if name.startswith("torsion") else (train.min(), train.max())
            axis.hist(
                train,
                BINS,
                range=limits,
                density=True,
                histtype="stepfilled",
                color=REFERENCE,
                alpha=0.5,
                label="reference",
            )
            axis.hist(
                values["simulated"][name],
                BINS,
                range=limits,
                density=True,
                histtype="step",
                color="#D55E00",
                label="CG model",
            )
            axis.set_title(name)
            axis.set_yticks([])
        flat[0].legend(fontsize=6)
        if system.name == "adp":
            for axis, side in zip(flat[len(names) :], ("train", "simulated"), strict=False):
                axis.hist2d(
                    *torsion_surface(values[side]).T,
                    60,
                    ((-180, 180), (-180, 180)),
                    norm="log",
                    rasterized=True,
                )
                axis.set_title(f"phi, psi: {side}")
        else:
            axis = flat[len(names)]
            axis.hist(
                gyration(pooled["train"]),
                BINS,
                range=(0.4, 1.2),
                density=True,
                histtype="stepfilled",
                color=REFERENCE,
                alpha=0.5,
            )
            axis.hist(
                gyration(pooled["simulated"]),
                BINS,
                range=(0.4, 1.2),
                density=True,
                histtype="step",
                color="#D55E00",
            )
            axis.set_title("radius of gyration, nm")
        for axis in flat[len(names) + (2 if system.name == "adp" else 1) :]:
            axis.axis("off")
        figure.tight_layout()
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def report(results: dict[str, Any]) -> None:
    """Tables on standard output."""
    print(provenance_line(results["provenance"]))
    rows = [
        (
            name,
            f"{d['jsd']:.4f}",
            f"{d['floor']:.4f}",
            *(f"{m:.4g} ± {s:.3g}" for m, s in zip(d["mean"], d["sd"], strict=True)),
        )
        for name, d in results["distributions"].items()
    ]
    print(table(("coordinate", "JSD", "floor", "reference", "CG model"), rows))
    for key in ("surface", "gyration_nm"):
        if key in results:
            print(key, results[key])


if __name__ == "__main__":
    main()
