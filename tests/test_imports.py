"""The direction of imports: it must stay true whatever is added."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bmzoo

ROOT = Path(bmzoo.__file__).parent

LAYERS = (
    {"errors"},
    {"folders"},
    {"molecules"},
    {"frames"},
    {"representations", "simulation", "training"},
    {"evaluation", "backends", "systems"},
    {"pipeline", "target", "testing", "coarse"},
    {"benchmark", "report"},
    {"fitting"},
    {"api"},
    {"cli", "__init__", "__main__"},
)
"""A room imports from its own layer's rooms only where ``SIDEWAYS`` says so, else from lower layers."""

SIDEWAYS = {
    ("target", "pipeline"),
    ("report", "benchmark"),
    ("simulation", "representations"),
    ("cli", "__init__"),
    ("__main__", "cli"),
}


def _rank(room: str) -> int:
    return next(k for k, rooms in enumerate(LAYERS) if room in rooms)


def _imports(path: Path) -> Iterator[str]:
    """Modules imported at run time, inside functions too; type-checking blocks left out."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            if node.module == "bmzoo":
                yield from (f"bmzoo.{alias.name}" for alias in node.names)


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=[str(f.relative_to(ROOT)) for f in FILES])
def test_imports_point_downward(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    room = parts[0]
    for module in _imports(path):
        names = module.split(".")
        if names[0] != "bmzoo" or len(names) == 1 or names[1] == "__version__":
            continue
        other = names[1]
        if other == room or (ROOT / f"{other}.py").exists() is (ROOT / other).is_dir():
            continue
        downward = _rank(other) < _rank(room)
        assert downward or (room, other) in SIDEWAYS, f"{path.name} of '{room}' imports {module}"


@pytest.mark.parametrize("room", ["backends"])
def test_a_backend_never_imports_another(room: str) -> None:
    for folder in (ROOT / room).iterdir():
        for path in folder.glob("*.py") if folder.is_dir() else ():
            for module in _imports(path):
                names = module.split(".")
                if names[:2] == ["bmzoo", room] and len(names) > 2 and (ROOT / room / names[2]).is_dir():
                    assert names[2] == folder.name, f"{path} imports {module}"


@pytest.mark.parametrize("room", ["molecules", "frames", "systems"])
def test_torch_stays_out_of_the_lower_rooms(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        assert not any(module.split(".")[0] == "torch" for module in _imports(path)), path


@pytest.mark.parametrize("library", ["rdkit", "MDAnalysis", "openmm"])
def test_the_trainer_knows_no_chemistry(library: str) -> None:
    for path in (ROOT / "training").rglob("*.py"):
        assert not any(module.split(".")[0] == library for module in _imports(path)), path


HEAVY = (
    "torch",
    "MDAnalysis",
    "openmm",
    "rdkit",
    "sklearn",
    "scipy",
    "featomic",
    "pydantic",
    "e3nn",
    "lightning",
)


@pytest.mark.parametrize("statement", ["import bmzoo", "import bmzoo.cli.main"])
def test_starting_up_imports_nothing_heavy(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(*(m for m in {HEAVY} if m in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
