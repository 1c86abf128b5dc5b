"""The linear backend, installed, and short trainings of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from bmzoo.backends import registry


@pytest.fixture(autouse=True)
def _linear(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(registry.BUILT_IN, "linear", "bmzoo.testing.linear:Linear")
    registry.refresh()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    monkeypatch.undo()
    registry.refresh()
