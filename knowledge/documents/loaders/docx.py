"""DOCX to Markdown: kreuzberg, or python-docx where kreuzberg fails."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from knowledge.documents.cleaning import clean, drop_inline_data
from knowledge.documents.loaders.kreuzberg_engine import extract, metadata_of
from knowledge.documents.options import LoadOptions
from knowledge.documents.panics import panics_as_errors
from knowledge.documents.signatures import describe
from knowledge.errors import DocumentError
from knowledge.model import Document, TextKind

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
UNPACKED_LIMIT = 512 * 1024 * 1024
"""Bytes that the parts of a file may unpack to where python-docx reads it."""


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read a Word document: headings, lists and tables as Markdown.

    Raises
    ------
    DocumentError
        Neither engine can read it.
    """
    del name, options
    if "password" in (describe(data) or ""):
        raise DocumentError("it is protected by a password")
    try:
        with panics_as_errors("reading it"):
            result = extract(data, MEDIA_TYPE)
    except DocumentError as first:
        return _second(data, first)
    return Document(
        drop_inline_data(clean(result.content)),
        TextKind.MARKDOWN,
        metadata=metadata_of(result),
        loader="kreuzberg",
    )


def _second(data: bytes, first: DocumentError) -> Document:
    import docx

    try:
        _check_unpacked(data)
        document = docx.Document(io.BytesIO(data))
        text = "\n\n".join(_blocks(document))
    except Exception:  # noqa: BLE001  python-docx raises whatever XML and ZIP raise
        raise first from None
    title = clean(document.core_properties.title)
    return Document(
        clean(text),
        TextKind.MARKDOWN,
        metadata={"title": title} if title else {},
        loader="python-docx",
        warnings=(f"read by python-docx, since the first engine failed: {first.message}",),
    )


def _check_unpacked(data: bytes) -> None:
    """Refuse an archive that unpacks to more than memory: python-docx reads each part whole."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_LIMIT:
            raise DocumentError("it unpacks to too much")


def _blocks(document: Any) -> Iterator[str]:
    for item in document.iter_inner_content():
        if hasattr(item, "rows"):
            yield _table([[cell.text for cell in row.cells] for row in item.rows])
        elif item.text.strip():
            yield _paragraph(item.style.name if item.style else "", item.text.strip())


def _paragraph(style: str, text: str) -> str:
    if style == "Title":
        return f"# {text}"
    if style.startswith("Heading "):
        level = style.removeprefix("Heading ")
        return f"{'#' * min(int(level), 6) if level.isdigit() else '#'} {text}"
    return f"- {text}" if style.startswith("List") else text


def _table(rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = ["| " + " | ".join(" ".join(cell.split()) for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
