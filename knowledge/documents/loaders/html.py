"""HTML to Markdown."""

from __future__ import annotations

import re

from knowledge.documents.cleaning import clean
from knowledge.documents.encodings import decode
from knowledge.documents.loaders.kreuzberg_engine import extract, metadata_of
from knowledge.model import Document, TextKind

OPTIONS = {
    "extract_metadata": False,  # else it stands above the text
    "preprocessing": {"enabled": True, "remove_navigation": True, "remove_forms": True},
}


def load(data: bytes, name: str) -> Document:
    """Read a page: headings, lists and tables as Markdown, without navigation and scripts.

    Raises
    ------
    DocumentError
        The engine can't read it.
    """
    del name
    text, warnings = _page(data)
    result = extract(text.encode("utf-8", "ignore"), "text/html", html_options=OPTIONS)
    return Document(
        clean(result.content),
        TextKind.MARKDOWN,
        metadata=metadata_of(result),
        loader="kreuzberg",
        warnings=warnings,
    )


def _page(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode a page: the encoding that it names itself counts unless it is UTF-8 anyway."""
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        named = re.search(rb"charset\s*=\s*[\"']?([\w.:-]+)", data[:2048], re.IGNORECASE)
    if named:
        try:
            return data.decode(named[1].decode("ascii")), ()
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)
