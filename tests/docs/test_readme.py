"""The README is complete: every command in its table, every page in its index."""

from __future__ import annotations

import re

import pytest

from tests.cli.test_help import LINES
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = re.findall(
    r"`([a-z][a-z-]*(?: [a-z-]+)?)[^`]*`",
    README.partition("## Commands")[2].partition("\n## ")[0],
)
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("command", LINES)
def test_every_command_is_in_the_table(command):
    assert command in TABLE


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_in_the_index(page):
    assert f"(docs/{page})" in README.partition("## More")[2]


def test_it_is_short():
    assert len(README.splitlines()) <= 150
