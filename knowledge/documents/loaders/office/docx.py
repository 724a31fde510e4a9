"""DOCX to Markdown by python-docx, or by kreuzberg where that fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from knowledge.documents.loaders.archives.zip_bounds import check_office_zip
from knowledge.documents.loaders.office.kreuzberg_engine import (
    extract,
    metadata_of,
    without_escapes,
)
from knowledge.documents.loaders.office.protection import unlock
from knowledge.documents.loaders.office.wordprocessing import WordText
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.panics import panics_as_errors
from knowledge.errors import DocumentError
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import clean, drop_inline_data

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
RUNNING = "Headers and footers"
"""Heading of what stands on every page."""

_FIELDS = {
    "title": "title",
    "author": "author",
    "created": "created",
    "modified": "modified",
    "language": "language",
}


def load(source: Source) -> Loaded:
    """Read a Word document: headings, lists, tables, notes and comments as Markdown.

    kreuzberg reads what python-docx can't, or the other way round where it is the chosen engine.

    Raises
    ------
    DocumentError
        Neither engine can read it, or it is protected by a password.
    """
    data = unlock(source.data, source.options)
    check_office_zip(data)
    first, second = _by_python_docx, _by_kreuzberg
    if source.options.engines.get("docx") == "kreuzberg":
        first, second = second, first
    try:
        loaded = first(data)
    except DocumentError as error:
        return _instead(second, data, error)
    if any(document.text.strip() for document in loaded.documents):
        return loaded
    try:
        return second(data)
    except DocumentError:
        return loaded


def _instead(read: Callable[[bytes], Loaded], data: bytes, first: DocumentError) -> Loaded:
    try:
        loaded = read(data)
    except DocumentError:
        raise first from None
    documents = [_warned(document, first) for document in loaded.documents]
    return Loaded(tuple(documents), metadata=loaded.metadata)


def _warned(document: Document, first: DocumentError) -> Document:
    warning = f"read by {document.loader}, since the first engine failed: {first.message}"
    return replace(document, warnings=(warning,))


def _by_kreuzberg(data: bytes) -> Loaded:
    with panics_as_errors("reading it"):
        result = extract(data, MEDIA_TYPE)
    metadata = metadata_of(result)
    text = drop_inline_data(without_escapes(clean(result.content)))
    document = Document(text, TextKind.MARKDOWN, metadata=metadata, loader="kreuzberg")
    return Loaded((document,), metadata=metadata)


def _by_python_docx(data: bytes) -> Loaded:
    try:
        word = WordText(data)
        body, running = clean(word.body()), clean(word.running())
    except Exception as error:  # python-docx raises whatever XML and ZIP raise
        reason = " ".join(str(error).split())[:200]
        raise DocumentError(f"it can't be read: {reason}") from error
    metadata = _metadata(word.properties)
    documents = [Document(body, TextKind.MARKDOWN, metadata=metadata, loader="python-docx")]
    if running:
        documents.append(
            Document(running, TextKind.MARKDOWN, loader="python-docx", heading=(RUNNING,))
        )
    return Loaded(tuple(documents), metadata=metadata)


def _metadata(properties: Any) -> Mapping[str, Any]:
    metadata = {}
    for field, ours in _FIELDS.items():
        try:
            value = getattr(properties, field)
        except ValueError:
            continue  # a date that is none
        text = value.isoformat() if hasattr(value, "isoformat") else str(value or "")
        if text.strip():
            metadata[ours] = clean(text).strip()
    return metadata
