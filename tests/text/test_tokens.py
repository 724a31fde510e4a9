import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semantic_text_splitter import TextSplitter

from knowledge.text.tokens import TOKENIZER_MODEL, TokenCounter

LETTERS = "".join(
    sign
    for sign in map(chr, range(0x20, 0x2FF))
    if unicodedata.category(sign)[0] in "LNPSZ" and sign not in "\x85"
)


def size_that_fits(text):
    """Count the plain way: the smallest size that holds the text in one chunk."""
    for size in range(1, 4 * len(text) + 2):
        if len(TextSplitter.from_tiktoken_model(TOKENIZER_MODEL, size).chunks(text)) == 1:
            return size
    raise AssertionError


@given(st.text(alphabet=LETTERS + "\n\t  ''eéж", min_size=2, max_size=20).map(str.strip))
def test_counts_as_the_splitter_does(text):
    if len(text) > 1:  # a single character is one chunk, however many tokens it has
        assert TokenCounter().count(text) == size_that_fits(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("hello world", 2),
        ("I don't know, we'll see.", 9),
        ("x = foo_bar(1234)\n    return x\n", 12),
        ("漢", 2),
        ("\N{GRINNING FACE}", 2),
    ],
)
def test_known_counts(text, count):
    assert TokenCounter().count(text) == count


def test_runs_without_spaces_are_counted_a_little_too_high_at_most():
    text = "これは日本語の文章です。東京は日本の首都であり、世界で最も人口の多い都市の一つです。"
    exact = size_that_fits(text)
    assert exact <= TokenCounter().count(text) <= exact * 1.1


def test_a_count_does_not_depend_on_what_was_counted_before(monkeypatch):
    monkeypatch.setattr("knowledge.text.tokens._FORGET", 3)
    counter = TokenCounter()
    texts = ["one two three", "four five six seven", "one two three"]
    assert [counter.count(text) for text in texts] == [3, 4, 3]


def test_words_that_meet_in_a_text_add_up():
    counter = TokenCounter()
    words = re.findall(r"\s*\S+", "The quick brown fox; it jumps (over) the lazy dog.")
    assert counter.count("".join(words)) == sum(map(counter.count, words))
