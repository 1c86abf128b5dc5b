"""What ``bmzoo train`` reads: which backend, which molecules, how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from bmzoo.backends.backmapper import Backmapper
from bmzoo.backends.config import build_config
from bmzoo.backends.registry import get_backend
from bmzoo.errors import InputError
from bmzoo.training.config import TrainingConfig


class RunConfig(BaseModel):
    """One training: systems of the zoo, or one molecule described by files."""

    model_config = ConfigDict(extra="forbid")

    backend: str = Field("", description="as listed by 'bmzoo backends'")
    system: str | list[str] | None = Field(None, description="name, with a state where wanted; or several")
    data: str | list[str] | None = Field(
        None, description="folder of reference frames instead of the embedded ones, one a system"
    )
    topology: str | list[str] | None = Field(None, description="files of your own molecule")
    mapping: str | list[str | None] | None = Field(
        None, description="its mapping; of systems: others than their own, one each, or null"
    )
    reference: str | None = Field(None, description="its atomistic trajectory")
    temperature: float | None = Field(None, gt=0, description="kelvin, of your own molecule")
    cutoff: float | None = Field(None, gt=0, description="nm, of your own force field in a box")
    scale: float = Field(
        1.0,
        gt=0,
        le=10,
        description="lengths are multiplied by this for the networks, whose settings are lengths of atoms; "
        "for systems of beads",
    )
    seed: int = Field(0, ge=0)
    training: TrainingConfig = Field(default_factory=lambda: TrainingConfig.model_validate({}))
    settings: Any = Field(default_factory=dict, description="the backend's own")

    @property
    def systems(self) -> list[str]:
        return _listed(self.system)

    @property
    def folders(self) -> list[str | None]:
        """Reference folder of every system."""
        return self._one_each("data", "folders", self.data)

    @property
    def mappings(self) -> list[str | None]:
        """Mapping of every system where it is not its own."""
        return self._one_each("mapping", "mappings", self.mapping)

    def _one_each(self, key: str, what: str, given: Any) -> list[str | None]:
        found = _listed(given) or [None] * len(self.systems)
        if len(found) != len(self.systems):
            raise InputError(f"'{key}' names {len(found)} {what} for {len(self.systems)} systems")
        return found


def read_run_config(
    source: BaseModel | Mapping[str, Any] | str | Path, settings: Iterable[str] = ()
) -> tuple[type[Backmapper], RunConfig]:
    """The backend's class, and the configuration with ``settings`` checked by the backend's ``Config``.

    Raises:
        InputError: no such file, unknown keys (the nearest is named), values out of bounds, a backend
            that is not trained, or a choice of molecules that is none.
    """
    settings = list(settings)
    name = build_config(RunConfig, source, settings).backend
    if not name:
        raise InputError(f"{_where(source)} names no backend; add 'backend: NAME', see 'bmzoo backends'")
    backend = get_backend(name)
    fitting = backend.capabilities.fitting
    if fitting != "gradient":
        learns = "needs no training" if fitting == "none" else "learns from its library when it is loaded"
        raise InputError(f"backend '{name}' {learns}; use it directly with 'bmzoo backmap --backend {name}'")
    config = build_config(_run_config_for(backend), source, settings)
    _check_molecules(config, backend, _where(source))
    return backend, config


def _run_config_for(backend: type[Backmapper]) -> type[RunConfig]:
    default = Field(default_factory=backend.Config)
    return create_model("RunConfig", __base__=RunConfig, settings=(backend.Config, default))


def _check_molecules(config: RunConfig, backend: type[Backmapper], where: str) -> None:
    own = {"topology": config.topology, "mapping": config.mapping, "reference": config.reference}
    given = [key for key, value in own.items() if value]
    if config.systems and set(given) - {"mapping"}:
        raise InputError(f"{where}: give either 'system' or your own files ({', '.join(own)}), not both")
    if not config.systems and not isinstance(config.mapping, str | None):
        raise InputError(f"{where}: your own molecule has one 'mapping'; a list belongs to 'system'")
    if not config.systems and len(given) < len(own):
        missing = ", ".join(key for key in own if key not in given)
        raise InputError(f"{where}: say what to train on: 'system', or your own files (missing: {missing})")
    if not config.systems and config.data:
        raise InputError(f"{where}: 'data' belongs to a 'system'; your own frames go into 'reference'")
    if len(config.systems) > 1 and not backend.capabilities.transferable:
        raise InputError(
            f"{where}: backend '{backend.name}' is made for one molecule and cannot train on "
            f"{len(config.systems)} systems; name one"
        )


def _where(source: Any) -> str:
    return str(source) if isinstance(source, str | Path) else "the configuration"


def _listed(value: Any) -> list[Any]:
    return [] if value is None else [value] if isinstance(value, str) else value
