"""RTF to Markdown: kreuzberg, or striprtf where kreuzberg fails."""

from __future__ import annotations

import re
from typing import Any

from knowledge.documents.cleaning import clean
from knowledge.documents.loaders.kreuzberg_engine import extract, metadata_of, without_escapes
from knowledge.documents.loaders.rtf_text import rewrite
from knowledge.documents.options import LoadOptions
from knowledge.documents.panics import panics_as_errors
from knowledge.errors import DocumentError
from knowledge.model import Document, TextKind

_ROW_MARK = re.compile(r"^\[TABLE_ROW\]\n*", re.MULTILINE)  # what kreuzberg leaves of some tables
_SIGNS = re.compile("[\ufeff\uf000-\uf0ff]")  # bullets of symbol fonts, and marks


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read rich text: headings, tables, notes, comments and text boxes.

    Raises
    ------
    DocumentError
        It is no RTF, or neither engine can read it.
    """
    del name, options
    if not data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{\\rt"):
        raise DocumentError("it is no RTF document: it does not begin with {\\rtf")
    warnings: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    loader = "kreuzberg"
    try:
        with panics_as_errors("reading it"):
            result = extract(rewrite(data), "application/rtf")
        text = _ROW_MARK.sub("", without_escapes(result.content))
        metadata = metadata_of(result)
        if not text.strip():
            raise DocumentError("it gives no text")
    except DocumentError as first:
        text, loader = _by_striprtf(data, first), "striprtf"
        warnings = (f"read by striprtf, since the first engine failed: {first.message}",)
    return Document(
        _SIGNS.sub("", clean(text)),
        TextKind.MARKDOWN,
        metadata=metadata,
        loader=loader,
        warnings=warnings if text.strip() else (),
    )


def _by_striprtf(data: bytes, first: DocumentError) -> str:
    from striprtf import striprtf

    read: Any = striprtf.rtf_to_text
    try:
        return str(read(data.decode("latin-1"), errors="replace"))
    except Exception:  # noqa: BLE001  striprtf raises whatever a malformed file leads it to
        raise first from None
