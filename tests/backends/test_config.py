"""Defaults, file, settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from bmzoo.backends.config import build_config
from bmzoo.errors import InputError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: float = Field(0.1, gt=0)
    names: list[str] = []


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    steps: int = Field(10, ge=1)
    kernel: Inner = Inner()
    other: Inner | None = None


def test_layers(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("steps: 20\nkernel:\n  width: 0.2\n")
    config = build_config(Outer, file, ["kernel.names=[a, b]", "steps=30", "other.width=2"])
    assert config == Outer(steps=30, kernel=Inner(width=0.2, names=["a", "b"]), other=Inner(width=2))
    assert build_config(Outer) == Outer()
    assert build_config(Outer, config) == config


def test_a_given_mapping_is_left_alone() -> None:
    given = {"kernel": {"width": 0.2}}
    build_config(Outer, given, ["kernel.width=0.3"])
    assert given == {"kernel": {"width": 0.2}}


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        ({"step": 1}, [], "unknown key 'step'; did you mean 'steps'"),
        ({"kernel": {"widht": 1}}, [], "unknown key 'kernel.widht'; did you mean 'kernel.width'"),
        ({}, ["other.nams=3"], "--set other.nams=3: unknown key 'other.nams'; did you mean 'other.names'"),
        ({}, ["steps"], "'--set steps' is not of the form key=value"),
        ({}, ["steps=[1"], "not valid YAML"),
        ({"steps": 0}, [], "'steps' = 0 will not do"),
        ({}, ["kernel.width=-1"], "'kernel.width' = -1 will not do"),
        ({"kernel": 3}, [], "'kernel' = 3 will not do"),
    ],
)
def test_mistakes_are_named(source: dict, settings: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        build_config(Outer, source, settings)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        build_config(Outer, tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(InputError, match="must hold 'key: value' lines"):
        build_config(Outer, tmp_path / "list.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1\n")
    with pytest.raises(InputError, match="this is not YAML"):
        build_config(Outer, tmp_path / "bad.yaml")


def test_no_code_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "evil.yaml"
    file.write_text("steps: !!python/object/apply:os.getpid []\n")
    with pytest.raises(InputError, match="this is not YAML"):
        build_config(Outer, file)
