"""Bytes to a Document: find the format, let its loader read, clean the text."""

from __future__ import annotations

from importlib import import_module

from knowledge.documents.detect import detect
from knowledge.documents.loaders import LOADERS
from knowledge.documents.panics import panics_as_errors
from knowledge.documents.signatures import describe
from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import Document

_MIB = 1024 * 1024
_PLAIN = frozenset({"text", "code", "markdown", "rst", "rows", "json"})


def load_bytes(data: bytes, name: str, *, max_text: int | None = None) -> Document:
    """Read a document.

    Parameters
    ----------
    data:
        The file's bytes.
    name:
        Its name, which helps to find its kind.
    max_text:
        Most bytes of text; ``None`` is no limit.

    Raises
    ------
    UnsupportedDocumentError
        No loader knows this kind of file; the message says what it seems to be.
    EmptyDocumentError
        It holds no text; the message says why, where that is known.
    DocumentError
        It is malformed, protected by a password, or holds too much text.
    """
    if not data:
        raise EmptyDocumentError("the file is empty")
    kind = detect(name, data)
    if kind is None:
        raise UnsupportedDocumentError(describe(data) or "binary data of no known kind")
    if kind in _PLAIN:
        _check_size(len(data), max_text)
    document = _load(kind, data, name)
    _check_size(len(document.text), max_text)
    if not document.text.strip():
        raise EmptyDocumentError("it holds no text")
    return document


def _load(kind: str, data: bytes, name: str) -> Document:
    load = import_module(f"knowledge.documents.loaders.{LOADERS[kind]}").load
    try:
        with panics_as_errors("reading it"):
            document: Document = load(data, name)
    except (DocumentError, MemoryError):
        raise
    except Exception as error:  # what a malformed file leads a loader to is the file's fault
        raise DocumentError(f"it can't be read: {type(error).__name__}: {error}") from error
    return document


def _check_size(size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise DocumentError(
            f"it holds {size / _MIB:.0f} MiB of text, more than {limit / _MIB:.0f} MiB, the limit",
            hint="KNOW_MAX_TEXT_SIZE raises it",
        )
