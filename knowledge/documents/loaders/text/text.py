"""Plain text: as it is."""

from __future__ import annotations

from knowledge.documents.encodings import decode
from knowledge.documents.loading import Source
from knowledge.model import Document


def load(source: Source) -> Document:
    """Read text; its lines are the file's."""
    text, warnings = decode(source.data)
    return Document(text, has_lines=True, loader="text", warnings=warnings)
