import io
import zipfile

import pytest

from knowledge.documents.loaders import docx as loader
from knowledge.documents.splitting import split
from knowledge.errors import DocumentError
from knowledge.model import SplitterSpec, TextKind
from tests.documents.makers import LOCKED_DOCX, docx, load_one


def fill(document):
    document.core_properties.title = "A report"
    document.add_heading("Chapter", 1)
    document.add_paragraph("Words of the chapter.")
    document.add_heading("Section", 2)
    document.add_paragraph("An item", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for number, word in enumerate(("name", "size", "bolt", "M8")):
        table.cell(number // 2, number % 2).text = word
    document.add_paragraph("The end.")


@pytest.fixture(scope="module")
def data():
    return docx(fill)


@pytest.fixture(params=["kreuzberg", "python-docx"])
def engine(request, monkeypatch):
    if request.param == "python-docx":

        def fail(data, media_type):
            raise DocumentError("no luck")

        monkeypatch.setattr(loader, "extract", fail)
    return request.param


def test_a_document_becomes_markdown(engine, data):
    document = load_one(data, "a.docx")
    lines = [line.replace(" ", "").removeprefix("-") for line in document.text.splitlines() if line]
    expected = ["#Chapter", "Wordsofthechapter.", "##Section", "Anitem"]
    expected += ["|name|size|", "|---|---|", "|bolt|M8|", "Theend."]
    assert lines == expected
    assert (document.kind, document.loader) == (TextKind.MARKDOWN, engine)
    assert document.metadata["title"] == "A report"
    assert bool(document.warnings) == (engine == "python-docx")


def test_headings_lead_to_passages(engine, data):
    found = split(load_one(data, "a.docx"), SplitterSpec())
    assert found[0].heading[0] == "Chapter"


def test_a_password():
    with pytest.raises(DocumentError, match="protected by a password"):
        load_one(LOCKED_DOCX, "a.docx")


def test_damaged_files(data):
    for damaged in (data[:700], data[: len(data) // 2], data[:4] + bytes(500)):
        with pytest.raises(DocumentError, match="can't be read"):
            load_one(damaged, "a.docx")


def test_an_archive_without_a_document_fails():
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as file:
        file.writestr("word/other.xml", "<x/>")
    with pytest.raises(DocumentError):
        load_one(output.getvalue(), "a.docx")


def test_what_unpacks_to_too_much_is_not_unpacked(engine, data, monkeypatch):
    monkeypatch.setattr(loader, "UNPACKED_LIMIT", 1000)
    if engine == "python-docx":
        with pytest.raises(DocumentError, match="no luck"):
            load_one(data, "a.docx")
