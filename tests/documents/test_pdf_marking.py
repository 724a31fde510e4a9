"""Where a passage stands on the pages of a PDF."""

from __future__ import annotations

import io
import struct
import zlib

import pypdfium2
import pypdfium2.raw as raw
import pytest

from knowledge.documents.loaders.pdf.marking import find_passage, picture
from knowledge.errors import DocumentError

SIZE = (400, 500)


def pdf(*pages, rotation=0):
    """Return a PDF whose pages have lines of text: (text, x, y from the bottom)."""
    document = pypdfium2.PdfDocument.new()
    for lines in pages:
        page = document.new_page(*SIZE)
        for text, x, y in lines:
            made = raw.FPDFPageObj_NewTextObj(document.raw, b"Helvetica", 12)
            units = (text + "\0").encode("utf-16-le")
            raw.FPDFText_SetText(made, (raw.FPDF_WCHAR * (len(units) // 2)).from_buffer_copy(units))
            raw.FPDFPageObj_Transform(made, 1, 0, 0, 1, x, y)
            raw.FPDFPage_InsertObject(page.raw, made)
        page.set_rotation(rotation)
        raw.FPDFPage_GenerateContent(page.raw)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


FIRST = ("The valve is closed by hand when the pressure falls.", 50, 400)
SECOND = ("It opens again by itself after an hour of rest.", 50, 380)
OTHER = ("Something else stands further down on this page.", 50, 100)


def test_each_line_has_its_box():
    found = find_passage(pdf([FIRST, SECOND, OTHER]), (), [1], f"{FIRST[0]} {SECOND[0]}")
    (page,) = found.pages
    assert (found.share, found.page_count) == (1.0, 1)
    assert len(page.boxes) == 2
    for (left, top, width, height), (_, x, y) in zip(page.boxes, (FIRST, SECOND), strict=True):
        assert left * SIZE[0] == pytest.approx(x, abs=3)
        assert (1 - top - height) * SIZE[1] == pytest.approx(y, abs=5)
        assert width > 0.5


def test_headings_hyphens_and_spaces_do_not_matter():
    lines = [
        ("The pres-", 50, 400),
        ("sure of the  first valve is mea-", 50, 380),
        ("sured", 50, 360),
    ]
    found = find_passage(pdf(lines), (), [1], "## The pressure of\nthe first valve is *measured*")
    assert found.share == 1.0
    assert len(found.pages[0].boxes) == 3


def test_less_than_half_is_not_marked():
    text = FIRST[0] + " But the rest of this passage is long and stands on no page of it at all."
    found = find_passage(pdf([FIRST]), (), [1], text)
    assert 0.2 < found.share < 0.5
    assert found.pages[0].boxes == ()


def test_half_of_it_is_enough():
    found = find_passage(pdf([FIRST]), (), [1], FIRST[0] + " And a bit that is not there.")
    assert found.share > 0.5
    assert len(found.pages[0].boxes) == 1


def test_a_passage_over_two_pages():
    found = find_passage(pdf([FIRST], [SECOND, OTHER]), (), [1, 2], f"{FIRST[0]}\n{SECOND[0]}")
    assert found.share == 1.0
    assert [len(page.boxes) for page in found.pages] == [1, 1]


def test_on_a_turned_page_boxes_are_where_they_are_seen():
    found = find_passage(pdf([FIRST, OTHER], rotation=90), (), [1], FIRST[0])
    (page,) = found.pages
    assert (page.width, page.height) == (SIZE[1], SIZE[0])
    ((left, top, width, height),) = page.boxes
    assert left * SIZE[1] == pytest.approx(FIRST[2], abs=5)
    assert top * SIZE[0] == pytest.approx(FIRST[1], abs=3)
    assert height > width


def test_pages_that_are_not_there_are_left_out():
    found = find_passage(pdf([FIRST]), (), [1, 2], FIRST[0])
    assert [page.number for page in found.pages] == [1]
    with pytest.raises(DocumentError, match="no page 2"):
        picture(pdf([FIRST]), (), 2, 300)


def test_what_is_no_pdf_is_an_error():
    with pytest.raises(DocumentError):
        find_passage(b"%PDF-1.7 nothing", (), [1], "text")


def test_a_picture_is_what_the_page_shows():
    data = picture(pdf([FIRST]), (), 1, 200)
    assert data.startswith(b"\x89PNG")
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert (width, height, depth, kind) == (200, 250, 8, 0)
    start = data.index(b"IDAT") + 4
    size = struct.unpack(">I", data[start - 8 : start - 4])[0]
    rows = zlib.decompress(data[start : start + size])
    assert len(rows) == height * (1 + width)
    lines = [rows[n * 201 + 1 : (n + 1) * 201] for n in range(height)]
    dark = {n for n, line in enumerate(lines) if min(line) < 128}
    assert dark
    assert all(height * (1 - 415 / 500) <= n <= height * (1 - 395 / 500) for n in dark)
