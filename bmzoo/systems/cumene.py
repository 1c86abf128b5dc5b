"""Cumene, C6H5-CH(CH3)2: the other half of what polystyrene is learned from in the transfer experiment."""

from __future__ import annotations

from functools import partial

from bmzoo.systems.liquid import STATES, load_liquid

__all__ = ["STATES", "TITLE", "load"]

TITLE = "Cumene"
load = partial(load_liquid, "cumene", TITLE)
