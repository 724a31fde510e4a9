"""The README's picture shows what the commands print now."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import ROOT
from tests.docs.first_run_picture import (
    COMMANDS,
    PICTURE,
    screen_lines,
    svg_of,
    text_of_picture,
    without_times,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals"),
]


def test_it_shows_what_a_run_shows_now():
    """If not: ``python -m tests.docs.first_run_picture`` draws it."""
    drawn = text_of_picture(PICTURE.read_text(encoding="utf-8"))
    now = text_of_picture(svg_of(list(screen_lines())))
    assert list(map(without_times, drawn)) == list(map(without_times, now))
    assert sum(line.startswith("$ knowledge ") for line in drawn) == len(COMMANDS)


def test_it_fetches_nothing():
    svg = PICTURE.read_text(encoding="utf-8")
    assert "http" not in svg.replace("http://www.w3.org/", "").replace("https://www.textualize", "")


def test_the_readme_opens_with_it():
    opening = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## ")[0]
    assert f"]({PICTURE.relative_to(ROOT).as_posix()})" in opening
