"""PDF, page by page: kreuzberg (PDFium), or pypdf where kreuzberg fails."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable
from typing import Any

from knowledge.documents.cleaning import clean
from knowledge.documents.loaders.kreuzberg_engine import extract, metadata_of
from knowledge.documents.options import LoadOptions
from knowledge.documents.panics import panics_as_errors
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.model import Document, PageSpan, TextKind

# PDFium's mark of a word that a line break takes apart, and the soft hyphen of others.
_HYPHEN = re.compile(r"[\x02\ufffe]\n?|\xad\n")


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read the text of each page.

    Raises
    ------
    EmptyDocumentError
        No page has text.
    DocumentError
        Neither engine can read it, or it is protected by a password.
    """
    del name, options
    warnings: tuple[str, ...] = ()
    engine = "kreuzberg"
    try:
        with panics_as_errors("reading it"):
            pages, metadata = _by_kreuzberg(data)
    except DocumentError as first:
        engine = "pypdf"
        pages, metadata = _by_pypdf(data, first)
        warnings = (f"read by pypdf, since the first engine failed: {first.message}",)
    text, spans = join_pages(pages)
    if not text.strip():
        count = f"{len(spans)} page{'s' * (len(spans) != 1)}"
        raise EmptyDocumentError(f"no text layer ({count}): it may be scanned, and needs OCR")
    blank = sum(span.char_start == span.char_end for span in spans)
    if blank * 4 >= len(spans):
        warnings += (f"{blank} of {len(spans)} pages hold no text; they may need OCR",)
    return Document(
        text,
        TextKind.TEXT,
        spans,
        metadata={**metadata, "pages": len(spans)},
        loader=engine,
        warnings=warnings,
    )


def join_pages(pages: Iterable[tuple[int, str]]) -> tuple[str, tuple[PageSpan, ...]]:
    """Join (number, text) of pages with a blank line between; return the text and its spans."""
    parts: list[str] = []
    spans: list[PageSpan] = []
    offset = 0
    for number, raw in pages:
        text = _HYPHEN.sub("", clean(raw)).strip("\n")
        spans.append(PageSpan(number, offset, offset + len(text)))
        parts.append(text)
        offset += len(text) + 2
    return "\n\n".join(parts), tuple(spans)


def _by_kreuzberg(data: bytes) -> tuple[list[tuple[int, str]], dict[str, Any]]:
    import kreuzberg

    config = kreuzberg.PageConfig(extract_pages=True)
    result = extract(data, "application/pdf", output_format="plain", pages=config)
    pages = [(page["page_number"], page["content"]) for page in result.pages or ()]
    if not pages and result.content.strip():
        raise DocumentError("it can't be read page by page")
    return pages, metadata_of(result)


def _by_pypdf(data: bytes, first: DocumentError) -> tuple[list[tuple[int, str]], dict[str, Any]]:
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            reader.decrypt("")
        pages = [(page, item.extract_text()) for page, item in enumerate(reader.pages, 1)]
        title = reader.metadata.title if reader.metadata else None
    except Exception:  # noqa: BLE001  pypdf raises whatever a malformed file leads it to
        raise first from None
    return pages, {"title": clean(str(title))} if title else {}
