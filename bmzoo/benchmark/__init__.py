"""The benchmark."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import bmzoo


class _Package(ModuleType):
    """``bmzoo.benchmark`` is a function, until an import puts this package in its place."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return bmzoo.__getattr__("benchmark")(*args, **kwargs)


sys.modules[__name__].__class__ = _Package
