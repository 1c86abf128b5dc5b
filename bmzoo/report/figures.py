"""All figures of a system, for the page and as files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

from bmzoo.evaluation.definitions import definition_of
from bmzoo.report.kinetics import Panel, autocorrelations, draw_panel, timescales
from bmzoo.report.lines import NAMES, Subject, draw_curves, make_curves
from bmzoo.report.markup import filterable, short, swatch
from bmzoo.report.pareto import draw_pareto
from bmzoo.report.source import Entry, Part, file_name
from bmzoo.report.surfaces import draw_confusion, draw_populations, draw_surface, populations, surface_of
from bmzoo.report.svg import LEVELS, Drawing

SHOWN = 8
"""Classes of one kind of term that are drawn: those with the most terms."""
SURFACES = {
    "landscape/phi_psi": ("φ / degrees", "ψ / degrees"),
    "landscape/tica": ("slowest component", "second component"),
}


@dataclass
class Figure:
    """A drawing, what it is called, and what stands below it."""

    file: str
    title: str
    drawing: Drawing
    score: str = ""
    description: str = ""
    chips: str = ""
    """HTML: a figure for every row."""
    attributes: str = ""
    """HTML attributes for the filters where the whole figure belongs to one row."""
    wide: bool = False

    def html(self) -> str:
        """``<figure>`` with the drawing inline."""
        link = ""
        if self.score and (found := definition_of(self.score)):
            link = f' <a href="#def-{found.key}" aria-label="definition of {escape(self.score)}">?</a>'
        cls = "row" if self.attributes else "span" if self.wide else ""
        chips = f'<span class="chips">{self.chips}</span>' if self.chips else ""
        return (
            f'<figure class="{cls}" {self.attributes}>'
            f"<figcaption><b>{escape(self.title)}</b>{link}</figcaption>"
            f"{self.drawing.inline(self.title, self.description)}{chips}</figure>"
        )


@dataclass
class Group:
    """Figures under one heading."""

    title: str
    text: str
    key: str = ""
    """HTML: what the colours mean, where they are not those of the rows."""
    figures: list[Figure] = field(default_factory=list)
    left_out: str = ""


def pareto(part: Part) -> Figure | None:
    """Cost against detectability."""
    drawing = draw_pareto(part)
    if drawing is None:
        return None
    said = "; ".join(
        f"{e.row.backend} {e.row.refine}: {short(e.score('detectability/c2st_auc'))} at "
        f"{short(e.seconds_per_frame)} s"
        for e in part.entries
    )
    return Figure(f"{part.key}/pareto", part.label, drawing, "detectability/c2st_auc", said)


def groups(part: Part) -> list[Group]:
    """The figures of a system by subject, empty groups left out."""
    names = list(dict.fromkeys(name for e in part.entries for name in e.histograms))
    lines = [Subject(n) for n in names if "landscape/" not in n]
    found = [
        _lines(part, "Structure", "distributions", lines),
        _lines(part, "Packing", "packing", lines),
        _lines(part, "Energies", "energetics", lines),
        _kinetics(part, [s for s in lines if s.logarithmic]),
        _landscape(part),
    ]
    return [group for group in found if group.figures]


LANDSCAPE = (
    "Free energy above the deepest bin; a colour each kT, the strongest deepest; bins are joined where "
    "frames are few. Where frames go: lines are basins of the reference frame, columns, in the same order, "
    "of the backmapped one, in percent of the line."
)
TEXTS = {
    "distributions": "Bonds, angles and dihedrals by the types of their atoms.",
    "packing": "Between molecules as g(r); within one, distances of atoms more than three bonds apart.",
    "energetics": "The reference's own force field.",
    "kinetics": (
        "From frames that follow one another. Timescales of the slowest processes of a Markov state model, "
        "the grey band the reference's standard error, bars those of the rows; what is below the lag time "
        "cannot be told. Displacement between frames over their interval, as it is and after superposing "
        "the molecules. How long dihedrals are remembered, the band between the reference's halves."
    ),
}


def _lines(part: Part, title: str, family: str, subjects: list[Subject]) -> Group:
    group = Group(title, TEXTS[family])
    kinds: dict[str, list[Subject]] = {}
    for subject in subjects:
        if subject.family == family:
            kinds.setdefault(subject.observable, []).append(subject)
    left_out = []
    # Bonds, often constrained, say least.
    for observable, members in sorted(kinds.items(), key=lambda kind: kind[0] == "bond"):
        members.sort(key=lambda s: -_terms(part, s))
        group.figures += [_histogram(part, subject) for subject in members[:SHOWN]]
        if len(members) > SHOWN:
            name = NAMES.get(observable, observable.replace("_", " "))
            left_out.append(f"{name}: {SHOWN} of {len(members)} kinds")
    if left_out:
        group.left_out = f"Shown are those with the most terms ({', '.join(left_out)}); the scores cover all."
    return group


def _kinetics(part: Part, velocities: list[Subject]) -> Group:
    found = [entry.histograms for entry in part.entries]
    group = _lines(part, "Kinetics", "kinetics", velocities)
    slow, memory = timescales(found), autocorrelations(found)
    group.figures = [
        *(_panel(part, panel) for panel in slow),
        *group.figures,
        *(_panel(part, panel) for panel in memory),
    ]
    return group


def _panel(part: Part, panel: Panel) -> Figure:
    scored = [(e, s) for e in part.entries if (s := e.row.scores.get(panel.score))]
    first = "does not outlive the lag time of the model"
    if scored:
        name = "reference" if panel.logarithmic else "difference, floor"
        first = f"{name} {short(scored[0][1]['floor'], 2)}"
    said = [first, *(f"{e.label} {_with_error(s)}" for e, s in scored)]
    chips = [
        f'<span class="chip row" {filterable(e)}>{swatch(e)}{escape(f"{e.name} {_with_error(s)}")}</span>'
        for e, s in scored
    ]
    return Figure(
        f"{part.key}/{_file(panel.score)}",
        panel.title,
        draw_panel(panel, part.entries),
        panel.score,
        f"{panel.axes[1]} over {panel.axes[0]}; {'; '.join(said)}",
        f'<span class="chip">{first}</span>' + "".join(chips),
    )


def _with_error(score: dict[str, Any]) -> str:
    """A value, and its standard error where it is known."""
    error = f" ± {short(score['stderr'], 1)}" if score["stderr"] else ""
    return f"{short(score['value'], 2)}{error} {score['unit']}".strip()


def _terms(part: Part, subject: Subject) -> int:
    return max((e.row.scores.get(subject.score, {}).get("n", 0) for e in part.entries), default=0)


def _histogram(part: Part, subject: Subject) -> Figure:
    entries = [e for e in part.entries if subject.name in e.histograms]
    curves = make_curves(subject, [e.histograms[subject.name] for e in entries])
    chips = [
        f'<span class="chip row" {filterable(e)}>{swatch(e)}{escape(_chip(e, subject, out))}</span>'
        for e, out in zip(entries, curves.outside, strict=True)
    ]
    floor = next((f for e in entries if (f := e.floor(subject.score)) is not None), None)
    said = [f"{e.row.backend} {e.row.refine} {short(e.score(subject.score), 2)}" for e in entries]
    measure = "Wasserstein-1 distance" if subject.measure == "W1" else "Jensen-Shannon divergence"
    description = f"{measure} from the reference: {', '.join(said)}; floor {short(floor, 2)}"
    drawing = draw_curves(subject, curves, entries)
    label = f'<span class="chip">{subject.measure} floor {short(floor, 2)}</span>'
    return Figure(
        f"{part.key}/{_file(subject.name)}",
        subject.title,
        drawing,
        subject.score,
        description,
        label + "".join(chips),
    )


def _chip(entry: Entry, subject: Subject, outside: float) -> str:
    text = f"{entry.name} {short(entry.score(subject.score), 2)}"
    if error := entry.row.scores.get(subject.score, {}).get("stderr"):
        text += f" ± {short(error, 1)}"
    return f"{text}, {100 * outside:.0f} % outside" if outside > 0.005 else text


def _file(name: str) -> str:
    return file_name(name.split("/", 1)[1])


def _landscape(part: Part) -> Group:
    group = Group("Surfaces", LANDSCAPE, _levels_key())
    for name, axes in SURFACES.items():
        group.figures += list(_surfaces(part, name, axes))
    if found := populations(part):
        rows = [("reference", found.reference), *((e.label, shares) for e, shares, _ in found.rows)]
        said = "; ".join(
            f"{label}: " + ", ".join(f"{name} {shares[k]:.2f}" for name, shares in rows)
            for k, label in enumerate(found.labels)
        )
        drawing = draw_populations(found)
        figure = Figure(f"{part.key}/populations", f"populations of {found.title}", drawing, "", said)
        figure.score, figure.wide = "landscape/populations", True
        figure.chips = "".join(
            f'<span class="chip row" {filterable(e)}>{swatch(e)}{escape(e.name)}</span>'
            for e, _, _ in found.rows
        )
        group.figures.append(figure)
        group.figures += list(_confusions(part, found.labels))
    return group


def _levels_key() -> str:
    names = [f"{k} to {k + 1} kT" for k in range(LEVELS - 1)] + [f"above {LEVELS - 1} kT"]
    items = "".join(f'<li><i class="swatch level h{k}"></i>{name}</li>' for k, name in enumerate(names))
    return f'<ul class="legend">{items}</ul>'


def _surfaces(part: Part, name: str, axes: tuple[str, str]) -> Iterator[Figure]:
    score = f"{name}_jsd"
    first = True
    for entry in part.entries:
        found = surface_of(name, entry)
        if found is None:
            continue
        reference, generated, edges = found
        base = f"{part.key}/{_file(name)}"
        said = "free-energy surface of the reference"
        if first:
            yield Figure(f"{base}-reference", "reference", draw_surface(reference, edges, axes), score, said)
            first = False
        drawing = draw_surface(generated, edges, axes)
        said = f"JSD {short(entry.score(score), 2)}, floor {short(entry.floor(score), 2)}"
        file = f"{base}-{file_name(f'{entry.row.backend}-{entry.row.refine}')}"
        yield Figure(
            file, entry.label, drawing, score, said, f'<span class="chip">{said}</span>', filterable(entry)
        )


def _confusions(part: Part, labels: list[str]) -> Iterator[Figure]:
    for entry in part.entries:
        for name in ("landscape/basin_confusion", "landscape/cluster_confusion"):
            found = entry.histograms.get(name)
            if found is None:
                continue
            score = name.replace("confusion", "agreement")
            said = f"{100 * (entry.score(score) or 0.0):.0f} % stay in their own"
            file = f"{part.key}/{_file(name)}-{file_name(f'{entry.row.backend}-{entry.row.refine}')}"
            title = f"where frames go: {entry.label}"
            drawing = draw_confusion(found["counts"], labels)
            chip = f'<span class="chip">{said}</span>'
            yield Figure(file, title, drawing, score, said, chip, filterable(entry))
