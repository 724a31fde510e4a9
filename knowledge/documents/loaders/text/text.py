"""Plain text: as it is."""

from __future__ import annotations

from knowledge.documents.encodings import decode
from knowledge.documents.options import LoadOptions
from knowledge.model import Document


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read text; its lines are the file's."""
    del name, options
    text, warnings = decode(data)
    return Document(text, has_lines=True, loader="text", warnings=warnings)
