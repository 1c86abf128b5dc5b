"""Configuration in three layers: defaults, a YAML file, ``--set a.b=c``; pydantic checks the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from bmzoo.errors import InputError, unknown
from bmzoo.molecules.formats.text import read_text
from bmzoo.molecules.formats.yaml_text import load_yaml

Model = TypeVar("Model", bound=BaseModel)


def build_config(
    model: type[Model],
    source: BaseModel | Mapping[str, Any] | str | Path | None = None,
    settings: Iterable[str] = (),
) -> Model:
    """A validated configuration.

    Args:
        model: the backend's ``Config``.
        source: second layer: a YAML file, a mapping, or a model made before.
        settings: third layer: ``a.b=c``, with ``c`` read as a YAML value.

    Raises:
        InputError: unreadable file, unknown key (the nearest is named), value out of bounds.
    """
    where = str(source) if isinstance(source, str | Path) else "the configuration"
    values = _read(source)
    _check_keys(model, values, where)
    for setting in settings:
        layer = _parse_setting(setting)
        _check_keys(model, layer, f"--set {setting}")
        _merge(values, layer)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{where}: '{key}' = {first['input']!r} will not do: {first['msg'].lower()}"
        ) from error


def _read(source: BaseModel | Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    if source is None:
        return {}
    if isinstance(source, BaseModel):
        return source.model_dump()
    if isinstance(source, Mapping):
        return _copy(source)
    loaded = load_yaml(read_text(source), str(source))
    if loaded is None:
        return {}
    if not isinstance(loaded, Mapping):
        raise InputError(f"{source} must hold 'key: value' lines, not a {type(loaded).__name__}")
    return _copy(loaded)


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(k): _copy(v) if isinstance(v, Mapping) else v for k, v in values.items()}


def _parse_setting(setting: str) -> dict[str, Any]:
    path, equals, text = setting.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise InputError(f"'--set {setting}' is not of the form key=value or group.key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"'--set {setting}': the value is not valid YAML") from error
    for key in reversed(keys):
        value = {key: value}
    return value


def _merge(values: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = value


def _check_keys(model: type[BaseModel], values: Mapping[str, Any], where: str, prefix: str = "") -> None:
    for key, value in values.items():
        if key not in model.model_fields:
            known = [prefix + name for name in model.model_fields]
            raise InputError(f"{where}: {unknown('key', prefix + key, known)}")
        inner = _model_of(model.model_fields[key].annotation)
        if inner is not None and isinstance(value, Mapping):
            _check_keys(inner, value, where, f"{prefix}{key}.")


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The nested model of ``Inner`` or ``Inner | None``."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
