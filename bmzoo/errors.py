"""The one exception that means: the user's input is at fault."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: one clear sentence saying what, where, and what to do.

    Commands print it without a traceback and exit with code 2.
    """


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that does not exist, with the nearest one that does."""
    options = sorted(known)
    near = difflib.get_close_matches(name.lower(), [o.lower() for o in options], n=1, cutoff=0.5)
    hint = next((f"; did you mean '{o}'?" for o in options if near and o.lower() == near[0]), "")
    return InputError(f"unknown {kind} '{name}'{hint} (known: {', '.join(options) or 'none'})")
