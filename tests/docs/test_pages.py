"""The pages as a whole."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


@every_page
def test_links_lead_somewhere(path):
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            file, _, anchor = target.partition("#")
            linked = (path.parent / file).resolve() if file else path
            assert linked.exists(), target
            if anchor:
                assert anchor in anchors(linked.read_text(encoding="utf-8")), target


def anchors(text):
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_commands_on_a_page_exist(path):
    from tests.cli.test_help import COMMANDS

    text = path.read_text(encoding="utf-8")
    for command in re.findall(r"(?:^\$? ?|`)knowledge ([a-z-]+)\b(?!/)", text, re.MULTILINE):
        assert command in COMMANDS, command


def test_the_changelog_names_the_version_of_the_package():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{project['version']}]" in changes
    assert changes.index("## [Unreleased]") < changes.index(f"## [{project['version']}]")


def test_the_licence_is_apache():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
