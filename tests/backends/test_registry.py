"""Backends by name, ours and strangers'."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel

from bmzoo.backends import registry
from bmzoo.backends.backmapper import Backmapper, Capabilities
from bmzoo.errors import InputError
from bmzoo.testing.conformance import BackendConformance, check_backend

THIRD_PARTY = Path(__file__).parents[1] / "data" / "thirdparty_backend"


@pytest.fixture
def collapse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The third-party package as an installer leaves it: module and metadata in one folder."""
    site = tmp_path / "site"
    metadata = site / "bmzoo_collapse-0.1.dist-info"
    metadata.mkdir(parents=True)
    shutil.copy(THIRD_PARTY / "bmzoo_collapse.py", site)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bmzoo-collapse\nVersion: 0.1\n")
    (metadata / "entry_points.txt").write_text("[bmzoo.backends]\ncollapse = bmzoo_collapse:Collapse\n")
    monkeypatch.syspath_prepend(str(site))
    registry.refresh()
    yield site
    monkeypatch.undo()
    registry.refresh()


def test_built_in_backends_need_no_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: ())
    registry.refresh()
    try:
        assert registry.backend_names() == (
            "geometric",
            "fragments",
            "voxel_gan",
            "equivariant",
            "temporal_cvae",
            "morphing",
        )
        assert registry.get_backend("geometric").name == "geometric"
    finally:
        monkeypatch.undo()
        registry.refresh()


def test_unknown_backend_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'fragments'"):
        registry.get_backend("fragment")


@pytest.mark.parametrize("name", ["geometric", "fragments"])
def test_card_and_capabilities(name: str) -> None:
    found = registry.describe(name)
    assert found.card.startswith("# ")
    assert "\n## " in found.card
    assert found.summary
    assert found.capabilities.transferable


@pytest.mark.usefixtures("collapse")
class TestThirdParty(BackendConformance):
    backend = "collapse"


@pytest.mark.usefixtures("collapse")
def test_third_party_backend_is_found_and_checked() -> None:
    assert registry.backend_names()[:2] == ("geometric", "fragments")
    assert "collapse" in registry.backend_names()
    assert registry.describe("collapse").summary == "Every atom on its owner bead."
    assert check_backend("collapse").passed


def test_broken_package_is_named(collapse: Path) -> None:
    (collapse / "bmzoo_collapse.py").write_text("import no_such_module_anywhere\n")
    sys.modules.pop("bmzoo_collapse", None)
    with pytest.raises(InputError, match=r"'collapse' cannot be loaded .*no_such_module_anywhere"):
        registry.get_backend("collapse")


class _Config(BaseModel):
    pass


class NoName(Backmapper):
    capabilities = Capabilities()
    Config = _Config


class NoBackmap(Backmapper):
    name: ClassVar[str] = "mine"
    capabilities = Capabilities()
    Config = _Config


class OtherName(NoBackmap):
    name = "other"

    def backmap(self, frames: object, *, n_samples: int = 1, seed: int):  # type: ignore[no-untyped-def]
        yield from ()


class NoFit(OtherName):
    name = "mine"
    capabilities = Capabilities(fitting="library")


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (dict, "no subclass of bmzoo.Backmapper"),
        (NoName, "no class attribute 'name'"),
        (NoBackmap, r"does not implement backmap\(\)"),
        (OtherName, "calls itself 'other'"),
        (NoFit, r"does not implement fit\(\)"),
    ],
)
def test_incomplete_class_is_refused(backend: type, message: str) -> None:
    with pytest.raises(InputError, match=message):
        registry.check_class(backend, "mine")
