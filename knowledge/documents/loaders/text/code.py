"""Source code and configuration: as it is, with the language that tells where to cut."""

from __future__ import annotations

from knowledge.documents.encodings import decode
from knowledge.documents.loading import Source
from knowledge.documents.syntaxes import syntax_of
from knowledge.model import Document, TextKind


def load(source: Source) -> Document:
    """Read code; its lines are the file's."""
    text, warnings = decode(source.data)
    return Document(
        text,
        TextKind.CODE,
        has_lines=True,
        syntax=syntax_of(source.name, text),
        loader="code",
        warnings=warnings,
    )
