import io
import zipfile
from importlib import import_module

import pytest

from knowledge.documents.detection import detect
from knowledge.documents.formats import FORMATS, SUPPORTED_EXTENSIONS
from knowledge.documents.signatures import describe
from tests.documents.makers import LOCKED_DOCX, OLE, PNG, archive, docx, pdf


def stored(name, data):
    """A ZIP archive that holds a file as it is."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(name, data)
    return output.getvalue()


WORD = docx(lambda document: document.add_paragraph("text"))


@pytest.mark.parametrize(
    ("name", "data", "format_"),
    [
        ("a.md", b"# Title", "markdown"),
        ("A.MARKDOWN", b"text", "markdown"),
        ("a.txt", b"text", "text"),
        ("a.rst", b"text", "rst"),
        ("a.html", b"<p>", "html"),
        ("a.csv", b"a,b", "rows"),
        ("a.tsv", b"a\tb", "rows"),
        ("a.json", b"{}", "json"),
        ("a.ipynb", b"{}", "notebook"),
        ("a.py", b"x = 1", "code"),
        ("a.yaml", b"x: 1", "code"),
        ("Makefile", b"all:", "code"),
        ("Dockerfile", b"FROM x", "code"),
        ("README", b"text", "text"),
        ("LICENSE", b"text", "text"),
        ("run", b"#!/bin/sh\n", "code"),
        ("folder.d/name.PY", b"x", "code"),
        ("a.unknown", b"plain words", "text"),
        ("a.unknown", "mots éèà".encode("latin-1"), "text"),
        ("no extension", b"", "text"),
    ],
)
def test_by_name(name, data, format_):
    assert detect(name, data) == format_


@pytest.mark.parametrize(
    ("name", "data", "format_"),
    [
        ("a.txt", pdf("text"), "pdf"),
        ("a.docx", pdf("text"), "pdf"),
        ("a", b"\0\1junk\n" + pdf("text"), "pdf"),
        ("a.pdf", b"no PDF at all", "pdf"),
        ("a.zip", stored("report.pdf", pdf("text")), "zip"),
        ("a", stored("report.pdf", pdf("text")), "zip"),
        ("a.py", b"# %PDF-1.4 begins a PDF\n", "code"),
        ("a.pdf", WORD, "docx"),
        ("a.txt", WORD, "docx"),
        ("a.docx", WORD[:500], "docx"),
        ("a.docx", LOCKED_DOCX, "docx"),
        ("a.docx", PNG, None),
        ("a.pdf", PNG, None),
        ("a.docx", archive("xl/workbook.xml"), "xlsx"),
        ("a", archive("ppt/presentation.xml"), "pptx"),
        ("a.bin", archive("META-INF/container.xml"), "epub"),
        ("a.zip", archive("mimetype", "content.xml"), "zip"),
        ("a.xlsx", archive("a.txt"), "xlsx"),
        ("a.xlsx", LOCKED_DOCX, "xlsx"),
        ("a.xls", LOCKED_DOCX, "xlsx"),
        ("a.zip", archive("a.txt"), "zip"),
        ("a.doc", OLE, "doc"),
        ("a.vsd", OLE, None),
        ("a.doc", OLE + "Workbook\0".encode("utf-16-le"), "xls"),
        ("a.xls", OLE + "WordDocument\0Workbook\0".encode("utf-16-le"), "xls"),
        ("a", OLE + "WordDocument\0Workbook\0".encode("utf-16-le"), "doc"),
        ("a.rtf", b"{\\rtf1 text}", "rtf"),
        ("a.txt", b"{\\rtf1 text}", "rtf"),
        ("a.doc", b"{\\rtf1 text}", "rtf"),
        ("a.tex", b"{\\rtf1 text}", "latex"),
        ("a.doc", b"plain text", "text"),
        ("a.xls", b"a\tb", "rows"),
        ("a.xls", b"<?xml version='1.0'?><Workbook/>", "xml"),
        ("a.doc", b"MIME-Version: 1.0\n", "mhtml"),
        ("a.png", PNG, "image"),
        ("a", PNG, "image"),
        ("a.bmp", b"BM" + bytes(100), "image"),
        ("a.bin", bytes(range(256)), None),
        ("a.txt", PNG, "text"),
        ("a", b"<!DOCTYPE html><p>", "html"),
        ("a.txt", b"\n <!-- x --> <html lang=en>", "html"),
        ("a.pdf", b"<html><body>404", "html"),
        ("a.md", b"<html>", "markdown"),
        ("a.php", b"<!doctype html><?php", "code"),
    ],
)
def test_content_wins_where_it_is_certain(name, data, format_):
    assert detect(name, data) == format_


def test_the_first_bytes_are_enough_for_a_word_document():
    assert detect("a", WORD[: len(WORD) // 2]) == "docx"


def test_every_format_has_a_loader():
    with_names = {row.name for row in FORMATS} - {"structured"}  # asked for by name
    assert set(SUPPORTED_EXTENSIONS.values()) == with_names
    for row in FORMATS:
        assert callable(import_module(f"knowledge.documents.loaders.{row.loader}").load)
    assert all(name.startswith(".") and name == name.lower() for name in SUPPORTED_EXTENSIONS)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "PNG image"),
        (archive("xl/workbook.xml"), "Excel workbook"),
        (archive("ppt/slides/slide1.xml"), "PowerPoint presentation"),
        (archive("a.txt"), "ZIP archive"),
        (LOCKED_DOCX, "password-protected Office document"),
        (OLE, "Office 97-2003 document"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP image"),
        (b"\0\0\0\x18ftypmp42", "MP4 or HEIF media"),
        (b"MZ are letters, too", None),
        (b"text", None),
        (b"", None),
    ],
)
def test_kinds_of_file(data, kind):
    assert describe(data) == kind
