"""The chapter on morphing: a top-down model before and after, and atoms put back to either.

    python benchmarks/morphing.py tcs [--data FOLDER] [--s 2,3] [--generators NAME,NAME=FOLDER] [--map]
    python benchmarks/morphing.py kg --published ../shared/data/fritz/cg_AB --parts morphing

``tcs``: the Martini model of tetracosane and the atomistic liquid, projected onto six beads. ``kg``: the
Kremer-Grest melt and polystyrene of two beads a monomer, as blobs of three monomers. Nothing pairs: all
scores compare ensembles.

``morphing``: beads before and after, every s and scheme. Divergences are Jensen-Shannon, base 2, 60 bins over
both samples; g(r) is the mean absolute difference, to 1.5 nm (tcs) or 2 nm (kg), without neighbours up to two
bonds apart; ``overstretched`` are bonds longer than the target's longest per 1000 bonds, ``too near``
non-bonded pairs nearer than the target's nearest per 1000 beads. The distribution of bond lengths has a
``second peak`` where it has a peak on either side of the lowest place between the two most prominent ones of
all frames of the target; ``short bonds %`` is what lies below that place. Peaks are those of 60 bins over
99 % of the target, under a Gaussian of 1.5 bins, 2.5 standard errors above the saddle to a higher one.
With --map local environments are compared, too: SOAP of every bead with all that is around it, and with its
own chain only; a sketch-map and clusters fitted to the target alone. ``target, ...`` is the target itself,
merged and put back: what is wrong there is the generator's doing. ``... ps`` is the simplest thing that
could work, no morphing: with --relax the rescaled beads run so long with potentials that 'bmzoo data invert'
made of the target's beads.

``backmapping``: the same beads (as given, rescaled, morphed) with atoms put back by every backend, raw and
refined, against the target's held-out frames: what the evaluation says of the carbon chain, packing and
overlaps (tcs), or, of beads of the finer model, the same as above (kg). CPU seconds are those of both steps.

Generators are ``shipped`` (the weights of morphing that come with bmzoo), NAME or NAME=FOLDER, where {s}
becomes s; backends NAME or NAME=FOLDER. Writes NAME.json (NAME-PART.json
of one part) and figures into --output.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import _figures as figures
from _chains import Surface, Yardstick, text
from _common import provenance, provenance_line, set_threads, table, weights_label, write_json
from _judges import Atoms, Beads
from _models import MODELS, Sides, load
from _relaxed import relaxed
from _scoring import refined
from _sources import Made, names

from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.loading import load_backmapper
from bmzoo.backends.registry import get_backend
from bmzoo.errors import InputError
from bmzoo.frames.datasets import pairs
from bmzoo.frames.frame import Frame

Row = dict[str, Any]
PARTS = ("morphing", "backmapping")
SHIPPED = "shipped"
"""The weights of morphing that come with bmzoo, and their generator."""


def beads_of_all(sides: Sides, options: argparse.Namespace) -> tuple[dict[str, Made], dict[str, Made]]:
    """Beads as given, at the target's density, and morphed: by what was done to them; and the target's
    own beads, morphed: all that is wrong with these is the generator's doing."""
    title = sides.models.title
    made = {} if sides.models.reduced else {title: Made(sides.given)}
    made[f"{title}, rescaled"] = Made(sides.scaled)
    for length in names(options.relax_ps) if options.relax else ():
        name = f"{title}, rescaled, {length} ps"
        made[name] = relaxed(sides.scaled, sides.beads, options.relax, float(length), options.seed)
        _say(name, made[name])
    controls = {}
    chosen = product(names(options.generators), names(options.schemes), names(options.s))
    for generator, scheme, s in chosen:
        model = _morphing(sides, generator, scheme, s, options)
        if model is None:
            continue
        name = f"{generator.partition('=')[0]}, scheme {scheme}, s={s}"
        made[name] = _timed(model, sides.given, options.seed)
        _say(name, made[name])
        if "morphing" in options.parts:
            own = sides.beads_held_out[: options.frames]
            controls[f"target, {name}"] = _timed(model, own, options.seed)
    return made, controls


def _morphing(
    sides: Sides, generator: str, scheme: str, s: str, options: argparse.Namespace
) -> Backmapper | None:
    """Morphing with a generator; nothing where it draws all beads at once and cannot do scheme B."""
    settings = [f"s={s}", f"scheme={scheme}"]
    if generator == SHIPPED:
        if scheme == "B":
            return None
        return load_backmapper("morphing", sides.beads, settings=[*settings, *options.settings])
    name, _, weights = generator.partition("=")
    if scheme == "B" and get_backend(name).redraw is Backmapper.redraw:
        return None
    settings.append(f"generator={name}")
    if name == "fragments":
        settings.append(f"settings.width={sides.models.widths[0]}")
    if weights:
        settings.append(f"weights={weights.replace('{s}', s)}")
    library = pairs(sides.beads_of_library, sides.beads.mapping)
    settings += options.settings
    return load_backmapper("morphing", sides.beads, settings=settings, library=library, seed=options.seed)


def compare_beads(sides: Sides, made: dict[str, Made], options: argparse.Namespace) -> list[Row]:
    """A row for the target, its floor, and everything made."""
    target = sides.beads_held_out
    others = sides.beads_of_library if sides.library is not sides.held_out else ()
    yardstick = Yardstick(target, sides.beads, sides.models.pairs, others=others)
    surfaces = [Surface.of(target, sides.beads, options, around) for around in (True, False) if options.map]

    def row(name: str, source: Made) -> Row:
        found: Row = {"chains": name, **yardstick(source.frames)}
        for surface in surfaces:
            found |= surface(source.frames)
        return found | {"CPU s/frame": source.cpu_seconds}

    rows = [row("target", Made(target)), {"chains": "target, halves", **yardstick.floor(target)}]
    rows += [row(name, source) for name, source in made.items()]
    if options.output:
        shown = {"reference": target, **{name: source.frames for name, source in made.items()}}
        _draw_beads(options.output / f"{options.models}-beads.svg", yardstick, shown, sides.target.title)
    return rows


def compare_atoms(
    sides: Sides, made: dict[str, Made], options: argparse.Namespace
) -> tuple[list[Row], list[Row], list[str]]:
    """Rows of a table, all scores, and notes: every backend and refinement on all beads."""
    judge: Atoms | Beads = Atoms(sides, options) if sides.topology.force_field else Beads(sides)
    rows, records, notes = [], [], []
    for name in names(options.backends):
        backend, _, weights = name.partition("=")
        settings = list(options.fine_settings)
        width = sides.models.widths[1]
        if backend == "fragments" and width is not None:
            settings = [f"width={width}", *settings]
        model = load_backmapper(
            backend,
            sides.topology,
            weights=weights or None,
            settings=settings,
            library=pairs(sides.library, sides.topology.mapping),
            system=sides.target.name,
            state=sides.target.state,
            seed=options.seed,
        )
        for what, source in made.items():
            raw = _timed(model, source.frames, options.seed)
            for how in names(options.refine) if sides.topology.force_field else ("none",):
                began = time.process_time()
                frames, said = refined(
                    sides.topology, raw.frames, source.frames, how, threads=options.threads, seed=options.seed
                )
                refining = (time.process_time() - began) / len(frames)
                cpu = (source.cpu_seconds or 0.0) + (raw.cpu_seconds or 0.0) + refining
                row, record = judge(what, Made(frames, cpu), source.frames)
                key = {"beads": what, "backend": backend, "refinement": how}
                rows.append({**key, **row, "CPU s/frame": cpu})
                records.append({**key, **record, "cpu_seconds": cpu})
                notes += [f"{what}, {backend}, {how}: {note}" for note in said]
                _say(f"{what}, {backend}, {how}", Made(frames, cpu))
    rows.append({"beads": "reference (floor)", **judge.floors})
    judge.draw(options)
    return rows, records, list(dict.fromkeys([*judge.notes, *notes]))


def _draw_beads(path: Path, yardstick: Yardstick, shown: dict[str, list[Frame]], title: str) -> None:
    curves = {name: yardstick.curves(frames) for name, frames in shown.items()}
    units = {"bonds": "nm", "angles": "degrees", "dihedrals": "degrees", "g(r)": "nm"}
    found = [
        figures.Panel(what, unit, {name: [(*of[what], None)] for name, of in curves.items()})
        for what, unit in units.items()
    ]
    figures.panels(path, found, f"{title}: beads")


def _timed(model: Backmapper, beads: Sequence[Frame], seed: int) -> Made:
    began = time.process_time()
    frames = list(model.backmap(beads, seed=seed))
    return Made(frames, (time.process_time() - began) / len(frames))


def _say(what: str, made: Made) -> None:
    print(f"{what}: {made.cpu_seconds:.3g} CPU s a frame", file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> None:
    """Both parts; numbers are written after each, tables are printed."""
    options.threads = set_threads(options.threads)
    parts = names(options.parts)
    if not set(parts) <= set(PARTS):
        raise InputError(f"there is no part '{options.parts}'; the parts are {', '.join(PARTS)}")
    sides = load(options.models, options)
    options.s = options.s or sides.models.s
    made, controls = beads_of_all(sides, options)
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}
    found: dict[str, Any] = {"experiment": "morphing", "settings": settings, "source": sides.source}
    found |= provenance(seed=options.seed, threads=options.threads, weights=_weights(sides, options))

    def report(part: str, rows: list[Row], **more: Any) -> None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        print(f"{table(columns, [[text(row.get(key)) for key in columns] for row in rows])}\n")
        found[part] = {"rows": rows, **more}
        if options.output:
            name = options.models if len(parts) > 1 else f"{options.models}-{part}"
            write_json(options.output / f"{name}.json", found)

    if "morphing" in parts:
        report("morphing", compare_beads(sides, {**made, **controls}, options))
    if "backmapping" in parts:
        rows, records, notes = compare_atoms(sides, made, options)
        report("backmapping", rows, records=records, notes=notes)
        print("\n".join(notes))
    print(f"{sides.source}. {provenance_line(found)}")


def _weights(sides: Sides, options: argparse.Namespace) -> str:
    """What networks beads and atoms come from."""
    found = [f"generator {name}" for name in names(options.generators) if name != "fragments"]
    if "backmapping" not in options.parts:
        return ", ".join(found) or "none"
    for name in names(options.backends):
        backend, _, folder = name.partition("=")
        found.append(f"{backend} {weights_label(backend, folder or None, sides.target)}")
    return ", ".join(found)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", choices=tuple(MODELS))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--source", type=Path, help="reference folder of the top-down model")
    parser.add_argument("--data", type=Path, help="reference folder of the target")
    parser.add_argument("--published", type=Path, help="kg: folder of gro files, two beads a monomer")
    parser.add_argument("--frames", type=int, default=12, help="of the top-down model (default %(default)s)")
    parser.add_argument("--s", help="beads merged into one; default: all of the chapter")
    parser.add_argument("--schemes", default="A,B", help="B: generators that draw bead after bead only")
    parser.add_argument("--generators", default="shipped,fragments", help="shipped, NAME or NAME=FOLDER")
    parser.add_argument("--set", action="append", default=[], dest="settings", help="of morphing")
    parser.add_argument("--backends", default="fragments", help="that put atoms back, NAME or NAME=WEIGHTS")
    parser.add_argument("--set-fine", action="append", default=[], dest="fine_settings", help="of these")
    parser.add_argument("--refine", default="none,thermalise")
    parser.add_argument("--relax", type=Path, metavar="MODEL", help="potentials of the target's beads")
    parser.add_argument("--relax-ps", default="0.5,2", help="ps of the runs with them (default %(default)s)")
    parser.add_argument("--map", action="store_true", help="compare local environments")
    parser.add_argument("--landmarks", type=int, default=100)
    parser.add_argument("--clusters", type=int, help="by default chosen by the silhouette")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="folder of numbers and figures")
    try:
        run(parser.parse_args(arguments))
    except InputError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
