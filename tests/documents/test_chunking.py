import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.documents.splitting import chunking
from knowledge.documents.splitting.chunking import Chunker
from knowledge.errors import DocumentError
from knowledge.model import SplitterSpec

PROSE = "".join(f"Sentence number {number} says a thing or two. " for number in range(2_000))


def spans(text, spec=None, **more):
    chunker = Chunker(spec or SplitterSpec(60, 10), **more)
    return list(chunker.spans(text, 0, len(text)))


@pytest.mark.parametrize("text", [PROSE, PROSE.replace(". ", ".\n"), PROSE.replace(". ", ".\n\n")])
def test_windows_leave_no_trace(text, monkeypatch):
    windowed = spans(text)
    monkeypatch.setattr(chunking, "_WINDOW", 10 * len(text))
    monkeypatch.setattr(chunking, "_NARROW_WINDOW", 10 * len(text))
    assert windowed == spans(text)


def test_nothing_stands_across_a_gap():
    text = "before" + " " * 300 + "after"
    assert [text[start:end] for start, end in spans(text)] == ["before", "after"]


class Panic(BaseException):
    pass


Panic.__name__ = "PanicException"


class Panicking:
    def chunk_indices(self, text):
        raise Panic("index out of bounds")


def test_markdown_that_crashes_the_parser_is_cut_as_text():
    chunker = Chunker(SplitterSpec(60, 10), markdown=True)
    chunker._structured = Panicking()
    assert list(chunker.spans(PROSE, 0, len(PROSE))) == spans(PROSE)


def test_text_that_crashes_the_splitter_is_the_document_s_fault():
    chunker = Chunker(SplitterSpec(60, 10))
    chunker._plain = Panicking()
    with pytest.raises(DocumentError, match=r"splitting it crashed: index out of bounds"):
        list(chunker.spans("text " * 100, 0, 500))


@given(st.text("ab \t\n\r\x0b\x1c\x85\xa0\u2003\u3000.#*-`>1\u4f60", max_size=80), st.booleans())
def test_a_short_text_is_cut_as_the_splitter_cuts_it(text, markdown):
    chunker = Chunker(SplitterSpec(12, 0), markdown=markdown)
    start = chunking.skip_space(text, 0, len(text))
    splitter = chunker._structured or chunker._plain
    expected = [
        (start + offset, start + offset + len(chunk))
        for offset, chunk in splitter.chunk_indices(text[start:])
    ]
    assert list(chunker._windows(text, start, len(text), splitter)) == expected
