"""Every word of a document of random structure is found, in order, once, with its marks."""

import pytest
from hypothesis import HealthCheck, given, settings

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.model import SplitterSpec
from tests.documents.structures import LENGTH, WRITERS, models

CHUNK = SplitterSpec(chunk_size=96, chunk_overlap=0)


def in_order(words, text):
    """The first word that is not found behind the one before it; empty where all are."""
    at = 0
    for word in words:
        found = text.find(word, at)
        if found < 0:
            return word
        at = found + len(word)
    return ""


def bare(shown):
    """A word without its marks, from which a cut between two chunks may part it."""
    return shown.strip("~")[:LENGTH]


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(model=models())
def test_every_word_is_found_in_order_once_with_its_marks(name, model):
    documents = load(WRITERS[name](model), name).documents
    text = "\n".join(document.text for document in documents)
    assert in_order(model.shown, text) == ""
    every = [*model.shown, *model.notes]
    for shown in set(every):
        word = shown.strip("~")
        assert text.count(word) == every.count(shown), word
    passages = "\n".join(p.text for document in documents for p in split(document, CHUNK))
    assert in_order(map(bare, model.shown), passages) == ""
    assert all(bare(shown) in passages for shown in every)


ABOVE = '<header class="top"><a href="/">Works</a><nav><a href="/j">Careers</a></nav></header>'
BESIDE = '<aside class="sidebar"><h3>Popular stories</h3><a href="/x">Ten valves</a></aside>'
BELOW = "<footer><p>© 2024 Works. All rights reserved.</p><a href='/i'>Imprint</a></footer>"


@pytest.mark.parametrize("around", ["main", "article", "div"])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(model=models())
def test_a_page_keeps_its_text_and_no_more(around, model):
    page = WRITERS["a.html"](model).decode()
    inside = page.partition("<main>")[2].partition("</main>")[0]
    body = f"{ABOVE}<{around}>{inside}</{around}>{BESIDE}{BELOW}"
    (document,) = load(f"<html><body>{body}</body></html>".encode(), "a.html").documents
    assert in_order(model.shown, document.text) == ""
    assert all(shown in document.text for shown in model.notes)
    for word in ("Careers", "Popular", "valves", "reserved", "Imprint"):
        assert word not in document.text
