"""The documentation's tables are what the committed results give."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from bmzoo.benchmark.results import Results, Row
from bmzoo.errors import InputError

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("tables")


def test_tables_are_those_of_their_results(tables: ModuleType) -> None:
    found = {page.name for page in tables.pages() if tables.BLOCK.search(page.read_text())}
    assert {"voxel_gan.md", "equivariant.md"} <= found
    tables.main(["--check"])


def test_stale_tables_are_found_and_rewritten(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, folder in (("ROOT", tmp_path), ("RESULTS", tmp_path / "kept")):
        monkeypatch.setattr(tables, name, folder)
    score = {"value": 0.5, "floor": 0.5, "ratio": 1.0, "stderr": 0.01, "unit": "", "n": 9, "note": ""}
    cost = {"seconds": 16.0, "atoms_per_second": 1.0, "peak_memory_mb": 1.0}
    scores = {"detectability/c2st_auc": score, "distributions/angle_jsd[C-C-H]": score}
    row = Row("adp", "300K", "test", "fragments", "", "none", 7, 4, 2, 22, **cost, scores=scores)
    results = Results({"seed": 7, "output": "secret"}, [row])
    results.write(tmp_path / "results.json")
    tables.main(["--add", str(tmp_path / "results.json")])
    name = capsys.readouterr().out.strip()
    assert name.startswith(f"kept/{results.created[:10]}")
    kept = (tmp_path / name).read_text()
    assert "secret" not in kept
    assert "C-C-H" not in kept

    page = tmp_path / "README.md"
    page.write_text(f"before\n<!-- table: {name} -->\nold\n<!-- end -->\nafter\n")
    with pytest.raises(SystemExit):
        tables.main(["--check"])
    assert "old" in page.read_text()
    tables.main([])
    assert "| adp:300K | fragments | none | 0.5 [0.5] |" in page.read_text()
    assert "seed 7" in page.read_text()
    tables.main(["--check"])
    page.write_text("<!-- table: nothing.json -->\n<!-- end -->\n")
    with pytest.raises(InputError, match=r"nothing\.json"):
        tables.main(["--check"])


def test_the_overview_and_the_rows_of_one_backend(tables: ModuleType, tmp_path: Path) -> None:
    score = {"value": 0.612, "floor": 0.5, "ratio": 1.0, "stderr": 0.01, "unit": "", "n": 9, "note": ""}
    cost = {"seconds": 16.0, "atoms_per_second": 1.0, "peak_memory_mb": 1.0}

    def row(system: str, backend: str, refine: str, test_set: str = "in_distribution") -> Row:
        scores = {"detectability/c2st_auc": score}
        return Row(system, "300K", test_set, backend, "", refine, 0, 4, 2, 22, **cost, scores=scores)

    rows = [
        row("adp", "fragments", "none"),
        row("adp", "fragments", "thermalise"),
        row("adp", "equivariant", "none", "generalisation"),
        row("cln", "geometric", "none"),
    ]
    path = tmp_path / "results.json"
    Results({"seed": 7}, rows).write(path)
    text = tables.markdown(path, "overview")
    assert text.splitlines()[0] == "| C2ST AUC, time a frame | adp:300K | cln:300K |"
    assert text.splitlines()[2:6] == [
        "| floor | 0.50 | 0.50 |",
        "| `fragments` | 0.61, 2 s | - |",
        "| `fragments+thermalise` | 0.61, 2 s | - |",
        "| `geometric` | - | 0.61, 2 s |",
    ]
    assert "seed 7" in text
    assert "equivariant" not in text
    page = tmp_path / "card.md"
    page.write_text(f"<!-- table: {path} backend=geometric -->\nold\n<!-- end -->\n")
    assert "| cln:300K | geometric | none |" in tables.updated(page)
    assert "fragments" not in tables.updated(page)
    with pytest.raises(InputError, match="no row of the backend 'voxel'"):
        tables.markdown(path, "table", "voxel")


def test_the_cheapest_that_nothing_beats_beyond_doubt(tables: ModuleType) -> None:
    choice = importlib.import_module("_choice")

    def row(backend: str, refine: str, auc: float, seconds: float, test_set: str = "in_distribution") -> Row:
        score = {"value": auc, "floor": 0.5, "ratio": 1.0, "stderr": 0.01, "unit": "", "n": 9, "note": ""}
        cost = {"seconds": seconds, "atoms_per_second": 1.0, "peak_memory_mb": 1.0}
        scores = {choice.AUC: score}
        return Row("adp", "300K", test_set, backend, "", refine, 0, 1, 1, 22, **cost, scores=scores)

    rows = [
        row("geometric", "none", 0.99, 0.1),
        row("geometric", "thermalise", 0.80, 0.2),
        row("fragments", "none", 0.60, 0.01),
        row("fragments", "thermalise", 0.52, 1.0),
        row("equivariant", "thermalise", 0.50, 9.0),
        row("voxel_gan", "thermalise", 0.51, 5.0),
        row("temporal_cvae", "thermalise", 0.46, 8.0),  # below the floor is not better
        row("equivariant", "none", 0.40, 0.0, "generalisation"),
    ]
    text = choice.choice_text(Results({"seed": 0}, rows))
    assert "| you have | adp:300K |" in text
    assert "| beads and a mapping | `geometric` 0.99, 0.1 s |" in text
    assert (
        "| frames of the same molecules, and a force field | **`fragments+thermalise` 0.52, 1 s** |" in text
    )
    assert "| weights | - |" in text
    assert "| weights, and a force field | `voxel_gan+thermalise` 0.51, 5 s |" in text
