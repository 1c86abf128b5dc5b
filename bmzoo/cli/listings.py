"""``bmzoo systems``, ``bmzoo backends`` and ``bmzoo check-backend``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bmzoo.cli.console import JsonOption, print_json, print_table


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(systems)
    app.command()(backends)
    app.command("check-backend")(check_backend)


def systems(as_json: JsonOption = False) -> None:
    """List the systems, their states and their embedded reference frames."""
    from bmzoo.systems import NAMES, load_system, system_states

    found: list[dict[str, Any]] = []
    for name in NAMES:
        for state in system_states(name):
            system = load_system(f"{name}:{state}")
            reference = system.reference
            splits = {s: reference.n_frames(s) for s in reference.splits} if reference else {}
            found.append(
                {
                    "system": name,
                    "state": state,
                    "title": system.title,
                    "atoms": system.topology.n_atoms,
                    "beads": system.topology.n_beads,
                    "temperature": system.topology.temperature,
                    "frames": splits,
                }
            )
    if as_json:
        print_json(found)
        return
    rows = [
        [
            f"{s['system']}:{s['state']}",
            str(s["title"]),
            str(s["atoms"]),
            str(s["beads"]),
            ", ".join(f"{split} {n}" for split, n in s["frames"].items()) or "none (bring your own: --data)",
        ]
        for s in found
    ]
    print_table("systems", ["system", "what", "atoms", "beads", "embedded frames"], rows)


def backends(as_json: JsonOption = False) -> None:
    """List the backends, ours and installed ones, and what each can do."""
    from dataclasses import asdict

    from bmzoo.backends.registry import backend_names, get_backend

    found = [{"backend": name, **asdict(get_backend(name).capabilities)} for name in backend_names()]
    if as_json:
        print_json(found)
        return
    flags = ("periodic", "temporal", "generative", "transferable", "equivariant", "likelihood")
    rows = [
        [str(b["backend"]), str(b["fitting"]), *("yes" if b[flag] else "-" for flag in flags)] for b in found
    ]
    print_table("backends", ["backend", "learns from", *flags], rows)


def check_backend(
    name: Annotated[str, typer.Argument(help="A backend, yours too: see 'bmzoo backends'.")],
    as_json: JsonOption = False,
) -> None:
    """Check a backend against what every backend owes its users."""
    from bmzoo.testing.conformance import check_backend as check

    report = check(name)
    if as_json:
        print_json(report.as_dict())
    else:
        for line in report.lines():
            typer.echo(line)
    if not report.passed:
        raise typer.Exit(1)
