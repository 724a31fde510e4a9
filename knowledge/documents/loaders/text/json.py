"""JSON: as it is, or in lines where it has none; the structured form as its documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from knowledge.documents.encodings import decode
from knowledge.documents.loaders.text.json_text import in_lines, is_in_lines, with_plain_characters
from knowledge.documents.loaders.text.metadata import plain_metadata
from knowledge.documents.loading import Loaded, Source
from knowledge.files.bounded_data import DataError, parse_json
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import clean, drop_inline_data


def load(source: Source) -> Document | Loaded:
    r"""Read JSON; its lines are the file's, but for ``\u`` escapes, which become characters.

    ``{"metadata": {…}, "documents": [{"metadata": {…}, "content": "…"}]}`` gives its documents,
    each with its own metadata; they are named ``documents/1``, ``documents/2`` and so on.
    """
    text, warnings = decode(source.data)
    structured = _structured(text)
    if structured is not None:
        return structured
    lines = is_in_lines(text)
    return Document(
        drop_inline_data(with_plain_characters(text if lines else in_lines(text))),
        TextKind.CODE,
        has_lines=lines,
        syntax="json",
        loader="json",
        warnings=warnings,
    )


def _structured(text: str) -> Loaded | None:
    if '"documents"' not in text:
        return None
    try:
        value = parse_json(text)
    except DataError:
        return None
    if not _is_structured(value):
        return None
    return Loaded(
        tuple(_documents(value["documents"])), metadata=plain_metadata(value.get("metadata"))
    )


def _is_structured(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= {"metadata", "documents", "schema"}:
        return False
    documents = value.get("documents")
    if not isinstance(documents, list) or not (documents or "metadata" in value):
        return False
    return all(
        isinstance(document, dict)
        and isinstance(document.get("content"), str)
        and isinstance(document.get("metadata"), Mapping | None)
        for document in documents
    )


def _documents(documents: list[dict[str, Any]]) -> Iterator[Document]:
    for number, document in enumerate(documents, 1):
        yield Document(
            clean(document["content"]),
            TextKind.MARKDOWN,
            metadata=plain_metadata(document.get("metadata")),
            loader="structured",
            member=f"documents/{number}",
        )
