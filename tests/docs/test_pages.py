"""The table of contents of the documents, which their build checks only at the end of everything else."""

from __future__ import annotations

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_stands_in_the_table_of_contents_once(page):
    contents = re.findall(r"[\w./-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert contents.count(page) == 1, f"add {page} to nav in mkdocs.yml"
