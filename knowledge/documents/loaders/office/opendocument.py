"""OpenDocument texts and presentations (ODF 1.3, ISO/IEC 26300) to Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from knowledge.documents.loaders.numbered_pages import Part, numbered
from knowledge.documents.loaders.office.looks import PLAIN, Line, Look, flat
from knowledge.documents.loaders.office.odf_protection import open_package
from knowledge.documents.loaders.office.symbol_fonts import is_symbol_font
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
from knowledge.text.marks import Script

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
    looks = OdfStyles(styles, content)
    if local_name(kind) in ("presentation", "drawing"):
        return _slides(kind, metadata, looks)
    text = clean(markdown.join(OdfText(looks).blocks(kind)))
    documents = [Document(text, TextKind.MARKDOWN, metadata=metadata, loader="opendocument")]
    running = clean("\n\n".join(dict.fromkeys(_running(styles, looks))))
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
            raise DocumentError("it can't be read: it is not an OpenDocument file")
        meta = next((e for e in root if local_name(e) == "meta"), None)
        return root, root, properties(meta) if meta is not None else {}
    package = open_package(data, options)
    content, meta = package.tree("content.xml"), package.tree("meta.xml")
    if content is None:
        raise DocumentError("it can't be read: its content is missing or damaged")
    return content, package.tree("styles.xml"), properties(meta) if meta is not None else {}


def _running(styles: Any, looks: OdfStyles) -> Iterator[str]:
    for element in styles.iter() if styles is not None else ():
        if local_name(element).startswith(("header", "footer")):
            text = markdown.join(OdfText(looks).blocks(element))
            if any(map(str.isalpha, text)):
                yield text


def _slides(body: Any, metadata: dict[str, str], looks: OdfStyles) -> Loaded:
    pages = [page for page in body if local_name(page) == "page"]
    presents = local_name(body) == "presentation"
    unit = PageUnit.SLIDE if presents else PageUnit.PAGE
    text, spans = numbered(
        _slide(page, number, unit, looks) for number, page in enumerate(pages, 1)
    )
    metadata = {**metadata, f"{unit.value}s": len(pages)}  # type: ignore[dict-item]
    document = Document(
        text, TextKind.MARKDOWN, spans, unit, metadata=metadata, loader="opendocument"
    )
    return Loaded((document,), metadata=metadata)


def _slide(page: Any, number: int, unit: PageUnit, looks: OdfStyles) -> Part:
    title = ""
    blocks: list[str] = []
    for shape in page:
        name = local_name(shape)
        found = list(OdfText(looks).blocks(shape))
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
_SPAN = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}span"
_MOST_REPEATED = 50  # an empty cell may stand for the rest of a sheet
_SIGNS = {"s": " ", "tab": " ", "line-break": "\n"}
_CELL_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}style-name"
_STYLE_NAME = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}style-name"


class OdfStyles:
    """The looks that the styles of texts and paragraphs give (ODF 1.3 part 3, section 16.29)."""

    def __init__(self, *roots: Any) -> None:
        self._styles = {
            (attribute(style, "family"), attribute(style, "name")): style
            for root in roots
            for holder in (root if root is not None else ())
            if local_name(holder) in ("styles", "automatic-styles")
            for style in holder
            if local_name(style) == "style"
        }
        self._plain: dict[tuple[str, str], Look] = {}  # by family and name, inside plain text
        self._looks: dict[Look, dict[tuple[str, str], Look]] = {}

    def look(self, element: Any, base: Look) -> Look:
        """Return the look of a text or a paragraph inside one of the look ``base``."""
        name = element.get(_STYLE_NAME) if self._styles else None
        if not name:
            return base
        return self._styled("text" if element.tag == _SPAN else "paragraph", name, base)

    def of_cell(self, cell: Any) -> Look:
        """Return the look of a cell of a sheet."""
        name = cell.get(_CELL_STYLE) if self._styles else None
        return self._styled("table-cell", name, PLAIN) if name else PLAIN

    def _styled(self, family: str, name: str, base: Look) -> Look:
        known = self._plain if base is PLAIN else self._looks.setdefault(base, {})
        look = known.get((family, name))
        if look is None:
            look = base
            for style in self._chain(family, name):
                for properties in style:
                    if local_name(properties) == "text-properties":
                        look = _changed(look, properties)
            known[family, name] = look = PLAIN if look == PLAIN else look
        return look

    def _chain(self, family: str, name: str) -> list[Any]:
        """Return a style and those it builds on, the most basic first."""
        found: list[Any] = []
        style = self._styles.get((family, name))
        while style is not None and style not in found:
            found.insert(0, style)
            style = self._styles.get((family, attribute(style, "parent-style-name")))
        return found


def _changed(look: Look, properties: Any) -> Look:
    """Return a look as text properties change it."""
    script, struck, font = look.script, look.struck, look.font
    for key, value in properties.attrib.items():
        name = key.rpartition("}")[2]
        if name == "text-position":
            script = _script(value)
        elif name in ("text-line-through-style", "text-line-through-type"):
            struck = value != "none"
        elif name in ("font-name", "font-family"):
            plain = value.strip("'\"")
            font = plain if is_symbol_font(plain) else ""
    return Look(script, struck, font)


def _script(position: str) -> Script:
    """Return where text of a position such as ``super 58%`` or ``-33% 58%`` stands."""
    first = (position.split() or ["0%"])[0]
    if first in ("super", "sub"):
        return Script.SUPER if first == "super" else Script.SUB
    if not first.strip("-0.%"):
        return Script.BASE
    return Script.SUB if first.startswith("-") else Script.SUPER


class OdfText:
    """Walks the elements of a text; counts its notes."""

    def __init__(self, styles: OdfStyles) -> None:
        self._styles = styles
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
            elif name == "forms":
                yield from _checkboxes(child)
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
        line = Line()
        self._inline(element, line, self._styles.look(element, PLAIN))
        text = line.text()
        if text and local_name(element) == "h":
            level = attribute(element, "outline-level")
            yield markdown.heading(int(level) if level.isdigit() and len(level) < 3 else 1, text)
        elif text:
            yield text
        yield from line.boxes

    def _inline(self, element: Any, line: Line, look: Look) -> None:
        if element.text:
            line.add(element.text.replace("\n", " "), look)
        for child in element:
            if child.tag == _SPAN:
                self._inline(child, line, self._styles.look(child, look))
            else:
                self._piece(child, local_name(child), line, look)
            if child.tail:
                line.add(child.tail.replace("\n", " "), look)

    def _piece(self, child: Any, name: str, line: Line, look: Look) -> None:
        if name in _SIGNS:
            line.add(_SIGNS[name], look)
        elif name == "note":
            line.add(self._note(child, line))
        elif name == "annotation":
            line.boxes.append(self._comment(child))
        elif name == "a":
            start = len(line.spans)
            self._inline(child, line, look)
            target = attribute(child, "href").strip()
            line.link(start, "" if target.startswith("#") else target)
        elif name in ("frame", "custom-shape", "g", "rect", "ellipse", "text-box"):
            line.boxes.extend(self.blocks(child))
        elif name and name not in _SKIPPED and name != "ruby-text":
            self._inline(child, line, look)

    def _note(self, note: Any, line: Line) -> str:
        self._notes += 1
        mark = f"[^{self._notes}]"
        line.boxes.append(f"{mark}: {flat(self.blocks(note))}")
        return mark

    def _comment(self, annotation: Any) -> str:
        creator = next((e.text for e in annotation if local_name(e) == "creator"), "")
        by = f"Comment by {creator}" if creator else "Comment"
        return f"> {by}: {flat(self.blocks(annotation))}"

    def _table(self, table: Any) -> Iterator[str]:
        if max((len(list(_cells(row))) for row in _rows(table)), default=0) <= 1:
            for row in _rows(table):  # a frame around text
                for cell in _cells(row):
                    yield from self.blocks(cell)
            return
        above: dict[int, tuple[int, str]] = {}
        yield markdown.table([self._row(row, above) for row in _rows(table)])

    def _row(self, row: Any, above: dict[int, tuple[int, str]]) -> list[str]:
        """Return the texts of a row; cells that reach down from ``above`` have theirs again.

        Parameters
        ----------
        above:
            By column, how many more rows a cell reaches down, and its text.
        """
        texts: list[str] = []
        for cell in _cells(row):
            own = flat(self.blocks(cell))
            covered = local_name(cell) == "covered-table-cell"
            for _ in range(min(_number(cell, "number-columns-repeated"), _MOST_REPEATED)):
                more, text = above.pop(len(texts), (0, ""))
                if not covered:
                    more, text = _number(cell, "number-rows-spanned"), own
                if more > 1:
                    above[len(texts)] = (more - 1, text)
                texts.append(own or text)
        return texts


def _checkboxes(forms: Any) -> Iterator[str]:
    """Yield the checkboxes of a form with their state."""
    for element in forms.iter():
        if local_name(element) == "checkbox":
            states = (attribute(element, name) for name in ("current-state", "state"))
            state = next(filter(None, states), "")
            yield f"{'☑' if state == 'checked' else '☐'} {attribute(element, 'label')}".strip()


def _number(element: Any, name: str) -> int:
    text = attribute(element, name)
    return int(text) if text.isdigit() and len(text) < 9 else 1


def _rows(table: Any) -> Iterator[Any]:
    for child in table:
        name = local_name(child)
        if name == "table-row":
            yield child
        elif name in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(child)


def _cells(row: Any) -> Iterator[Any]:
    return (cell for cell in row if local_name(cell) in ("table-cell", "covered-table-cell"))
