"""The systems of the papers: chemistry, mapping, states, embedded reference frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bmzoo.errors import InputError, unknown

if TYPE_CHECKING:
    from bmzoo.systems.system import System

NAMES = ("sps", "octane", "cumene", "adp", "cln", "kg", "fritz", "blobs", "tcs")
"""Every module here with ``STATES``, ``TITLE`` and ``load(state)``."""


def load_system(name: str, *, data: str | Path | None = None) -> System:
    """Loads a system by name, optionally in one of its states.

    Args:
        name: ``"sps"`` (its first state) or ``"sps:313K"``.
        data: folder of reference frames to use instead of the embedded ones.

    Raises:
        InputError: unknown system or state, or no reference data in ``data``.
    """
    from bmzoo.systems.reference import Reference

    base, _, state = name.partition(":")
    if base not in NAMES:
        raise unknown("system", base, NAMES)
    module = import_module(f"bmzoo.systems.{base}")
    system: System = module.load(state or None)
    if data is None:
        return system
    reference = Reference(Path(data))
    recorded = reference.provenance.get("system")
    if recorded not in (None, base):
        raise InputError(f"the reference data in {data} is of system '{recorded}', not of '{base}'")
    return replace(system, reference=reference)


def system_states(name: str) -> Sequence[str]:
    """The states of a system, the default one first."""
    if name not in NAMES:
        raise unknown("system", name, NAMES)
    states: Sequence[str] = tuple(import_module(f"bmzoo.systems.{name}").STATES)
    return states
