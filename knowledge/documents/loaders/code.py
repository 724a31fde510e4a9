"""Source code and configuration: as it is, with the language that tells where to cut."""

from __future__ import annotations

from knowledge.documents.encodings import decode
from knowledge.documents.options import LoadOptions
from knowledge.documents.sourcecode.syntaxes import syntax_of
from knowledge.model import Document, TextKind


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read code; its lines are the file's."""
    del options
    text, warnings = decode(data)
    return Document(
        text,
        TextKind.CODE,
        has_lines=True,
        syntax=syntax_of(name, text),
        loader="code",
        warnings=warnings,
    )
