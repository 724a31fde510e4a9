"""HTML and XHTML to Markdown."""

from __future__ import annotations

import re

from knowledge.documents.encodings import decode
from knowledge.documents.loaders.web import read_page
from knowledge.documents.loading import Source
from knowledge.model import Document, TextKind

_CHARSET = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HEAD = 4_096


def load(source: Source, sheets: str = "") -> Document:
    """Read a page: its own text, or all of it where the option ``html`` is ``full``.

    Parameters
    ----------
    sheets:
        The style sheets that come with it.

    Raises
    ------
    DocumentError
        It is no text.
    """
    charset = _CHARSET.search(source.data[:_HEAD])
    declared = charset[1].decode("ascii") if charset else None
    content, warnings = decode(source.data, declared=declared)
    page = read_page(content, full=source.options.html == "full", sheets=sheets)
    return Document(
        page.text,
        TextKind.MARKDOWN,
        metadata=page.metadata,
        loader="html",
        warnings=warnings + page.warnings,
        anchors=page.anchors,
    )
