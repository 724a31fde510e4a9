"""What a page is called, and of which kind and encoding its server says it is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from email.message import Message
from urllib.parse import unquote

from knowledge.documents.extensions import format_by_name

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
_ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/xml": ".xml",
    "application/xml": ".xml",
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "application/epub+zip": ".epub",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
    f"{_OFFICE}.presentationml.presentation": ".pptx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
    f"{_OPEN}.text": ".odt",
    f"{_OPEN}.spreadsheet": ".ods",
    f"{_OPEN}.presentation": ".odp",
}
"""Ending by media type; ``text/plain`` and unknown types leave it to the name and the content."""

_LONGEST_NAME = 200


def page_name(path: str, host: str, headers: Mapping[str, str]) -> str:
    """Return what a page is called: by ``Content-Disposition``, its URL's path, or its host."""
    named = _message("Content-Disposition", headers.get("content-disposition", "")).get_filename()
    last = named or unquote(path.rstrip("/").rpartition("/")[2]) or host
    last = re.split(r"[/\\]", last)[-1] if named else last.replace("/", "_")
    clean = "".join(c for c in last if c.isprintable()).strip()
    return clean[-_LONGEST_NAME:] or host


def load_name(name: str, content_type: str) -> str:
    """Return the name with an ending that tells the kind which the server names."""
    ending = _ENDINGS.get(_message("Content-Type", content_type).get_content_type())
    if ending is None or not content_type or format_by_name(name) == format_by_name("x" + ending):
        return name
    return name + ending


def transcoded(path: str, content_type: str) -> int:
    """Rewrite a text as UTF-8 when the server names another encoding; return its new size.

    The server's word counts more than the page's own, as in browsers. 0 when nothing was done.
    """
    message = _message("Content-Type", content_type)
    charset = message.get_content_charset("")
    if not charset or message.get_content_maintype() != "text":
        return 0
    try:
        codec = codecs.lookup(charset).name
    except LookupError:
        return 0
    if codec in ("utf-8", "utf-8-sig", "ascii"):
        return 0
    with open(path, "rb") as file:
        content = file.read()
    text = _decoded(content, "cp1252" if codec == "iso8859-1" else codec)  # as browsers take it
    if text is None or _decoded(content, "utf-8") is not None:
        return 0
    content = text.encode("utf-8-sig")  # the mark wins over what the page says of itself
    with open(path, "wb") as file:
        file.write(content)
    return len(content)


def _decoded(content: bytes, codec: str) -> str | None:
    try:
        return content.decode(codec)
    except (UnicodeError, LookupError):
        return None


def _message(header: str, value: str) -> Message:
    message = Message()
    if value:
        message[header] = re.sub(r"[\r\n]+", " ", value)
    return message
