"""Samples of pages, books, mail and PDF: (title of the format, column) to a sample."""

import io

from tests.documents.kept.sample import (
    BOXES,
    COMMENTS,
    HIDDEN,
    MERGED,
    RAISED,
    RUNNING,
    STRUCK,
    Sample,
)
from tests.documents.makers import pdf
from tests.documents.makers_office import epub

_WORDS = "<p>Some words of an ordinary paragraph, which stand on the page.</p>" * 4
_BODIES = {
    RAISED: (
        "<p>10<sup>6</sup> cells, 5 m<sup>2</sup>, CO<sub>2</sub></p>",
        ("10^6 cells", "5 m²", "CO₂"),
    ),
    STRUCK: ("<p>was <del>4500</del>7300</p>", ("was ~~4500~~ 7300",)),
    MERGED: (
        "<table><tr><th>Dept<th>Name<tr><td rowspan=2>Sales<td>Ann<tr><td>Bob</table>",
        ("| Sales | Ann |", "| Sales | Bob |"),
    ),
    COMMENTS: ("<p>words<!-- a remark --></p>", ("a remark",)),
    RUNNING: ("<footer><p>Printed in Orrevik</p></footer>", ("Printed in Orrevik",)),
    HIDDEN: ("<div role='tabpanel' hidden=''><p>Behind a tab</p></div>", ("Behind a tab",)),
    BOXES: (
        "<ul><li><input type=checkbox checked> Rotate<li><input type=checkbox> Notify</ul>",
        ("[x] Rotate", "[ ] Notify"),
    ),
}


def _page(body):
    return f"<html><body><main><h1>One</h1>{_WORDS}{body}</main></body></html>"


def _footed(body):
    """A page whose footer stands outside its main part."""
    return f"<html><body><main><h1>One</h1>{_WORDS}</main>{body}</body></html>"


def _html(column, body):
    page = _footed(body) if column == RUNNING else _page(body)
    return "a.html", page.encode()


def _mime(name):
    def made(column, body):
        head = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        return name, (head + _html(column, body)[1].decode()).encode()

    return made


def _book(column, body):
    return "a.epub", epub((f"<h1>One</h1>{_WORDS}{body}",), ("One",), "")


_FORMATS = {"HTML": _html, "MHTML": _mime("a.mhtml"), "mail": _mime("a.eml"), "EPUB": _book}


def _drawn():
    return pdf(
        b"BT /F1 12 Tf 72 700 Td (There are 10) Tj 5 Ts /F1 7 Tf (6) Tj 0 Ts /F1 12 Tf "
        b"( cells, 5 m) Tj 5 Ts /F1 7 Tf (2) Tj 0 Ts /F1 12 Tf (, CO) Tj "
        b"-3 Ts /F1 7 Tf (2) Tj 0 Ts /F1 12 Tf ( of it) Tj ET"
    )


def _form():
    """A PDF with a comment and a checkbox that is set."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.annotations import Text
    from pypdf.generic import (
        ArrayObject,
        DictionaryObject,
        FloatObject,
        NameObject,
        TextStringObject,
    )

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("words"))))
    box = (50, 50, 200, 100)
    writer.add_annotation(page_number=0, annotation=Text(text="Is it so?", rect=box))
    field = {
        "/Type": NameObject("/Annot"),
        "/Subtype": NameObject("/Widget"),
        "/FT": NameObject("/Btn"),
        "/T": TextStringObject("agreed"),
        "/V": NameObject("/Yes"),
        "/AS": NameObject("/Yes"),
        "/Rect": ArrayObject(map(FloatObject, box)),
    }
    place = writer._add_object(DictionaryObject({NameObject(k): v for k, v in field.items()}))
    writer.pages[0][NameObject("/Annots")].append(place)
    form = DictionaryObject({NameObject("/Fields"): ArrayObject([place])})
    writer._root_object[NameObject("/AcroForm")] = form
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


SAMPLES = {
    **{
        (title, column): Sample(*make(column, body), shown)
        for title, make in _FORMATS.items()
        for column, (body, shown) in _BODIES.items()
    },
    ("PDF", RAISED): Sample("a.pdf", _drawn(), ("10^6 cells", "5 m²", "CO₂")),
    ("PDF", COMMENTS): Sample("a.pdf", _form(), ("Comment: Is it so?",)),
    ("PDF", RUNNING): Sample("a.pdf", pdf([(72, 780, "Head"), (72, 20, "Page 1")]), ("Head", "1")),
    ("PDF", BOXES): Sample("a.pdf", _form(), ("agreed: yes",)),
}
"""A document that holds one thing which its format may keep, or loses."""
