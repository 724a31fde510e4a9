"""Small documents, made on the spot."""

import io
import json
import zipfile

from knowledge.documents.loading import load
from knowledge.documents.options import LoadOptions
from knowledge.model import Document


def pdf(*pages, title=None, encrypt=None, letters=None):
    """A PDF whose pages hold these lines of text; ``None`` is a page without text.

    A list of (x, y, text) draws each text at its place, with a fourth value in that size; bytes are
    what draws the page, where /F1 is Helvetica. ``letters`` says what its codes stand for, by code.
    """
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", None]
    to_unicode = " /ToUnicode 4 0 R" if letters else ""
    objects.append(f"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica{to_unicode} >>")
    if letters:
        cmap = _cmap(letters)
        objects.append(f"<< /Length {len(cmap)} >>\nstream\n{cmap}\nendstream")
    kids = []
    for page in pages:
        content = page.decode("latin-1") if isinstance(page, bytes) else _content(page)
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    info = ""
    if title:
        objects.append(f"<< /Title ({_escaped(title)}) >>")
        info = f" /Info {len(objects)} 0 R"
    data = _with_table(objects, info)
    return _encrypted(data, encrypt) if encrypt is not None else data


def _cmap(letters):
    pairs = "\n".join(
        f"<{code:02X}> <{text.encode('utf-16-be').hex()}>" for code, text in letters.items()
    )
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def "
        "1 begincodespacerange <00> <FF> endcodespacerange "
        f"{len(letters)} beginbfchar\n{pairs}\nendbfchar endcmap end end"
    )


def _content(page):
    return _placed(page) if isinstance(page, list) else _lines(page)


def _lines(page):
    lines = page.split("\n") if page else []
    shown = " ".join(f"({_escaped(line)}) Tj 0 -16 Td" for line in lines)
    return f"BT /F1 12 Tf 72 720 Td {shown} ET" if lines else ""


def _placed(page):
    return " ".join(
        f"BT /F1 {size[0] if size else 12} Tf {x} {y} Td ({_escaped(text)}) Tj ET"
        for x, y, text, *size in page
    )


def _escaped(text):
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _with_table(objects, info):
    data = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(data)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for offset in offsets:
        data += f"{offset:010} 00000 n \n".encode()
    data += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{info} >>\n".encode()
    data += f"startxref\n{start}\n%%EOF\n".encode()
    return bytes(data)


def _encrypted(data, password):
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(password, algorithm="RC4-128")
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def docx(build):
    """A Word document that ``build`` fills."""
    import docx

    document = docx.Document()
    build(document)
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def archive(*names):
    """A ZIP archive with small files of these names."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return output.getvalue()


def notebook(*cells, language="python"):
    """A notebook; each cell is a mapping."""
    return json.dumps(
        {
            "cells": list(cells),
            "metadata": {"language_info": {"name": language}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    ).encode()


def markdown_cell(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code_cell(source, *outputs):
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": list(outputs)}


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
LOCKED_DOCX = OLE + "EncryptedPackage".encode("utf-16-le") + bytes(512)


def load_one(data: bytes, name: str, **options) -> Document:
    """Read a file that holds one document."""
    (document,) = load(data, name, LoadOptions(**options)).documents
    return document
