"""A long table repeats its header in every format that has tables."""

import io

import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.model import SplitterSpec

ROWS = [("id", "name"), *((str(number), f"part {number}") for number in range(1, 61))]


def _docx():
    from docx import Document

    document = Document()
    table = document.add_table(rows=len(ROWS), cols=2)
    for cells, row in zip(table.rows, ROWS, strict=True):
        for cell, value in zip(cells.cells, row, strict=True):
            cell.text = value
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _fodt():
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table")
    )
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    rows = "".join(
        f"<table:table-row>{''.join(map(cell.format, row))}</table:table-row>" for row in ROWS
    )
    return (
        f'<office:document{names} office:mimetype="application/vnd.oasis.opendocument.text">'
        f"<office:body><office:text><table:table>{rows}</table:table></office:text></office:body>"
        "</office:document>"
    ).encode()


def _html():
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in ROWS)
    return f"<html><body><table>{rows}</table></body></html>".encode()


@pytest.mark.parametrize(
    ("name", "make"),
    [("a.docx", _docx), ("a.fodt", _fodt), ("a.html", _html)],
    ids=["docx", "fodt", "html"],
)
def test_each_passage_has_the_header_and_says_its_rows(name, make):
    (document,) = load(make(), name).documents
    found = split(document, SplitterSpec(120, 0))
    assert len(found) > 3
    assert all("id | name" in passage.text for passage in found)
    assert found[0].row_start == 1
    assert found[-1].row_end == 60
    assert found[-1].cite(name).startswith(f"{name}, table rows ")
