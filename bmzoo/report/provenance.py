"""Machine, seeds, versions, commands; and what did not go as planned."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import fields
from html import escape

from bmzoo.benchmark.plan import Settings
from bmzoo.benchmark.results import Results, place
from bmzoo.report.source import Source

OPTIONS = (
    "systems",
    "backends",
    "frames",
    "samples",
    "refine",
    "test_sets",
    "data",
    "split",
    "weights",
    "device",
    "seed",
)


def provenance(source: Source) -> str:
    """The last section of the page."""
    results = source.results
    machine = dict(results.machine)
    versions = machine.pop("versions", {})
    facts = {
        "created": results.created,
        "bmzoo": results.bmzoo,
        "seed": results.settings.get("seed", 0),
        **{name.replace("_", " ").replace("memory gb", "memory / GB"): v for name, v in machine.items()},
        **versions,
    }
    return (
        _facts(facts)
        + "<h3>Again</h3><p>The same frames and, but for the times, the same scores:</p>"
        + f"<pre>{escape(command(results))}</pre>"
        + f"<p>This page from the results: <code>bmzoo report {escape(_name(source))}</code>. "
        + "Two runs side by side: <code>bmzoo compare A/results.json B/results.json</code>. "
        + "The figures lie in <code>figures/</code> as SVG files.</p>"
        + _listed("Weights", _weights(results))
        + _listed("Left out", _skipped(results))
        + _listed("Frames that did not relax and were kept raw", _failed(results))
        + _listed("Worst frames", _worst(results))
        + _listed("Notes", _notes(results))
    )


def command(results: Results, *, brief: bool = False, **changes: object) -> str:
    """The command that makes the same benchmark, or one with other settings.

    Args:
        results: of the benchmark.
        brief: without what is so by default.
        changes: settings by name.
    """
    words, settings = ["bmzoo", "benchmark"], results.settings | changes
    defaults = {part.name: _text(part.default) for part in fields(Settings)} if brief else {}
    for option in OPTIONS:
        value = settings.get(option)
        if value is None or value == "" or _text(value) == defaults.get(option):
            continue
        text = _text(value)
        words += [f"--{option.replace('_', '-')}", text]
    words += ["--consecutive"] if settings.get("consecutive") else []
    for change in settings.get("changes") or ():
        words += ["--set", str(change)]
    return shlex.join(words)


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _name(source: Source) -> str:
    return source.folder.resolve().name


def _facts(facts: dict[str, object]) -> str:
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in facts.items()
    )
    return f'<dl class="facts">{items}</dl>'


def _listed(title: str, items: Iterable[str]) -> str:
    rows = "".join(f"<li>{escape(item)}</li>" for item in dict.fromkeys(items))
    if not rows:
        return ""
    return f"<details><summary>{title} ({rows.count('<li>')})</summary><ul>{rows}</ul></details>"


def _weights(results: Results) -> list[str]:
    return [f"{r.place} {r.backend}: {r.weights}" for r in results.rows if r.weights]


def _skipped(results: Results) -> list[str]:
    return [
        f"{place(s['system'], s['state'], s.get('test_set', ''))} {s.get('backend', '')}: {s['reason']}"
        for s in results.skipped
    ]


def _failed(results: Results) -> list[str]:
    return [f"{r.place} {r.backend} {r.refine}: {f}" for r in results.rows for f in r.failed_frames]


def _worst(results: Results) -> list[str]:
    return [
        f"{r.place} {r.backend} {r.refine}: {score}: {text}"
        for r in results.rows
        for score, text in r.worst.items()
    ]


def _notes(results: Results) -> list[str]:
    return [f"{r.place} {r.backend} {r.refine}: {note}" for r in results.rows for note in r.notes]
