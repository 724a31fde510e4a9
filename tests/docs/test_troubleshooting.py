"""docs/troubleshooting.md says of every error what to do."""

from __future__ import annotations

import re

from tests.conftest import ROOT
from tests.docs.test_exit_codes import CODES_OF_ERRORS

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `([a-z-]+)`\n\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE))


def test_every_code_has_a_section_and_every_section_a_code():
    assert set(SECTIONS) == CODES_OF_ERRORS
    assert len(re.findall(r"^### ", PAGE, re.MULTILINE)) == len(SECTIONS)


def test_every_section_says_something():
    assert min(len(text.strip()) for text in SECTIONS.values()) > 20
