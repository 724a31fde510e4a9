import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError, UnsupportedDocumentError
from knowledge.model import PageUnit, SplitterSpec
from tests.documents.makers import OLE, load_one
from tests.documents.makers_office import IN_TABLE, ROW_END, doc, ppt
from tests.documents.ole_makers import ole

PARAGRAPHS = (
    ("Chapter one\r", 1, b""),
    ("Café costs 3 €, see \x13 HYPERLINK \x14this page\x15\x02.\r", 0, b""),
    ("Section\r", 2, b""),
    ("name\x07", 0, IN_TABLE),
    ("size\x07", 0, IN_TABLE),
    ("\x07", 0, ROW_END),
    ("bolt\x07", 0, IN_TABLE),
    ("\x07", 0, IN_TABLE),
    ("\x07", 0, ROW_END),
    ("line\x0bbreak, non\x1ebreaking\r", 0, b""),
)
EXPECTED = """\
# Chapter one

Café costs 3 €, see this page.

## Section

| name | size |
| --- | --- |
| bolt |  |

line
break, non-breaking"""


@pytest.mark.parametrize("wide", [True, False])
def test_a_document(wide):
    (document,) = load(doc(PARAGRAPHS, wide=wide), "a.doc").documents
    assert document.text == EXPECTED
    assert split(document, SplitterSpec(20, 0))[-1].heading == ("Chapter one", "Section")


def test_what_stands_beside_the_text():
    beside = ("\x02 A source.\r", "Company paper\r", "", "\x05A remark.\r", "", "In a box.\r")
    found = load(doc(PARAGRAPHS, beside), "a.doc").documents
    assert found[0].text == EXPECTED
    assert {document.heading: document.text for document in found[1:]} == {
        ("Text boxes",): "In a box.",
        ("Footnotes",): "A source.",
        ("Comments",): "A remark.",
        ("Headers and footers",): "Company paper",
    }


def test_an_encrypted_document():
    data = bytearray(doc(PARAGRAPHS))
    start = data.index(b"\xec\xa5\xc1\0")
    data[start + 0x0B] |= 1
    with pytest.raises(DocumentError, match="protected by a password"):
        load(bytes(data), "a.doc")


SLIDES = (
    ("First slide", "one\rtwo", "A box", "Say hello."),
    ("Second slide", "three", "*", ""),
)
SHOWN = "# First slide\n\none\ntwo\n\nA box\n\nNotes: Say hello.\n\n# Second slide\n\nthree"


def test_a_presentation():
    document = load_one(ppt(*SLIDES), "a.ppt")
    assert document.text == SHOWN
    assert document.page_unit is PageUnit.SLIDE
    assert document.metadata["slides"] == 2
    found = split(document, SplitterSpec(16, 0))
    assert found[-1].cite("a.ppt") == "a.ppt, slide 2"
    assert found[-1].heading == ("Second slide",)


def test_a_presentation_whose_directory_is_lost_keeps_its_outline():
    text = load_one(ppt(*SLIDES, with_user=False), "a.ppt").text
    for words in ("First slide", "one\ntwo", "Second slide", "three", "Say hello."):
        assert words in text


def test_files_are_known_by_what_they_hold():
    assert load_one(doc(PARAGRAPHS), "letter").text == EXPECTED
    assert load_one(ppt(*SLIDES), "deck.doc").text == SHOWN


def test_old_names_for_other_contents():
    assert load_one(b"plain words\n", "a.doc").text == "plain words\n"
    assert "words" in load_one(b"<html><p>words", "a.doc").text


def test_damaged_files():
    whole = doc(PARAGRAPHS)
    for damaged in (whole[:600], whole[: len(whole) // 2], OLE):
        with pytest.raises(DocumentError, match="can't be read"):
            load(damaged, "a.doc")
    with pytest.raises(DocumentError):
        load(ole({("WordDocument",): bytes(5000)}), "a.doc")


def test_an_office_file_of_another_kind():
    with pytest.raises(UnsupportedDocumentError, match="Office 97-2003"):
        load(OLE, "drawing.vsd")
