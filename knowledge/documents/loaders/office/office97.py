"""DOC and PPT, the formats of Word and PowerPoint up to 2003; kreuzberg where they are damaged."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

from knowledge.documents.loaders.numbered_pages import numbered
from knowledge.documents.loaders.office.kreuzberg_engine import extract, without_escapes
from knowledge.documents.loaders.office.powerpoint97 import PowerPoint97
from knowledge.documents.loaders.office.protection import OLE, unlock
from knowledge.documents.loaders.office.word97 import Word97
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.panics import panics_as_errors
from knowledge.errors import DocumentError
from knowledge.model import Document, PageUnit, TextKind
from knowledge.text.cleaning import clean

_WORD = "WordDocument"
_POWERPOINT = "PowerPoint Document"
_BESIDE = {
    "boxes": "Text boxes",
    "footnotes": "Footnotes",
    "endnotes": "Endnotes",
    "comments": "Comments",
    "headers": "Headers and footers",
}
"""Texts beside the main one, with the heading under which they are cited."""

_FIELDS = {
    "title": "title",
    "author": "author",
    "create_time": "created",
    "last_saved_time": "modified",
}


def load(source: Source) -> Loaded:
    """Read a document or a presentation.

    Raises
    ------
    DocumentError
        It can't be read, or is protected by a password.
    """
    if not source.data.startswith(OLE):
        raise DocumentError("it can't be read: it is not a file of Office 97 to 2003")
    data = unlock(source.data, source.options)
    streams, metadata = _streams(data)
    try:
        if _WORD in streams:
            return _document(streams, metadata)
        if _POWERPOINT in streams:
            return _presentation(streams, metadata)
    except (struct.error, DocumentError, IndexError) as error:
        return _by_kreuzberg(data, _WORD in streams, error)
    raise DocumentError("it can't be read: it holds neither a document nor a presentation")


def _streams(data: bytes) -> tuple[dict[str, bytes], dict[str, str]]:
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            names = (_WORD, "0Table", "1Table", _POWERPOINT, "Current User")
            found = {name: file.openstream(name).read() for name in names if file.exists(name)}
            return found, _metadata(file.get_metadata())
    except Exception as error:  # olefile raises whatever a malformed file leads it to
        reason = " ".join(str(error).split())[:200]
        raise DocumentError(f"it can't be read: {reason}") from error


def _metadata(found: Any) -> dict[str, str]:
    metadata = {}
    for field, ours in _FIELDS.items():
        value: Any = getattr(found, field, None)
        if isinstance(value, bytes):
            value = value.decode(
                "utf-8" if found.codepage in (65001, -535) else "cp1252", "replace"
            )
        text = value.isoformat() if hasattr(value, "isoformat") else str(value or "")
        if clean(text).strip():
            metadata[ours] = clean(text).strip()
    return metadata


def _document(streams: Mapping[str, bytes], metadata: dict[str, str]) -> Loaded:
    tables = (streams.get("0Table", b""), streams.get("1Table", b""))
    texts = Word97(streams[_WORD], tables).texts()
    body = Document(clean(texts[""]), TextKind.MARKDOWN, metadata=metadata, loader="doc")
    documents = [body]
    for kind, heading in _BESIDE.items():
        text = clean("\n\n".join(dict.fromkeys(texts[kind].split("\n\n"))))
        if any(map(str.isalpha, text)):
            documents.append(Document(text, TextKind.MARKDOWN, loader="doc", heading=(heading,)))
    return Loaded(tuple(documents), metadata=metadata)


def _presentation(streams: Mapping[str, bytes], metadata: dict[str, str]) -> Loaded:
    parts = PowerPoint97(streams[_POWERPOINT], streams.get("Current User", b"")).parts()
    if not parts:
        raise DocumentError("it can't be read: its slides can't be found")
    text, spans = numbered(parts)
    about: dict[str, Any] = {**metadata, "slides": len(parts)}
    document = Document(
        text, TextKind.MARKDOWN, spans, PageUnit.SLIDE, metadata=about, loader="ppt"
    )
    return Loaded((document,), metadata=about)


def _by_kreuzberg(data: bytes, is_word: bool, error: Exception) -> Loaded:
    reason = error.message if isinstance(error, DocumentError) else "it is damaged"
    first = (
        error if isinstance(error, DocumentError) else DocumentError(f"it can't be read: {reason}")
    )
    if "password" in reason:
        raise first
    media_type = "application/msword" if is_word else "application/vnd.ms-powerpoint"
    try:
        with panics_as_errors("reading it"):
            text = without_escapes(clean(extract(data, media_type).content))
    except DocumentError:
        raise first from None
    document = Document(
        text,
        TextKind.MARKDOWN,
        loader="kreuzberg",
        warnings=(f"read by kreuzberg, since the first engine failed: {reason}",),
    )
    return Loaded((document,))
