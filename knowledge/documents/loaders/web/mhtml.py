"""MHTML, pages as browsers save them: the page in it, decoded."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

from knowledge.documents.loaders.web import html
from knowledge.documents.loaders.web.styles import marking_rules
from knowledge.documents.loading import Source
from knowledge.errors import DocumentError
from knowledge.model import Document
from knowledge.text.cleaning import clean

_HEADERS = re.compile(rb"[!-9;-~]+[ \t]*:")


def load(source: Source) -> Document:
    """Read the first page of HTML in it; images are left out.

    Raises
    ------
    DocumentError
        There is no page in it.
    """
    data = source.data.lstrip()
    if not _HEADERS.match(data):
        raise DocumentError("it is not MHTML: it does not begin with headers")
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    page = next((part for part in message.walk() if part.get_content_type() in _PAGES), None)
    content = page.get_payload(decode=True) if page is not None else None
    if page is None or not isinstance(content, bytes) or not content.strip():
        raise DocumentError("there is no page of HTML in it")
    in_utf8 = _with_charset(content, page.get_content_charset())
    document = html.load(replace(source, data=in_utf8), _sheets(message))
    return Document(
        document.text,
        document.kind,
        metadata={**_metadata(message), **document.metadata},
        loader="mhtml",
        warnings=document.warnings,
        anchors=document.anchors,
    )


_PAGES = frozenset({"text/html", "application/xhtml+xml"})


def _sheets(message: EmailMessage) -> str:
    """Return what the page's style sheets mark."""
    parts = (part for part in message.walk() if part.get_content_type() == "text/css")
    found = (part.get_payload(decode=True) for part in parts)
    return "\n".join(
        marking_rules(sheet.decode("utf-8", "replace"))
        for sheet in found
        if isinstance(sheet, bytes)
    ).strip()


def _with_charset(content: bytes, charset: str | None) -> bytes:
    """Return the page as UTF-8 where its part's header names another encoding that fits."""
    if charset is None or charset.lower() in ("utf-8", "us-ascii"):
        return content
    try:
        return content.decode(charset).encode("utf-8", "replace")
    except (UnicodeDecodeError, LookupError):
        return content


def _metadata(message: EmailMessage) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    subject = str(message.get("Subject", "")).strip()
    if subject:
        metadata["title"] = clean(subject)
    address = str(message.get("Snapshot-Content-Location", "")).strip()
    if address:
        metadata["url"] = clean(address)
    try:
        metadata["saved"] = parsedate_to_datetime(str(message["Date"])).isoformat()
    except (TypeError, ValueError):  # none, or none that can be read
        return metadata
    return metadata
