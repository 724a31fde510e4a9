"""Jupyter notebooks (nbformat 4) to Markdown: text cells, code cells, text outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from knowledge.documents.cleaning import clean, drop_inline_data
from knowledge.documents.encodings import decode
from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError
from knowledge.model import Document, TextKind

OUTPUT_LINES = 40
"""Lines kept of one output."""

_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read a notebook's cells in order.

    Raises
    ------
    DocumentError
        It is no JSON, or no notebook of format 4.
    """
    del name, options
    try:
        notebook = json.loads(decode(data)[0])
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"it is not a notebook: {error}") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise DocumentError("it is not a notebook of format 4: it has no cells")
    language = _language(notebook.get("metadata"))
    parts = [part for cell in notebook["cells"] for part in _cell(cell, language)]
    return Document(
        clean(drop_inline_data("\n\n".join(parts))),
        TextKind.MARKDOWN,
        loader="notebook",
    )


def _language(metadata: Any) -> str:
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    return str(info.get("name", "")) if isinstance(info, dict) else ""


def _cell(cell: Any, language: str) -> Iterator[str]:
    if not isinstance(cell, dict):
        return
    source = _text(cell.get("source"))
    if not source.strip():
        return
    if cell.get("cell_type") != "code":
        yield source
        return
    yield _fenced(source, language)
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        shown = _output(output)
        if shown.strip():
            yield _fenced(shown, "text")


def _output(output: Any) -> str:
    if not isinstance(output, dict):
        return ""
    data = output.get("data")
    text = _text(output.get("text"))
    if isinstance(data, dict):
        text = _text(data.get("text/markdown") or data.get("text/plain"))
    lines = _ESCAPE.sub("", text).splitlines()
    rest = len(lines) - OUTPUT_LINES
    return "\n".join(lines[:OUTPUT_LINES] + ([f"… {rest} more lines"] if rest > 0 else []))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(map(str, value))
    return value if isinstance(value, str) else ""


def _fenced(text: str, language: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
