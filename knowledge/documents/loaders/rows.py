"""CSV and TSV: as they are; the splitter keeps their records whole."""

from __future__ import annotations

from knowledge.documents.encodings import decode
from knowledge.documents.options import LoadOptions
from knowledge.model import Document, TextKind


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read a table of records; its lines are the file's."""
    del name, options
    text, warnings = decode(data)
    return Document(text, TextKind.ROWS, has_lines=True, loader="rows", warnings=warnings)
