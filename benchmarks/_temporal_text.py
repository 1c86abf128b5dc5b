"""Tables of the temporal experiments from their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from _common import provenance_line, table

SETS = {"in_distribution": "in-distribution", "generalisation": "generalisation"}
GENERAL = {
    "surface JSD": ("landscape/phi_psi_jsd", "landscape/tica_jsd"),
    "C2ST AUC": ("detectability/c2st_auc",),
    "right hand": ("validity/stereocentres_kept",),
    "overlaps/1000": ("validity/overlaps_per_1000",),
    "CG RMSD nm": ("consistency/cg_rmsd",),
    "C(t) methyl": ("kinetics/autocorrelation[methyl]",),
    "C(t) side chains": ("kinetics/autocorrelation[side_chain]",),
}
VELOCITIES = ("velocity_w1", "internal_velocity_w1", "internal_bead_velocity_w1")

Row = Mapping[str, Any]


def temporal_text(found: dict[str, Any]) -> str:
    """All tables of a JSON file, and its provenance, in markdown."""
    parts = _drift(found) if "drift" in found else _experiments(found)
    return "\n\n".join([*parts, provenance_line(found)])


def _experiments(found: dict[str, Any]) -> list[str]:
    rows: list[Row] = found["rows"]
    notes: dict[tuple[str, str], list[str]] = {}
    for r in rows:
        for note in r["notes"]:
            notes.setdefault((SETS[r["test_set"]], note), []).append(r["name"])
    told = [f"{where}, {', '.join(names)}: {note}" for (where, note), names in notes.items()]
    return [
        _general(rows),
        _velocities(rows),
        *(part for part in (_processes(rows), _populations(rows)) if part),
        f"In brackets the floor; {found['parallel']} trajectories side by side where the backend can. "
        + " ".join(f"{note[0].upper()}{note[1:]}." for note in told),
    ]


def _general(rows: Sequence[Row]) -> str:
    known = {label: keys for label, keys in GENERAL.items() if any(_score(r, *keys) for r in rows)}
    header = ["test set", "", "frames", "E W1 / sd", *known, "frames/s", "frames/CPU s"]
    cells = []
    for r in rows:
        energy = _score(r, "energetics/total_w1")
        scores = [_cell(_score(r, *keys)) for keys in known.values()]
        speed = [f"{r['n_frames'] / r[key]:.3g}" for key in ("seconds", "cpu_seconds")]
        cells.append([*_name(r), f"{r['n_frames']:,}", _cell(energy, r["energy_sd"] or 1.0), *scores, *speed])
    return table(header, cells)


def _velocities(rows: Sequence[Row]) -> str:
    """W1 and its share of the first row's of the same test set."""
    header = ["test set", ""]
    for what in ("velocity", "internal velocity"):
        header += [f"{what} W1 nm/ps", f"over that of {rows[0]['name']}"]
    header.append("internal velocity W1 of the beads")
    cells = []
    for r in rows:
        base = next(other for other in rows if other["test_set"] == r["test_set"])
        line = [*_name(r)]
        for key in VELOCITIES[:2]:
            one, other = _score(r, f"kinetics/{key}"), _score(base, f"kinetics/{key}")
            share = "-" if one is None or not other else f"{one['value'] / other['value']:.2f}"
            line += [_cell(one), share]
        cells.append([*line, _cell(_score(r, f"kinetics/{VELOCITIES[2]}"))])
    return table(header, cells)


def _processes(rows: Sequence[Row]) -> str:
    """Timescales with their errors beside the reference's own, and cosines of eigenvectors."""
    numbers = sorted({int(key[:-1].split("[")[1]) for r in rows for key in r["scores"] if "cosine[" in key})
    if not numbers:
        return ""
    columns = {f"timescale {k} ps": f"timescale[{k}]" for k in numbers}
    columns |= {f"{k} over the slowest": f"relative_timescale[{k}]" for k in numbers if k > 1}
    columns |= {f"cosine {k}": f"cosine_all[{k}]" for k in numbers}
    cells = [[*_name(r), *(_cell(_score(r, f"kinetics/{key}")) for key in columns.values())] for r in rows]
    return table(["test set", "", *columns], cells) + "\n\nIn brackets of timescales the reference's own."


def _populations(rows: Sequence[Row]) -> str:
    """Basins of (phi, psi)."""
    every = dict.fromkeys(key for r in rows for key in r["scores"])
    basins = [key for key in every if key.startswith("landscape/basin[")]
    if not basins:
        return ""
    header = ["test set", "population of", *(key.split("[")[1][:-1] for key in basins)]
    cells = []
    for r in rows:
        if r is rows[0]:
            own = [_score(r, key) for key in basins]
            cells.append(["", "reference", *("-" if s is None else f"{s['floor']:.3f}" for s in own)])
        scores = [_score(r, key) for key in basins]
        cells.append([*_name(r), *("-" if s is None else _value(s, 1.0) for s in scores)])
    return table(header, cells)


def _drift(found: dict[str, Any]) -> list[str]:
    cells, lines = [], []
    for r in found["drift"]:
        for change in r["shown"]:
            error = change["stderr"]
            away = "-" if not error else f"{(change['last'] - change['first']) / error:+.1f}"
            ends = (f"{change[end]:.4g}" for end in ("first", "last"))
            cells.append([r["name"], change["score"], *ends, "-" if error is None else f"{error:.2g}", away])
        many = ", ".join(f"{change['score']} ({change['verdict']})" for change in r["significant"])
        lines.append(
            f"{r['name']}: {len(r['significant'])} of {r['tested']} scores changed by more than chance"
            + (f": {many}." if many else ".")
        )
    header = ["", "score", "first tenth", "last tenth", "error of the difference", "difference over it"]
    what = (
        f"{found['trajectories']} trajectories of {found['length']:,} frames, {found['tenth']:,} in a tenth; "
        "chance: false discovery rate of 5 %."
    )
    return [table(header, cells), " ".join([what, *lines])]


def _name(row: Row) -> tuple[str, str]:
    return SETS[row["test_set"]], row["name"]


def _score(row: Row, *keys: str) -> dict[str, Any] | None:
    """The first of these scores that there is."""
    return next((row["scores"][key] for key in keys if key in row["scores"]), None)


def _cell(score: dict[str, Any] | None, unit: float = 1.0) -> str:
    """``value ± error [floor]``, all divided by a unit; the floor with its error where a note tells it."""
    if score is None or score["value"] is None:
        return "-"
    if score["floor"] is None:
        return _value(score, unit)
    error = score["note"].partition("+- ")[2]
    return f"{_value(score, unit)} [{score['floor'] / unit:.2g}{' ± ' + error if error else ''}]"


def _value(score: dict[str, Any], unit: float) -> str:
    error = score["stderr"]
    small = not error or error < 5e-4 * abs(score["value"])
    return f"{score['value'] / unit:.3g}" + ("" if small else f" ± {error / unit:.1g}")
