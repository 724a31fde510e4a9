"""Plain text, source code, reStructuredText and JSON: as they are."""

from __future__ import annotations

from knowledge.documents.encodings import decode
from knowledge.documents.extensions import format_by_name
from knowledge.documents.options import LoadOptions
from knowledge.model import Document, TextKind


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read text; its lines are the file's."""
    del options
    text, warnings = decode(data)
    format_ = format_by_name(name)
    return Document(
        text,
        TextKind.CODE if format_ == "code" else TextKind.TEXT,
        has_lines=True,
        loader="rst" if format_ == "rst" else "text",
        warnings=warnings,
    )
