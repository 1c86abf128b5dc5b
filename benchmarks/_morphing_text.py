"""Tables of the chapter on morphing from its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from _chains import text
from _common import provenance_line, table

Row = Mapping[str, Any]
LOCAL = {
    "bonds JSD": "bond JSD",
    "angles JSD": "angle JSD",
    "dihedrals JSD": "dihedral JSD",
    "g(r)": "g(r) off by",
    "overstretched": "overstretched, of 1000 bonds",
    "too near": "too near, of 1000 beads",
    "second peak": "second peak of the bonds",
    "short bonds %": "bonds below the border, %",
    "CPU s/frame": "CPU s a frame",
}
SIZES = {
    "end-to-end nm": "end-to-end nm",
    "Rg nm": "Rg nm",
    "contour nm": "contour nm",
    "Kuhn nm": "Kuhn length nm",
}
MAPS = {
    "map JSD": "all around: map JSD",
    "map, clusters": "clusters",
    "chain map JSD": "own chain: map JSD",
    "chain map, clusters": "clusters of it",
}
MOVED = ("end-to-end nm", "Rg nm")
RESCALED = ", rescaled"


def morphing_text(found: dict[str, Any]) -> str:
    """All tables of a JSON file, and its provenance, in markdown."""
    parts = []
    if rows := found.get("morphing", {}).get("rows"):
        parts += [_chosen(rows, "chains", LOCAL), _sizes(rows)]
        if any("map JSD" in r for r in rows):
            parts.append(_maps(rows))
    if rows := found.get("backmapping", {}).get("rows"):
        columns = {key: key for r in rows for key in r if key not in ("beads", *MAPS)}
        parts.append(_chosen(rows, "beads", columns))
    return "\n\n".join([*parts, f"{found['source']}. {provenance_line(found)}"])


def _chosen(rows: Sequence[Row], first: str, columns: Mapping[str, str]) -> str:
    """Columns of which any row has a value."""
    known = {key: label for key, label in columns.items() if any(r.get(key) is not None for r in rows)}
    cells = [[str(r[first]), *(_short(r.get(key)) for key in known)] for r in rows]
    return table([first, *known.values()], cells)


def _sizes(rows: Sequence[Row]) -> str:
    """Sizes of chains, and by how much they are other than before morphing."""
    before = next((r for r in rows if str(r["chains"]).endswith(RESCALED)), None)
    header = ["chains", *SIZES.values(), *(f"{key.removesuffix(' nm')} moved, %" for key in MOVED)]
    cells = []
    for r in rows:
        if str(r["chains"]).startswith("target,"):
            continue
        base = None if r["chains"] == "target" else before
        moved = ["" if base is None or base is r else f"{100 * (r[k] / base[k] - 1):+.2f}" for k in MOVED]
        cells.append([str(r["chains"]), *(_short(r[key]) for key in SIZES), *moved])
    return table(header, cells)


def _maps(rows: Sequence[Row]) -> str:
    """Divergences of local environments, the floor first."""
    known = [r for r in rows if r.get("map JSD") is not None]
    # the target against itself is compared by halves
    cells = [[str(r["chains"]), *(_short(r.get(key)) for key in MAPS)] for r in known]
    cells[0][0] = "target, halves (floor)"
    return table(["chains", *MAPS.values()], cells)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else text(value)
