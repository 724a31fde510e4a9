"""DOCX to Markdown: kreuzberg, or python-docx where kreuzberg fails or loses text."""

from __future__ import annotations

import re
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
_LISTS = tuple(re.compile(rf"^ {many}(?:-|\d+\.) ", re.MULTILINE) for many in "*+")
"""Items of lists, and those of lists in lists."""
_IN_TEXT = re.compile(r"[^\W\d_][^$\n|]*\$[^$\n]+\$|\$[^$\n]+\$[^$\n|]*[^\W\d_]")
"""An equation in a line with words."""
RUNNING = "Headers and footers"
"""Heading of what stands on every page."""

# What each engine writes in its own way: where links lead, equations, numbers of items and notes.
_ADDED = re.compile(r"\]\([^()\s]*\)|\$\$?[^$\n]+\$\$?|^ *\d+\. |\[\^\d+\]", re.MULTILINE)
_FIELDS = {
    "title": "title",
    "author": "author",
    "created": "created",
    "modified": "modified",
    "language": "language",
}


def load(source: Source) -> Loaded:
    """Read a Word document: headings, lists, tables, notes and comments as Markdown.

    Where no engine is chosen, python-docx reads what kreuzberg fails on, and what it gives only a
    part of.

    Raises
    ------
    DocumentError
        Neither engine can read it, or it is protected by a password.
    """
    data = unlock(source.data, source.options)
    check_office_zip(data)
    chosen = source.options.engines.get("docx")
    first, second = (_by_python_docx, _by_kreuzberg)
    if chosen != "python-docx":
        first, second = second, first
    try:
        loaded = first(data)
    except DocumentError as error:
        loaded = _instead(second, data, error)
    else:
        if chosen is None:
            loaded = _most(loaded, data)
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


def _most(loaded: Loaded, data: bytes) -> Loaded:
    """Return what python-docx gives where ``loaded`` lacks some of its text, or of its order.

    kreuzberg puts equations of running text before their paragraph, and flattens lists.
    """
    try:
        other = _by_python_docx(data)
    except DocumentError:
        return loaded
    mine, others = loaded.documents[0].text, [document.text for document in other.documents]
    if any(_lacks(mine, text) for text in others):
        return other
    more = any(len(kind.findall(others[0])) > len(kind.findall(mine)) for kind in _LISTS)
    better = more or _IN_TEXT.search(others[0])
    return other if better and not _lacks("\n".join(others), mine) else loaded


def _lacks(given: str, wanted: str) -> bool:
    """Tell whether a line or cell of ``wanted`` does not stand in ``given``."""
    held = _letters(_ADDED.sub("", given))
    return any(
        _letters(cell) not in held
        for line in _ADDED.sub("", wanted).split("\n")
        for cell in line.split(" | ")
    )


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _by_kreuzberg(data: bytes) -> Loaded:
    with panics_as_errors("reading it"):
        result = extract(data, MEDIA_TYPE)
    metadata = metadata_of(result)
    text = drop_inline_data(without_escapes(clean(result.content)))
    if not text.strip():
        raise DocumentError("kreuzberg finds no text in it")
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
