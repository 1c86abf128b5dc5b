"""Sphinx: python -m sphinx docs docs/_build. The pages of backends are written anew each time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from backend_pages import linked_page, write_pages  # noqa: E402

import bmzoo  # noqa: E402

project, author, release = "bmzoo", "The bmzoo developers", bmzoo.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "bmzoo"
html_static_path, html_css_files = ["_static"], ["tables.css"]
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True
nitpicky = False

write_pages(HERE / "backends")


def setup(app: Any) -> None:
    """Links in the pages are those of the repository, where the pages of backends are cards."""
    app.connect("source-read", lambda _, name, source: source.__setitem__(0, linked_page(source[0])))
