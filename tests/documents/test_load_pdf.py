import pytest

from knowledge.documents.loaders import pdf as loader
from knowledge.documents.splitting import split
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.model import PageSpan, SplitterSpec, TextKind
from tests.documents.makers import load_one, pdf

PAGES = ("First page\nwith two lines", None, "Third page")


@pytest.fixture(params=["kreuzberg", "pypdf"])
def engine(request, monkeypatch):
    if request.param == "pypdf":

        def fail(data):
            raise DocumentError("no luck")

        monkeypatch.setattr(loader, "_by_kreuzberg", fail)
    return request.param


def test_pages_and_their_spans(engine):
    document = load_one(pdf(*PAGES), "a.pdf")
    assert [page.number for page in document.pages] == [1, 2, 3]
    shown = [document.text[page.char_start : page.char_end] for page in document.pages]
    assert shown == ["First page\nwith two lines", "", "Third page"]
    assert document.loader == engine
    assert (document.kind, document.has_lines) == (TextKind.TEXT, False)


def test_metadata(engine):
    document = load_one(pdf("text", title="A title"), "a.pdf")
    assert document.metadata["title"] == "A title"
    assert document.metadata["pages"] == 1


def test_the_second_engine_is_named(engine):
    warnings = load_one(pdf("text"), "a.pdf").warnings
    assert bool(warnings) == (engine == "pypdf")


def test_passages_tell_their_page(engine):
    lines = "\n".join(f"Line {number} of many lines." for number in range(40))
    document = load_one(pdf(lines, lines, "The last page."), "a.pdf")
    found = split(document, SplitterSpec(60, 0))
    assert found[0].page_start == found[0].page_end == 1
    assert found[-1].page_end == 3
    starts = [passage.page_start for passage in found]
    assert starts == sorted(starts)


def test_a_file_without_a_text_layer(engine):
    with pytest.raises(EmptyDocumentError, match=r"no text layer \(2 pages\).*OCR"):
        load_one(pdf(None, None), "a.pdf")


def test_pages_without_text_are_told_of():
    assert "1 of 3 pages hold no text" in load_one(pdf(*PAGES), "a.pdf").warnings[0]
    assert load_one(pdf("a", "b", "c", "d", None), "a.pdf").warnings == ()


def test_a_password():
    with pytest.raises(DocumentError, match="protected by a password"):
        load_one(pdf("text", encrypt="secret"), "a.pdf")


def test_encryption_without_a_password_is_no_obstacle(engine):
    assert load_one(pdf("text", encrypt=""), "a.pdf").text == "text"


@pytest.mark.parametrize(
    "data",
    [b"%PDF-1.4\n", b"%PDF-1.7\n%%EOF", pdf("text")[:60], b"%PDF-1.4\n" + bytes(2000), b"nothing"],
    ids=["header", "header and end", "cut off", "zeros", "no PDF"],
)
def test_damaged_files(data, capfd):
    with pytest.raises(DocumentError) as caught:
        load_one(data, "a.pdf")
    assert len(caught.value.message) < 250
    assert capfd.readouterr() == ("", "")


def test_words_that_a_line_break_takes_apart_are_joined():
    text, spans = loader.join_pages([(1, "com\x02pile"), (2, "foot\ufffe\nball\r\nfield")])
    assert text == "compile\n\nfootball\nfield"
    assert spans == (PageSpan(1, 0, 7), PageSpan(2, 9, 23))


def test_lone_surrogates_do_not_shift_the_spans():
    text, spans = loader.join_pages([(1, "a\ud800b\0c"), (2, "def")])
    assert [text[span.char_start : span.char_end] for span in spans] == ["abc", "def"]
