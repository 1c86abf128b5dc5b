"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # side by side, one thread each: read by torch and OpenMM when they are imported
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENMM_CPU_THREADS": "1"}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The published snapshots, which carry no licence and so are not part of the repository."""
    root = Path(os.environ.get("BMZOO_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"published snapshots not found at {root} (set BMZOO_SHARED_DATA)")
    return root
