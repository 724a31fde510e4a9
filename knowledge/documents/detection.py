"""Which loader reads a file: by its name and by its content."""

from __future__ import annotations

import re

from knowledge.documents.encodings import is_text
from knowledge.documents.extensions import SUPPORTED_EXTENSIONS, format_by_name
from knowledge.documents.signatures import describe, holds, is_markup, is_office97, is_office_zip
from knowledge.text.cleaning import words

__all__ = ["SUPPORTED_EXTENSIONS", "TEXT_FORMATS", "detect"]

TEXT_FORMATS = words(
    "markdown text rst asciidoc org latex html mhtml xml subtitles rows json jsonl notebook code "
    "mail mbox"
)
"""Formats whose files are text; a binary file of such a name is damaged, not of another format."""

_CONTAINERS = {
    "gzip archive": "packed",
    "bzip2 archive": "packed",
    "xz archive": "packed",
    "TAR archive": "tar",
    "Outlook message": "msg",
}
_PACKAGES = (
    *(".jar", ".war", ".ear", ".aar", ".apk", ".ipa", ".whl", ".egg", ".xpi", ".crx", ".nupkg"),
    *(".vsix", ".msix", ".appx"),
)
"""Programs packed as ZIP archives, which nobody takes for documents."""

_FORMATS = {
    "Word document": "docx",
    "Excel workbook": "xlsx",
    "PowerPoint presentation": "pptx",
    "Word 97-2003 document": "doc",
    "Excel 97-2003 workbook": "xls",
    "PowerPoint 97-2003 presentation": "ppt",
    "OpenDocument text": "odt",
    "OpenDocument spreadsheet": "ods",
    "OpenDocument presentation": "odp",
    "OpenDocument drawing": "odp",
    "EPUB book": "epub",
}
_ZIPPED = frozenset({"docx", "xlsx", "pptx", "odt", "ods", "odp", "epub"})
_LOCKED = {"doc": "docx", "xls": "xlsx", "ppt": "pptx"}
"""What a protected file is inside; newer files often keep the older extension."""

_TEXT_INSTEAD = {"doc": "text", "ppt": "text", "rtf": "text", "xls": "rows"}
"""What a text is that has the name of an older office format."""

_OFFICE = frozenset({*_ZIPPED, *_TEXT_INSTEAD})
_IMAGES = frozenset({"PNG image", "JPEG image", "GIF image", "TIFF image", "WebP image"})

_MBOX = re.compile(rb"From [^\r\n]*\d\d:\d\d[^\r\n]*\r?\n[!-9;-~]+[ \t]*:")
_HEAD = 8_192
_PDF_HEAD = 1_024  # a PDF's first line may stand behind other bytes
_HTML = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:\s|<\?xml[^>]{0,200}>|<!--.{0,1000}?-->)*<(?:!doctype\s+html|html)[\s>]",
    re.IGNORECASE | re.DOTALL,
)

_XML = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s")


def detect(name: str, head: bytes) -> str | None:
    """Return the name of the format that a loader reads, or ``None`` when no loader does.

    Content wins over a wrong extension where it is certain: a PDF named ``.txt`` is a PDF. A
    binary file of a text format's name keeps that format, so that its loader says what is wrong.

    Parameters
    ----------
    name:
        The file's name; case does not matter.
    head:
        Its first bytes, 8 KiB at least, or all of them: a Word document is surer to be told from
        other ZIP archives when its end is there.
    """
    named = format_by_name(name)
    start = head[:_HEAD]
    kind = describe(head)
    if _is_pdf(start, named, kind):
        return "pdf"
    container = _container(kind, named, name, head)
    if container is not None:
        return container
    if kind is not None:
        return _of_kind(kind, named, head)
    if (named in (None, "text", "xml", "pdf") or named in _OFFICE) and _HTML.match(start):
        return "html"
    if named is None and _XML.match(start):
        return "xml"
    if named in _TEXT_INSTEAD and is_text(start):
        return _text_instead(named, start)
    if named is not None:
        return named
    if not is_text(start):
        return None
    return "code" if start.startswith(b"#!") else "text"


def _is_pdf(start: bytes, named: str | None, kind: str | None) -> bool:
    if start.lstrip().startswith(b"%PDF-"):
        return True
    inside = b"%PDF-" in start[:_PDF_HEAD] and not start.startswith(b"PK\3\4")
    return inside and (named == "pdf" or (kind is None and not is_text(start)))


def _container(kind: str | None, named: str | None, name: str, head: bytes) -> str | None:
    if kind == "Outlook message" and named in _LOCKED and holds(head, named):
        return named  # a message is embedded in it
    if named == "msg" and kind is not None and is_office97(kind):
        return "msg"  # damaged, as its loader says
    if kind in _CONTAINERS:
        return _CONTAINERS[kind]
    if named == "zip" and head.startswith(b"PK") and not is_office_zip(head):
        return "zip"  # also when a folder in it has the name of one in office files
    if named is None and kind == "ZIP archive" and not name.lower().endswith(_PACKAGES):
        return "zip"
    if named is None and kind is None and _MBOX.match(head[:_HEAD]):
        return "mbox"
    return None


def _text_instead(named: str, start: bytes) -> str:
    if start.lstrip().startswith(b"MIME-Version:"):
        return "mhtml"
    return "xml" if _XML.match(start) else _TEXT_INSTEAD[named]


def _of_kind(kind: str, named: str | None, head: bytes) -> str | None:
    if kind == "RTF document":
        return "rtf" if named in (None, "text") or named in _OFFICE else named
    if named in _LOCKED and is_office97(kind) and holds(head, named):
        return named  # what is embedded in it may be of another kind
    if kind in _FORMATS:
        return _FORMATS[kind]
    if kind == "password-protected Office document":
        return named if named in _ZIPPED else _LOCKED.get(named or "", "docx")
    if is_markup(kind):
        return None
    if kind in _IMAGES:
        kept = named is None or named == "image" or named in TEXT_FORMATS
        return (named or "image") if kept else None
    if named in _ZIPPED and kind == "ZIP archive":
        return named  # damaged, as its loader says
    if named in _LOCKED and is_office97(kind):
        return named
    return named if named in TEXT_FORMATS else None
