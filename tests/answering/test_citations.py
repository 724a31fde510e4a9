"""Numbers in an answer, whole and in pieces of any size."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.answering.answer import CitationCheck

CASES = [
    ("Ninety days [1].", "Ninety days [1].", [1], []),
    ("Ninety days [9].", "Ninety days.", [], [9]),
    ("A [1, 7] b [2;3] c.", "A [1] b [2][3] c.", [1, 2, 3], [7]),
    ("A [1-3], b [2–9].", "A [1][2][3], b [2][3].", [1, 2, 3], [4]),
    ("A【2】 b [ 1 ].", "A[2] b [1].", [2, 1], []),
    ("A [0] [3][3] [999999999].", "A [3][3].", [3], [0, 999999999]),
    ("Use `a[0]` and:\n```\nx[7] = 1\n```\nas said [2].", None, [2], []),
    ("[see page 4] and [a] [", None, [], []),
    ("[1](https://x.org)", None, [1], []),
    ("red\x1b[31m\x07 [1]", "red[31m [1]", [1], [31]),
    ("", "", [], []),
]


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(("text", "shown", "cited", "removed"), CASES)
def test_numbers(text, shown, cited, removed, size):
    if "\x1b" in text:
        removed = []
    check = CitationCheck(3)
    pieces = [check.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join(pieces) + check.finish() == (text if shown is None else shown)
    assert (check.cited, check.removed) == (cited, removed)


@given(st.text("[]【】`0123456789 ,-–;a\n", max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_where_the_pieces_end_does_not_matter(text, cuts):
    whole = CitationCheck(12)
    expected = whole.feed(text) + whole.finish()
    check = CitationCheck(12)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [check.feed(text[a:b]) for a, b in itertools.pairwise(places)]
    assert "".join(pieces) + check.finish() == expected
    assert (check.cited, check.removed) == (whole.cited, whole.removed)
    assert all(1 <= number <= 12 for number in check.cited)


def test_a_long_run_of_anything_takes_no_time():
    for text in (
        " " * 200_000,
        "[" * 200_000,
        "[1," * 70_000,
        "[1 " + " " * 200_000,
        "`" * 200_000,
    ):
        check = CitationCheck(3)
        check.feed(text)
        check.finish()
