"""Octane, CH3-(CH2)6-CH3: half of what polystyrene is learned from in the transfer experiment."""

from __future__ import annotations

from functools import partial

from bmzoo.systems.liquid import STATES, load_liquid

__all__ = ["STATES", "TITLE", "load"]

TITLE = "Octane"
load = partial(load_liquid, "octane", TITLE)
