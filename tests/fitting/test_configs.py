"""Every configuration that is shipped can be read, with the files that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

import bmzoo
from bmzoo.backends.registry import backend_names
from bmzoo.fitting.config import read_run_config
from bmzoo.molecules.mapping import Mapping
from bmzoo.systems import load_system

ROOT = Path(bmzoo.__file__).parents[1]
CONFIGS = sorted(p for p in (ROOT / "configs").rglob("*.yaml") if p.parent.name != "mappings")


@pytest.mark.parametrize("path", CONFIGS, ids=[f"{p.parent.name}/{p.stem}" for p in CONFIGS])
def test_it_is_valid(path: Path) -> None:
    backend, config = read_run_config(path)
    assert backend.name in backend_names()
    assert path.stem.startswith(backend.name)
    for name, mapping in zip(config.systems, config.mappings, strict=True):
        system = load_system(name)
        if mapping is not None:
            Mapping.from_map(ROOT / mapping, system.topology.graph)
