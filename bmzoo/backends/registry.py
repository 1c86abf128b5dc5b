"""Backends by name; nothing is imported before it is asked for."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.resources import files

from bmzoo.backends.backmapper import Backmapper, Capabilities
from bmzoo.errors import InputError, unknown

GROUP = "bmzoo.backends"
"""Entry-point group in which any installed package may offer backends."""

BUILT_IN = {
    "geometric": "bmzoo.backends.geometric.model:Geometric",
    "fragments": "bmzoo.backends.fragments.model:Fragments",
    "voxel_gan": "bmzoo.backends.voxel_gan.model:VoxelGAN",
    "equivariant": "bmzoo.backends.equivariant.model:Equivariant",
    "temporal_cvae": "bmzoo.backends.temporal_cvae.model:TemporalCVAE",
    "morphing": "bmzoo.backends.morphing.model:Morphing",
}
"""What a plain checkout offers, where no package metadata is installed."""

REQUIRED = {
    "name": "the name that users type",
    "capabilities": "a bmzoo.backends.backmapper.Capabilities",
    "Config": "a pydantic model with a default for every field",
}


@dataclass(frozen=True)
class Description:
    """What a user wants to know before choosing a backend."""

    name: str
    summary: str
    card: str
    capabilities: Capabilities
    target: str


@cache
def _targets() -> dict[str, str]:
    installed = {point.name: point.value for point in entry_points(group=GROUP)}
    return installed | BUILT_IN


def refresh() -> None:
    """Looks for entry points again, after a package was installed or ``sys.path`` changed."""
    _targets.cache_clear()


def backend_names() -> tuple[str, ...]:
    """Names of all installed backends: the built-in ones first, others by name."""
    targets = _targets()
    return (*BUILT_IN, *sorted(set(targets) - set(BUILT_IN)))


def get_backend(name: str) -> type[Backmapper]:
    """The class of a backend.

    Raises:
        InputError: unknown name (the nearest is named), a backend that cannot be imported,
            or a class that does not implement the interface.
    """
    targets = _targets()
    if name not in targets:
        raise unknown("backend", name, backend_names())
    module, _, attribute = targets[name].partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"backend '{name}' cannot be loaded from {targets[name]} ({error}); "
            "repair or remove the package that provides it"
        ) from error
    check_class(found, name)
    return found


def describe(name: str) -> Description:
    """Card and capabilities of a backend; the card is ``card.md`` beside its module."""
    backend = get_backend(name)
    try:
        card = files(backend.__module__.rpartition(".")[0] or backend.__module__) / "card.md"
        text = card.read_text(encoding="utf-8")
    except (OSError, TypeError, ModuleNotFoundError):
        text = inspect.getdoc(backend) or ""
    return Description(name, _summary(text), text, backend.capabilities, _targets()[name])


def check_class(backend: object, name: str) -> None:
    """Refuses a class that does not implement the interface, naming what is missing.

    Raises:
        InputError: with one sentence about the first thing that is missing.
    """
    where = f"backend '{name}' ({getattr(backend, '__qualname__', backend)})"
    if not (isinstance(backend, type) and issubclass(backend, Backmapper)):
        raise InputError(f"{where} is no subclass of bmzoo.Backmapper; derive it from that class")
    for attribute, meaning in REQUIRED.items():
        if not hasattr(backend, attribute):
            raise InputError(f"{where} has no class attribute '{attribute}'; set it to {meaning}")
    if missing := sorted(getattr(backend, "__abstractmethods__", ())):
        raise InputError(f"{where} does not implement {', '.join(missing)}(); see bmzoo.Backmapper")
    if backend.name != name:
        raise InputError(f"{where} calls itself '{backend.name}'; use one name in class and entry point")
    if backend.capabilities.fitting == "library" and backend.fit is Backmapper.fit:
        raise InputError(f"{where} says fitting='library' but does not implement fit(); see bmzoo.Backmapper")


def _summary(card: str) -> str:
    """First line of text that is no heading."""
    lines = (line.strip() for line in card.splitlines())
    return next((line for line in lines if line and not line.startswith(("#", "|", "---"))), "")
