"""Jupyter notebooks (nbformat 3 and 4) to Markdown: text cells, code cells, text outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from knowledge.documents.encodings import decode
from knowledge.documents.loading import Source
from knowledge.documents.options import NotebookOptions
from knowledge.documents.splitting.fencing import fenced
from knowledge.documents.splitting.headings import scan_markdown
from knowledge.errors import DocumentError
from knowledge.files.bounded_data import DataError, parse_json
from knowledge.model import Anchor, Document, PageSpan, PageUnit, TextKind
from knowledge.text.cleaning import clean, drop_inline_data

OUTPUT_LINES = 40
"""Lines kept of one output."""

_LINE = 2_000
"""Characters kept of one line of an output."""
_ID = re.compile(r"[\w-]{1,64}")
"""A cell's id (nbformat 4.5), which Jupyter opens by ``#cell-id=``."""
_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def load(source: Source) -> Document:
    """Read a notebook's cells in order; the pages are the cells.

    Raises
    ------
    DocumentError
        It is no JSON, or no notebook.
    """
    try:
        notebook = parse_json(decode(source.data)[0])
    except DataError as error:
        raise DocumentError(f"it is not a notebook: {error}") from error
    cells = _cells(notebook)
    about = notebook.get("metadata")
    language = _language(about)
    wanted = source.options.notebook
    text, pages = _joined(["\n\n".join(_cell(cell, language, wanted)) for cell in cells])
    ids = [cell.get("id") if isinstance(cell, dict) else None for cell in cells]
    return Document(
        text,
        TextKind.MARKDOWN,
        pages=pages,
        page_unit=PageUnit.CELL,
        metadata=_metadata(about, text, language),
        loader="notebook",
        anchors=tuple(
            Anchor(f"cell-id={ids[page.number - 1]}", page.char_start)
            for page in pages
            if _ID.fullmatch(str(ids[page.number - 1] or ""))
        ),
    )


def _cells(notebook: Any) -> Sequence[Any]:
    if isinstance(notebook, dict):
        cells = notebook.get("cells")
        if isinstance(cells, list):
            return cells
        sheets = notebook.get("worksheets")  # nbformat 3
        if isinstance(sheets, list) and all(isinstance(sheet, dict) for sheet in sheets):
            found = [sheet.get("cells") for sheet in sheets]
            return list(chain.from_iterable(part for part in found if isinstance(part, list)))
    raise DocumentError("it is not a notebook: it has no cells")


def _joined(cells: Sequence[str]) -> tuple[str, tuple[PageSpan, ...]]:
    """Return the cells' text and their spans; empty cells count, but have none."""
    parts: list[str] = []
    pages: list[PageSpan] = []
    length = 0
    for number, cell in enumerate(cells, 1):
        text = clean(drop_inline_data(cell)).strip("\n")
        if not text.strip():
            continue
        if parts:
            parts.append("\n\n")
            length += 2
        parts.append(text)
        pages.append(PageSpan(number, length, length + len(text)))
        length += len(text)
    return "".join(parts), tuple(pages)


def _metadata(about: Any, text: str, language: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    headings = scan_markdown(text[:65_536], 0, min(len(text), 65_536)).headings
    title = about.get("title") if isinstance(about, dict) else None
    if isinstance(title, str) and title.strip():
        metadata["title"] = clean(title).strip()
    elif headings:
        metadata["title"] = headings[0].title
    if language:
        metadata["kernel_language"] = clean(language)
    return metadata


def _language(metadata: Any) -> str:
    if not isinstance(metadata, dict):
        return ""
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        info = metadata.get(part)
        if isinstance(info, dict) and info.get(key):
            return str(info[key])
    return ""


def _cell(cell: Any, language: str, wanted: NotebookOptions | None) -> Iterator[str]:
    if not isinstance(cell, dict):
        return
    source = _text(cell.get("source") or cell.get("input"))
    if not source.strip():
        return
    if cell.get("cell_type") == "heading":  # nbformat 3
        level = cell.get("level")
        yield f"{'#' * (level if isinstance(level, int) and 0 < level < 7 else 1)} {source}"
        return
    if cell.get("cell_type") != "code":
        yield source
        return
    yield fenced(source, language)
    outputs = cell.get("outputs") if wanted is None or wanted.outputs else None
    for output in outputs if isinstance(outputs, list) else ():
        shown = _output(output, wanted)
        if shown.strip():
            yield fenced(shown, "text")


def _output(output: Any, wanted: NotebookOptions | None) -> str:
    if not isinstance(output, dict):
        return ""
    data = output.get("data")
    text = _text(output.get("text"))
    if isinstance(data, dict):
        text = _text(data.get("text/markdown") or data.get("text/plain"))
    elif not text and output.get("ename"):
        text = f"{output['ename']}: {output.get('evalue', '')}"
        if wanted is not None and wanted.traceback:
            text = "\n".join(map(str, output.get("traceback") or [text]))
    if wanted is not None and 0 < wanted.max_output < len(text := _ESCAPE.sub("", text)):
        text = f"{text[: wanted.max_output]}…"
    lines = _ESCAPE.sub("", text).splitlines()
    rest = len(lines) - OUTPUT_LINES
    kept = [line[:_LINE] + "…" * (len(line) > _LINE) for line in lines[:OUTPUT_LINES]]
    return "\n".join(kept + ([f"… {rest} more lines"] if rest > 0 else []))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(map(str, value))
    return value if isinstance(value, str) else ""
