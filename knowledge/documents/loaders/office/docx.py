"""DOCX to Markdown by an own reader, or by kreuzberg where that fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html import unescape

from knowledge.documents.loaders.office.kreuzberg_engine import (
    extract,
    metadata_of,
    without_escapes,
)
from knowledge.documents.loaders.office.protection import unlock
from knowledge.documents.loaders.office.wordprocessing import MAIN, WordText
from knowledge.documents.loaders.office.xml_package import Package, core_properties, main_part
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.panics import panics_as_errors
from knowledge.errors import DocumentError
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import clean, drop_inline_data

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
RUNNING = "Headers and footers"
"""Heading of what stands on every page."""

_TEXTS = re.compile(rb"<(?:\w+:)?t(?:\s[^>]*)?>([^<]+)")
_TWINS = re.compile(rb"<mc:Fallback>.*?</mc:Fallback>", re.DOTALL)


def load(source: Source) -> Loaded:
    """Read a Word document: headings, lists, tables, notes and comments as Markdown.

    kreuzberg reads what the own reader can't, or the other way round where it is the chosen engine;
    there the own reader also reads what kreuzberg reads without some of its signs.

    Raises
    ------
    DocumentError
        Neither engine can read it, or it is protected by a password.
    """
    package = Package(unlock(source.data, source.options))
    first, second = _by_lxml, _by_kreuzberg
    if source.options.engines.get("docx") == "kreuzberg":
        first, second = _without_loss, _by_lxml
    try:
        loaded = first(package)
    except DocumentError as error:
        return _instead(second, package, error)
    if any(document.text.strip() for document in loaded.documents):
        return loaded
    try:
        return second(package)
    except DocumentError:
        return loaded


def _instead(read: Callable[[Package], Loaded], package: Package, first: DocumentError) -> Loaded:
    try:
        loaded = read(package)
    except DocumentError:
        raise first from None
    documents = [_warned(document, first) for document in loaded.documents]
    return Loaded(tuple(documents), metadata=loaded.metadata)


def _warned(document: Document, first: DocumentError) -> Document:
    warning = f"read by {document.loader}, since the first engine failed: {first.message}"
    return replace(document, warnings=(warning,))


def _by_kreuzberg(package: Package) -> Loaded:
    with panics_as_errors("reading it"):
        result = extract(package.data, MEDIA_TYPE)
    metadata = metadata_of(result)
    text = drop_inline_data(without_escapes(clean(result.content)))
    document = Document(text, TextKind.MARKDOWN, metadata=metadata, loader="kreuzberg")
    return Loaded((document,), metadata=metadata)


def _without_loss(package: Package) -> Loaded:
    loaded = _by_kreuzberg(package)
    data = _TWINS.sub(b"", package.read(main_part(package, MAIN)) or b"")
    texts = unescape(b" ".join(_TEXTS.findall(data)).decode("utf-8", "replace"))
    lost = _signs(texts) - _signs(loaded.documents[0].text)
    if lost:
        raise DocumentError(f"it loses signs: {' '.join(sorted(lost))}")
    return loaded


def _signs(text: str) -> Counter[str]:
    """Count punctuation and symbols, but for the backslash, which Markdown adds and drops."""
    return Counter(sign for sign in text if not (sign.isalnum() or sign.isspace() or sign == "\\"))


def _by_lxml(package: Package) -> Loaded:
    try:
        word = WordText(package)
        body, running = clean(word.body()), clean(word.running())
    except (DocumentError, MemoryError):
        raise
    except Exception as error:  # what a malformed file leads to; the other engine may read it
        reason = " ".join(str(error).split())[:200]
        raise DocumentError(f"it can't be read: {reason}") from error
    metadata = core_properties(package)
    documents = [Document(body, TextKind.MARKDOWN, metadata=metadata, loader="lxml")]
    if running:
        documents.append(Document(running, TextKind.MARKDOWN, loader="lxml", heading=(RUNNING,)))
    return Loaded(tuple(documents), metadata=metadata)
