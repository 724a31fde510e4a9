"""Plain text, source code, reStructuredText and JSON: as they are."""

from __future__ import annotations

from pathlib import PurePath

from knowledge.documents.cleaning import clean
from knowledge.documents.detect import SUPPORTED_EXTENSIONS
from knowledge.documents.encodings import decode
from knowledge.model import Document, TextKind


def load(data: bytes, name: str) -> Document:
    """Read text; its lines are the file's."""
    text, warnings = decode(data)
    format_ = SUPPORTED_EXTENSIONS.get(PurePath(name).suffix.lower(), "text")
    return Document(
        clean(text),
        TextKind.CODE if format_ == "code" else TextKind.TEXT,
        has_lines=True,
        loader="rst" if format_ == "rst" else "text",
        warnings=warnings,
    )
