"""The pages beside the guide: every file that they name exists, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

from ops.project import PROJECT

PAGES = sorted([*(PROJECT / "docs").glob("*.md"), *(PROJECT / "docs/decisions").glob("*.md"), PROJECT / "README.md"])
FILE = re.compile(r"`((?:ops|tasks|lab|tests|benchmarks|docs)/[\w./-]+\.\w+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = [name for name in FILE.findall(page.read_text()) if not name.startswith("lab/state/")]
    assert [name for name in named if not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
