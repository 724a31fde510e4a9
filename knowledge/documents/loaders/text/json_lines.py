"""JSON Lines: as they are, one record a line."""

from __future__ import annotations

from knowledge.documents.encodings import decode
from knowledge.documents.loaders.text.json_text import with_plain_characters
from knowledge.documents.loading import Source
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import drop_inline_data


def load(source: Source) -> Document:
    r"""Read records; the lines are the file's, but for ``\u`` escapes, which become characters."""
    text, warnings = decode(source.data)
    return Document(
        drop_inline_data(with_plain_characters(text)),
        TextKind.RECORDS,
        has_lines=True,
        syntax="json",
        loader="json",
        warnings=warnings,
    )
