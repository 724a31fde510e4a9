"""Which loader reads a file: by its name and by its content."""

from __future__ import annotations

import re

from knowledge.documents.encodings import is_text
from knowledge.documents.format_row import Content, Format
from knowledge.documents.formats import BY_NAME, FORMATS, format_by_name, names_of, names_where
from knowledge.documents.signatures import describe, holds, is_markup, is_office97, is_office_zip

_TEXT = names_of(Content.TEXT)
"""Formats whose files are text; a binary file of such a name is damaged, not of another format."""

_CONTAINERS = {
    "Outlook message": "msg",
    **{kind.name: row.name for row in FORMATS if row.container for kind in row.kinds},
}
_PROGRAMS = (
    *(".jar", ".war", ".ear", ".aar", ".apk", ".ipa", ".whl", ".egg", ".xpi", ".crx", ".nupkg"),
    *(".vsix", ".msix", ".appx"),
)
"""Programs packed as ZIP archives, which nobody takes for documents."""

_PACKAGES = {kind.name: row.name for row in FORMATS for kind in row.kinds if kind.is_package}
_ZIPPED = names_where("is_zip_package")
_OLE = names_where("newer")
_TEXT_INSTEAD = names_where("text_instead")
_OFFICE = _ZIPPED | _TEXT_INSTEAD
_IMAGES = frozenset(kind.name for kind in BY_NAME["image"].kinds)

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
        Its first bytes, 8 KiB at least, or all of them: the end of a Word document
        tells it from other ZIP archives.
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
    if named is None and (begun := _begun(start)):
        return begun
    if named in _TEXT_INSTEAD and is_text(start):
        return _text_instead(BY_NAME[named], start)
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
    if kind == "Outlook message" and named in _OLE and holds(head, named):
        return named  # a message is embedded in it
    if named == "msg" and kind is not None and is_office97(kind):
        return "msg"  # damaged, as its loader says
    if kind in _CONTAINERS:
        return _CONTAINERS[kind]
    if named == "zip" and head.startswith(b"PK") and not is_office_zip(head):
        return "zip"  # also when a folder in it has the name of one in office files
    if named is None and kind == "ZIP archive" and not name.lower().endswith(_PROGRAMS):
        return "zip"
    if named is None and kind is None and _MBOX.match(head[:_HEAD]):
        return "mbox"
    return None


def _begun(start: bytes) -> str | None:
    """Return the format of a text that tells it in its first words."""
    if _XML.match(start):
        return "xml"
    first = start.removeprefix(b"\xef\xbb\xbf").lstrip().upper()
    return next((row.name for row in FORMATS if row.begins and first.startswith(row.begins)), None)


def _text_instead(named: Format, start: bytes) -> str:
    if start.lstrip().startswith(b"MIME-Version:"):
        return "mhtml"
    return "xml" if _XML.match(start) else named.text_instead


def _of_kind(kind: str, named: str | None, head: bytes) -> str | None:
    if kind == "RTF document":
        return "rtf" if named in (None, "text") or named in _OFFICE else named
    if named in _OLE and is_office97(kind) and holds(head, named):
        return named  # what is embedded in it may be of another kind
    if kind in _PACKAGES:
        return _PACKAGES[kind]
    if kind == "password-protected Office document":
        return named if named in _ZIPPED else (named in _OLE and BY_NAME[named].newer) or "docx"
    if is_markup(kind):
        return None
    if kind in _IMAGES:
        kept = named is None or named == "image" or named in _TEXT
        return (named or "image") if kept else None
    if named in _ZIPPED and kind == "ZIP archive":
        return named  # damaged, as its loader says
    if named in _OLE and is_office97(kind):
        return named
    return named if named in _TEXT else None
