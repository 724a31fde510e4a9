"""OpenDocument texts and presentations (ODF 1.3, ISO/IEC 26300) to Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from knowledge.documents.loaders.numbered_pages import Part, numbered
from knowledge.documents.loaders.office.odf_protection import open_package
from knowledge.documents.loaders.office.xml_package import (
    attribute,
    local_name,
    parse_xml,
    properties,
)
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError
from knowledge.model import Document, PageUnit, TextKind
from knowledge.text.cleaning import clean

RUNNING = "Headers and footers"
"""Heading of what stands on every page."""


def load(source: Source) -> Loaded:
    """Read a text, a presentation or a drawing, packed or as a single XML file.

    Raises
    ------
    DocumentError
        It can't be read, or is protected by a password.
    """
    content, styles, metadata = _roots(source.data, source.options)
    body = next((e for e in content.iter() if local_name(e) == "body"), None)
    kind = next((e for e in body if isinstance(e.tag, str)), None) if body is not None else None
    if kind is None:
        raise DocumentError("it can't be read: its content has no body")
    if local_name(kind) in ("presentation", "drawing"):
        return _slides(kind, metadata)
    text = clean(markdown.join(OdfText().blocks(kind)))
    documents = [Document(text, TextKind.MARKDOWN, metadata=metadata, loader="opendocument")]
    running = clean("\n\n".join(dict.fromkeys(_running(styles))))
    if running:
        documents.append(
            Document(running, TextKind.MARKDOWN, loader="opendocument", heading=(RUNNING,))
        )
    return Loaded(tuple(documents), metadata=metadata)


def _roots(data: bytes, options: LoadOptions) -> tuple[Any, Any, dict[str, str]]:
    """Return the trees of content and styles, and the metadata."""
    if not data.startswith(b"PK"):
        root = parse_xml(data)
        if root is None or local_name(root) != "document":
            raise DocumentError("it can't be read: it is no OpenDocument file")
        meta = next((e for e in root if local_name(e) == "meta"), None)
        return root, root, properties(meta) if meta is not None else {}
    package = open_package(data, options)
    content, meta = package.tree("content.xml"), package.tree("meta.xml")
    if content is None:
        raise DocumentError("it can't be read: its content is missing or damaged")
    return content, package.tree("styles.xml"), properties(meta) if meta is not None else {}


def _running(styles: Any) -> Iterator[str]:
    for element in styles.iter() if styles is not None else ():
        if local_name(element).startswith(("header", "footer")):
            text = markdown.join(OdfText().blocks(element))
            if any(map(str.isalpha, text)):
                yield text


def _slides(body: Any, metadata: dict[str, str]) -> Loaded:
    pages = [page for page in body if local_name(page) == "page"]
    presents = local_name(body) == "presentation"
    unit = PageUnit.SLIDE if presents else PageUnit.PAGE
    text, spans = numbered(_slide(page, number, unit) for number, page in enumerate(pages, 1))
    metadata = {**metadata, f"{unit.value}s": len(pages)}  # type: ignore[dict-item]
    document = Document(
        text, TextKind.MARKDOWN, spans, unit, metadata=metadata, loader="opendocument"
    )
    return Loaded((document,), metadata=metadata)


def _slide(page: Any, number: int, unit: PageUnit) -> Part:
    title = ""
    blocks: list[str] = []
    for shape in page:
        name = local_name(shape)
        found = list(OdfText().blocks(shape))
        if name == "notes":
            note = "\n\n".join(block for block in found if any(map(str.isalnum, block)))
            blocks += [f"Notes: {note}"] if note else []
        elif attribute(shape, "class") == "title" and not title:
            title = " ".join(" ".join(found).split())
        else:
            blocks += found
    if not title and not any(blocks):
        return Part(number, "")
    shown = markdown.heading(1, title or f"{unit.value.capitalize()} {number}")
    return Part(number, markdown.join([shown, *blocks]), title)


_SKIPPED = frozenset(
    {"tracked-changes", "forms", "sequence-decls", "settings", "desc", "title", "creator", "date"}
    | {"page-number", "note-citation", "bibliography-source", "table-of-content-source", "script"}
    | {"image", "event-listeners", "plugin", "date-string"}
)
_SPACE = re.compile(r"[ \t\r\n]+")
_MOST_REPEATED = 50  # an empty cell may stand for the rest of a sheet


@dataclass(slots=True)
class _Beside:
    """What stands after a block: boxes inside it, notes and comments."""

    blocks: list[str] = field(default_factory=list)


class OdfText:
    """Walks the elements of a text; counts its notes."""

    def __init__(self) -> None:
        self._notes = 0

    def blocks(self, parent: Any, depth: int = -1) -> Iterator[str]:
        """Yield the blocks below ``parent``, in reading order.

        Parameters
        ----------
        depth:
            How deep in lists ``parent`` stands; below 0 outside of lists.
        """
        for child in parent:
            name = local_name(child)
            if name in ("p", "h"):
                yield from self._paragraph(child)
            elif name == "list":
                yield from self._list(child, depth + 1)
            elif name == "table":
                yield from self._table(child)
            elif name == "annotation":
                yield self._comment(child)
            elif name and name not in _SKIPPED:
                yield from self.blocks(child, depth)

    def _list(self, element: Any, depth: int) -> Iterator[str]:
        for entry in element:
            if local_name(entry) not in ("list-item", "list-header"):
                continue
            for block in self.blocks(entry, depth):
                plain = not block.lstrip(" ").startswith(("- ", "#", "[^", "> ", "| "))
                yield markdown.item(block, depth) if plain else block

    def _paragraph(self, element: Any) -> Iterator[str]:
        beside = _Beside()
        text = "".join(self._inline(element, beside))
        text = "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
        if text and local_name(element) == "h":
            level = attribute(element, "outline-level")
            yield markdown.heading(int(level) if level.isdigit() and len(level) < 3 else 1, text)
        elif text:
            yield text
        yield from beside.blocks

    def _inline(self, element: Any, beside: _Beside) -> Iterator[str]:
        yield _SPACE.sub(" ", element.text or "")
        for child in element:
            yield from self._piece(child, local_name(child), beside)
            yield _SPACE.sub(" ", child.tail or "")

    def _piece(self, child: Any, name: str, beside: _Beside) -> Iterator[str]:
        if name in ("s", "tab"):
            yield " "
        elif name == "line-break":
            yield "\n"
        elif name == "note":
            yield self._note(child, beside)
        elif name == "annotation":
            beside.blocks.append(self._comment(child))
        elif name == "a":
            yield _link(child, "".join(self._inline(child, beside)))
        elif name in ("frame", "custom-shape", "g", "rect", "ellipse", "text-box"):
            beside.blocks.extend(self.blocks(child))
        elif name and name not in _SKIPPED and name != "ruby-text":
            yield from self._inline(child, beside)

    def _note(self, note: Any, beside: _Beside) -> str:
        self._notes += 1
        mark = f"[^{self._notes}]"
        beside.blocks.append(f"{mark}: {_flat(self.blocks(note))}")
        return mark

    def _comment(self, annotation: Any) -> str:
        creator = next((e.text for e in annotation if local_name(e) == "creator"), "")
        by = f"Comment by {creator}" if creator else "Comment"
        return f"> {by}: {_flat(self.blocks(annotation))}"

    def _table(self, table: Any) -> Iterator[str]:
        rows = [
            [text for cell in _cells(row) for text in self._repeated(cell)] for row in _rows(table)
        ]
        if max(map(len, rows), default=0) <= 1:  # a frame around text
            for row in _rows(table):
                for cell in _cells(row):
                    yield from self.blocks(cell)
            return
        yield markdown.table(rows)

    def _repeated(self, cell: Any) -> list[str]:
        count = attribute(cell, "number-columns-repeated")
        times = min(int(count), _MOST_REPEATED) if count.isdigit() and len(count) < 9 else 1
        return [_flat(self.blocks(cell))] * times


def _rows(table: Any) -> Iterator[Any]:
    for child in table:
        name = local_name(child)
        if name == "table-row":
            yield child
        elif name in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(child)


def _cells(row: Any) -> Iterator[Any]:
    return (cell for cell in row if local_name(cell) in ("table-cell", "covered-table-cell"))


def _link(link: Any, text: str) -> str:
    target = attribute(link, "href").strip()
    inside = not target or target.startswith("#") or " " in target or target in text
    return text if inside or not text.strip() else f"[{text}]({target})"


def _flat(blocks: Iterator[str]) -> str:
    return " ".join(" ".join(blocks).split())
