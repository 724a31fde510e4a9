"""HTML to Markdown."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from knowledge.documents.cleaning import clean, drop_inline_data
from knowledge.documents.encodings import decode
from knowledge.documents.loaders.kreuzberg_engine import extract, metadata_of
from knowledge.documents.options import LoadOptions
from knowledge.model import Document, TextKind

OPTIONS = {
    "extract_metadata": False,
    "preprocessing": {"enabled": True, "remove_navigation": True, "remove_forms": True},
}
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^<>]{0,500}>([^<]{0,2000})", re.IGNORECASE)
_HEAD = re.compile(r"<head\b", re.IGNORECASE)
_HEAD_END = re.compile(r"</head\s*>|(?=<body\b)", re.IGNORECASE)
_META = re.compile(
    r"<meta\b[^<>]{0,4000}>|<title\b[^<>]{0,500}>[^<]{0,2000}</title\s*>", re.IGNORECASE
)
_INLINE_IMAGE = re.compile(r"!\[([^\]\n]{0,500})\]\(data:[^()\s]{0,300}\)")


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read a page: headings, lists and tables as Markdown, without navigation and scripts.

    Raises
    ------
    DocumentError
        It is no text, or the engine can't read it.
    """
    del name, options
    charset = _CHARSET.search(data[:2048])
    declared = charset[1].decode("ascii") if charset else None
    page, warnings = decode(data, declared=declared)
    body, title = _without_head(page)
    result = extract(body.encode(), "text/html", html_options=OPTIONS)
    metadata: dict[str, Any] = {"title": title} if title else {}
    return Document(
        _INLINE_IMAGE.sub(r"\1", drop_inline_data(clean(result.content))),
        TextKind.MARKDOWN,
        metadata={**metadata_of(result), **metadata},
        loader="kreuzberg",
        warnings=warnings,
    )


def _without_head(page: str) -> tuple[str, str]:
    """Return the page without its head, and its title: the engine would print both as text."""
    found = _TITLE.search(page)
    title = " ".join(clean(unescape(found[1])).split()) if found else ""
    head = _HEAD.search(page)
    end = _HEAD_END.search(page, head.end()) if head else None
    if head and end:
        page = page[: head.start()] + page[end.end() :]
    return _META.sub("", page), title
