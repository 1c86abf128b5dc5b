"""bmzoo: a model zoo for backmapping coarse-grained simulations.

>>> import bmzoo
>>> system = bmzoo.load_system("sps:568K")
>>> universe = bmzoo.backmap("melt_cg.xtc", system="sps", backend="fragments")

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "load_system": "bmzoo.systems",
    "load_backmapper": "bmzoo.target",
    "backmap": "bmzoo.api",
    "benchmark": "bmzoo.api",
    "evaluate": "bmzoo.api",
    "Backmapper": "bmzoo.backends.backmapper",
    "Topology": "bmzoo.molecules.topology",
    "InputError": "bmzoo.errors",
}

__all__ = [
    "Backmapper",
    "InputError",
    "Topology",
    "__version__",
    "backmap",
    "benchmark",
    "evaluate",
    "load_backmapper",
    "load_system",
]

if TYPE_CHECKING:
    from bmzoo.api import backmap, benchmark, evaluate
    from bmzoo.backends.backmapper import Backmapper
    from bmzoo.errors import InputError
    from bmzoo.molecules.topology import Topology
    from bmzoo.systems import load_system
    from bmzoo.target import load_backmapper


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'bmzoo' has no attribute '{name}'")


def __dir__() -> list[str]:
    return list(__all__)
