"""Pages in the forms that real sites have; each says in its first comment what must stay."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.documents.makers import load_one

PAGES = sorted((Path(__file__).parent / "webpages").glob("*.html"))
MOST_KEPT = 0.06


def letters(text):
    return "".join(filter(str.isalnum, text.casefold()))


@cache
def read(path):
    data = path.read_bytes()
    said = data.decode().partition("-->")[0]
    keep, leave = (re.findall(rf"^{word}: (.*)$", said, re.MULTILINE) for word in ("keep", "leave"))
    return load_one(data, path.name).text, keep, leave


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_nothing_of_the_main_text_is_lost(path):
    text, keep, _ = read(path)
    assert keep
    assert [phrase for phrase in keep if letters(phrase) not in letters(text)] == []


def test_little_boilerplate_stays():
    left, kept = 0, []
    for path in PAGES:
        text, _, leave = read(path)
        left += len(leave)
        kept += [f"{path.stem}: {one}" for one in leave if letters(one) in letters(text)]
    assert left > 200
    assert len(kept) <= MOST_KEPT * left, kept
