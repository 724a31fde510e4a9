"""Where a hit's text holds words of the question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.model import Chunk, Hit, Passage
from knowledge.retrieval.search.explanation import marks


def hit_of(text, **metadata):
    passage = Passage(0, text, 0, len(text))
    return Hit(1, 1.0, None, "default", "/a.md", "a.md", Chunk("c", "f", passage), metadata)


def marked(question, text, **metadata):
    return [text[start:end] for start, end in marks(question, hit_of(text, **metadata))]


@pytest.mark.parametrize(
    ("question", "text", "words"),
    [
        (
            "How do I rotate the keys?",
            "Rotating the key, rotated keys",
            "Rotating key rotated keys",
        ),
        ("the", "the end", "the"),
        ("nothing", "all else", ""),
        ("max_retries", "set max_retries to 3", "max_retries"),
        ("Gehälter", "Das Gehalt und die Gehälter sind und bleiben gut", "Gehalt Gehälter"),
        ("😀 key", "😀 the key 𝒜 key", "key key"),
    ],
)
def test_words_of_the_question_are_marked(question, text, words):
    assert marked(question, text) == words.split()


def test_the_language_of_the_text_counts():
    assert marked("Verträge", "der Vertrag", language="german") == ["Vertrag"]


@given(st.text(max_size=60), st.text(max_size=200))
def test_marks_are_in_order_and_inside(question, text):
    found = marks(question, hit_of(text))
    ends = [place for span in found for place in span]
    assert ends == sorted(ends)
    assert all(0 <= start < end <= len(text) for start, end in found)


@given(st.text("abc dé", min_size=1, max_size=30).filter(str.strip))
def test_a_text_of_the_question_is_marked(words):
    assert marks(words, hit_of(words))
