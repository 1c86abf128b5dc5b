"""Every configuration that is shipped can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

import bmzoo
from bmzoo.backends.registry import backend_names
from bmzoo.fitting.config import read_run_config
from bmzoo.systems import load_system

CONFIGS = sorted((Path(bmzoo.__file__).parents[1] / "configs").rglob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=[f"{p.parent.name}/{p.stem}" for p in CONFIGS])
def test_it_is_valid(path: Path) -> None:
    backend, config = read_run_config(path)
    assert backend.name in backend_names()
    assert path.stem.startswith(backend.name)
    for name in config.systems:
        load_system(name)
