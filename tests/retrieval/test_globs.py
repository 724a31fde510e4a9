"""Globs for the paths of ingested files."""

from __future__ import annotations

import pytest

from knowledge.errors import UsageError
from knowledge.retrieval.query import Globs

PATH = "/home/ana/docs/guides/vpn setup.md"


@pytest.mark.parametrize(
    "glob",
    [
        "*.md",
        "vpn*",
        "vpn setup.md",
        "guides",
        "guides/",
        "docs",
        "docs/guides",
        "docs/*/vpn*",
        "docs/**/*.md",
        "guides/*.md",
        "./guides/*.md",
        "/home/ana/docs",
        "/home/**/*.md",
        "/home/ana/docs/guides/vpn setup.md",
        "*",
        "[u-w]pn*",
    ],
)
def test_it_matches(glob):
    assert Globs([glob]).match(PATH)
    assert Globs(["nothing", glob]).match(PATH)


@pytest.mark.parametrize(
    "glob", ["*.txt", "md", "docs/*.md", "/docs", "/guides/*.md", "!*.md", "#*", "GUIDES"]
)
def test_it_does_not_match(glob):
    assert not Globs([glob]).match(PATH)


def test_signs_of_gitignore_are_letters_here():
    assert Globs(["!odd.md"]).match("/a/!odd.md")
    assert Globs(["#odd.md"]).match("/a/#odd.md")


def test_a_windows_path():
    assert Globs(["docs/*.md"]).match("C:\\Users\\ana\\docs\\a.md")


def test_no_glob_matches_all():
    assert Globs([]).match(PATH)


@pytest.mark.parametrize("glob", ["", " ", "/", "./"])
def test_an_empty_glob(glob):
    with pytest.raises(UsageError, match="`files`"):
        Globs([glob])
