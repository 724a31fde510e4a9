"""Which loader reads a file: by its name and by its content."""

from __future__ import annotations

import re

from knowledge.documents.encodings import is_text
from knowledge.documents.extensions import SUPPORTED_EXTENSIONS, format_by_name
from knowledge.documents.signatures import describe, is_markup

__all__ = ["SUPPORTED_EXTENSIONS", "TEXT_FORMATS", "detect"]

TEXT_FORMATS = frozenset({"markdown", "text", "rst", "html", "rows", "json", "notebook", "code"})
"""Formats whose files are text; a binary file of such a name is damaged, not of another format."""

_HEAD = 8_192
_PDF_HEAD = 1_024  # a PDF's first line may stand behind other bytes
_HTML = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:\s|<\?xml[^>]{0,200}>|<!--.{0,1000}?-->)*<(?:!doctype\s+html|html)[\s>]",
    re.IGNORECASE | re.DOTALL,
)


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
    if _is_pdf(start, named):
        return "pdf"
    kind = describe(head)
    if kind is not None:
        return _of_kind(kind, named)
    if named in (None, "text", "pdf", "docx") and _HTML.match(start):
        return "html"
    if named is not None:
        return named
    if not is_text(start):
        return None
    return "code" if start.startswith(b"#!") else "text"


def _is_pdf(start: bytes, named: str | None) -> bool:
    if start.lstrip().startswith(b"%PDF-"):
        return True
    inside = b"%PDF-" in start[:_PDF_HEAD]
    return inside and (named == "pdf" or not is_text(start))


def _of_kind(kind: str, named: str | None) -> str | None:
    if kind == "Word document":
        return "docx"
    damaged_or_locked = kind in ("ZIP archive", "password-protected Office document")
    if named == "docx" and damaged_or_locked:
        return "docx"
    if is_markup(kind):
        return None
    return named if named in TEXT_FORMATS else None
