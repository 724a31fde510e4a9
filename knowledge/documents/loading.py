"""Bytes to a document (first version)."""

from __future__ import annotations

from typing import Any

from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import Document, PageSpan, TextKind

KREUZBERG = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
    "htm": "text/html",
}


def load_bytes(data: bytes, name: str, *, max_text: int | None = None) -> Document:
    """Load."""
    if not data:
        raise EmptyDocumentError("the file is empty")
    suffix = name.rpartition(".")[2].lower()
    if data[:4] == b"%PDF":
        suffix = "pdf"
    if suffix in KREUZBERG:
        return _kreuzberg(data, suffix)
    if max_text and len(data) > max_text:
        raise DocumentError("holds too much text", hint="KNOW_MAX_TEXT_SIZE")
    if b"\0" in data[:4096]:
        if suffix in ("txt", "md"):
            raise DocumentError("holds binary data, not text")
        raise UnsupportedDocumentError("binary data")
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    if not text.strip():
        raise EmptyDocumentError("it holds no text")
    kind = TextKind.MARKDOWN if suffix == "md" else TextKind.TEXT
    return Document(text, kind, has_lines=True)


def _kreuzberg(data: bytes, suffix: str) -> Document:
    import kreuzberg as k

    try:
        result: Any = k.extract_bytes_sync(
            data,
            KREUZBERG[suffix],
            k.ExtractionConfig(
                use_cache=False,
                output_format="markdown",
                pages=k.PageConfig(extract_pages=True) if suffix == "pdf" else None,
            ),
        )
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise DocumentError(str(error)[:200]) from error
    if suffix != "pdf":
        if not result.content.strip():
            raise EmptyDocumentError("no text")
        return Document(result.content, TextKind.MARKDOWN)
    text, pages = "", []
    for page in result.pages or []:
        start = len(text)
        text += page["content"].replace("\r\n", "\n")
        pages.append(PageSpan(page["page_number"], start, len(text)))
        text += "\n\n"
    if not text.strip():
        raise EmptyDocumentError("no text layer")
    return Document(text, TextKind.TEXT, tuple(pages))
