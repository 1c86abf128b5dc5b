"""The page as a file: whole, self-contained, well-formed, reachable."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from bmzoo.benchmark.results import Results
from bmzoo.errors import InputError
from bmzoo.evaluation.definitions import DEFINITIONS
from bmzoo.report.page import write_report


class Outline(HTMLParser):
    """Tags with their attributes, and how headings follow one another."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, *names: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def outline(page: Path) -> Outline:
    return Outline(page.read_text())


def test_it_is_one_small_file_that_asks_for_nothing(page: Path, outline: Outline) -> None:
    assert page.stat().st_size < 10e6
    for tag, attributes in outline.tags:
        assert "src" not in attributes, tag
        assert attributes.get("href", "#").startswith(("#", "data:,")), attributes
    assert not re.search(r"url\(|@import", page.read_text().split("<body>")[0])


def test_headings_are_in_order(outline: Outline) -> None:
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_figure_says_what_it_shows(outline: Outline) -> None:
    figures = outline.all("svg")
    assert len(figures) > 20
    assert all(f["role"] == "img" and len(f["aria-label"]) > 10 for f in figures)


def test_every_link_leads_somewhere(outline: Outline) -> None:
    names = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(names) == len(set(names))
    targets = {a["href"].removeprefix("#") for a in outline.all("a")}
    assert targets <= set(names)
    assert {f"def-{d.key}" for d in DEFINITIONS} <= set(names)


def test_figures_are_files_too(folder: Path) -> None:
    files = list((folder / "figures").rglob("*.svg"))
    assert len(files) > 20
    names = {path.name for path in files}
    assert {"pareto.svg", "phi_psi-reference.svg", "populations.svg", "lj.svg"} <= names
    for path in files:
        assert ET.parse(path).getroot().tag.endswith("svg")


def test_machine_seed_versions_and_command_are_there(folder: Path, page: Path) -> None:
    results, text = Results.read(folder / "results.json"), page.read_text()
    assert results.machine["processor"] in text
    assert all(version in text for version in results.machine["versions"].values())
    assert "bmzoo benchmark --systems adp --backends geometric,fragments --frames 4 --samples 2" in text


def test_scenes_hold_the_samples_of_every_row(page: Path) -> None:
    text = re.search(r'id="scenes">(.*?)</script>', page.read_text(), re.S)
    assert text is not None
    (scene,) = json.loads(text[1])
    assert len(scene["elements"]) == 22
    assert [len(view["samples"]) for view in scene["views"]] == [2, 2, 2, 2]


def test_the_same_results_give_the_same_page(folder: Path, page: Path) -> None:
    before = page.read_bytes()
    assert write_report(folder) == page
    assert page.read_bytes() == before


def test_what_is_gone_leaves_a_gap_and_words_stay_words(folder: Path, tmp_path: Path) -> None:
    data = json.loads((folder / "results.json").read_text())
    data["rows"][0]["notes"] = ["</script><b>bold</b>"]
    (tmp_path / "results.json").write_text(json.dumps(data))
    text = write_report(tmp_path).read_text()
    assert "&lt;/script&gt;&lt;b&gt;bold" in text
    assert "<b>bold</b>" not in text
    assert "table-raw" in text


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"results\.json"):
        write_report(tmp_path)


def test_a_damaged_scene_is_named(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "adp-300K" / "scene.npz").write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"scene\.npz"):
        write_report(copy)
