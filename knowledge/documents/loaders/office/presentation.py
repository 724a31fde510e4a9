"""PPTX to Markdown, slide by slide; kreuzberg where the slides can't be found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from knowledge.documents.loaders.numbered_pages import Part, numbered
from knowledge.documents.loaders.office.chart import chart_blocks
from knowledge.documents.loaders.office.kreuzberg_engine import extract, metadata_of
from knowledge.documents.loaders.office.looks import PLAIN, Line, Look
from knowledge.documents.loaders.office.protection import unlock
from knowledge.documents.loaders.office.symbol_fonts import is_symbol_font
from knowledge.documents.loaders.office.xml_package import (
    Package,
    Relation,
    core_properties,
    local_name,
    main_part,
    reference,
)
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.documents.loading import Source
from knowledge.documents.panics import panics_as_errors
from knowledge.errors import DocumentError
from knowledge.model import Document, PageUnit, TextKind
from knowledge.text.cleaning import clean
from knowledge.text.marks import Script

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_MAIN = "ppt/presentation.xml"
_TITLES = ("title", "ctrTitle")
_TEXT = {"t", "fld", "r", "m", "oMath", "oMathPara"}


def load(source: Source) -> Document:
    """Read a presentation: text, tables, charts, diagrams, speaker notes and comments by slide.

    Raises
    ------
    DocumentError
        It can't be read, or is protected by a password.
    """
    data = unlock(source.data, source.options)
    package = Package(data)
    try:
        slides = list(_slides(package))
    except DocumentError as first:
        return _by_kreuzberg(data, first)
    text, spans = numbered(slides)
    return Document(
        text,
        TextKind.MARKDOWN,
        spans,
        PageUnit.SLIDE,
        metadata={**core_properties(package), "slides": len(slides)},
        loader="pptx",
    )


def _by_kreuzberg(data: bytes, first: DocumentError) -> Document:
    try:
        with panics_as_errors("reading it"):
            result = extract(data, MEDIA_TYPE)
    except DocumentError:
        raise first from None
    return Document(
        clean(result.content),
        TextKind.MARKDOWN,
        metadata=metadata_of(result),
        loader="kreuzberg",
        warnings=(f"read by kreuzberg, since the first engine failed: {first.message}",),
    )


def _slides(package: Package) -> Iterator[Part]:
    main = main_part(package, _MAIN)
    root = package.tree(main)
    relations = package.relations(main)
    listed = [] if root is None else [e for e in root.iter() if local_name(e) == "sldId"]
    targets = [relations.get(reference(element)) for element in listed]
    if not any(targets):
        raise DocumentError("it can't be read: it lists no slides")
    for number, target in enumerate(targets, 1):
        yield _Slide(package, target.target).part(number) if target else Part(number, "")


class _Slide:
    """One slide; the parts it refers to may be missing."""

    def __init__(self, package: Package, name: str) -> None:
        self._package = package
        self._root = package.tree(name)
        self._relations = package.relations(name)
        self._title = ""

    def part(self, number: int) -> Part:
        """Return the slide's text below its title."""
        if self._root is None:
            return Part(number, "")
        tree = next((e for e in self._root.iter() if local_name(e) == "spTree"), ())
        blocks = list(self._shapes(tree))
        title = self._title or f"Slide {number}"
        blocks += [f"Notes: {note}" for note in self._notes()]
        blocks += [f"> Comment: {comment}" for comment in self._comments()]
        if not self._title and not any(blocks):
            return Part(number, "")
        return Part(number, markdown.join([markdown.heading(1, title), *blocks]), self._title)

    def _shapes(self, parent: Any) -> Iterator[str]:
        for shape in parent:
            name = local_name(shape)
            if name == "sp":
                yield from self._box(shape)
            elif name == "graphicFrame":
                yield from self._graphic(shape)
            elif name == "pic":
                yield _picture(shape)
            elif name in ("grpSp", "AlternateContent", "Choice", "cxnSp", "contentPart"):
                yield from self._shapes(shape)

    def _box(self, shape: Any) -> Iterator[str]:
        kind = next((e.get("type", "") for e in shape.iter() if local_name(e) == "ph"), None)
        blocks = list(paragraphs(shape, listed=kind in ("", "body", "obj")))
        if kind in _TITLES and not self._title:
            self._title = " ".join(" ".join(blocks).split())
        elif kind != "sldNum":
            yield from blocks

    def _graphic(self, frame: Any) -> Iterator[str]:
        for element in frame.iter():
            name = local_name(element)
            if name == "tbl":
                yield markdown.table(table_rows(element))
            elif name == "chart":
                relation = self._relation(element, "id")
                root = self._package.tree(relation.target) if relation else None
                if root is not None:
                    yield from chart_blocks(root)
            elif name == "relIds":
                yield from self._diagram(element)

    def _diagram(self, element: Any) -> Iterator[str]:
        relation = self._relation(element, "dm")
        root = self._package.tree(relation.target) if relation else None
        if root is not None:
            yield from diagram_items(root)

    def _notes(self) -> Iterator[str]:
        for root in self._related("notesSlide"):
            for shape in root.iter():
                kinds = [e.get("type") for e in shape.iter() if local_name(e) == "ph"]
                if local_name(shape) == "sp" and kinds[:1] == ["body"]:
                    text = "\n\n".join(paragraphs(shape))
                    if text:
                        yield text

    def _comments(self) -> Iterator[str]:
        for root in self._related("comments"):
            for element in root.iter():
                name = local_name(element)
                if name == "text" and (element.text or "").strip():
                    yield " ".join(element.text.split())
                elif name == "txBody":  # comments since 2021
                    yield " ".join(" ".join(paragraphs(element)).split())

    def _related(self, kind: str) -> Iterator[Any]:
        for relation in self._relations.values():
            if relation.kind == kind and not relation.external:
                root = self._package.tree(relation.target)
                if root is not None:
                    yield root

    def _relation(self, element: Any, attribute: str) -> Relation | None:
        relation = self._relations.get(reference(element, attribute))
        return None if relation is None or relation.external else relation


def diagram_items(root: Any) -> Iterator[str]:
    """Yield the texts of a diagram (SmartArt) as items of a list."""
    for point in root.iter():
        if local_name(point) == "pt":
            text = " ".join(" ".join(paragraphs(point)).split())
            if text:
                yield markdown.item(text)


def paragraphs(parent: Any, *, listed: bool = False) -> Iterator[str]:
    """Yield the paragraphs of DrawingML text below ``parent``.

    Parameters
    ----------
    listed:
        Whether the paragraphs are items of a list, as in the body of a slide.
    """
    found = [element for element in parent.iter() if local_name(element) == "p"]
    shown = [(element, _paragraph(element)) for element in found]
    shown = [(element, text) for element, text in shown if text]
    for element, text in shown:
        level = next((e.get("lvl", "0") for e in element if local_name(e) == "pPr"), "0")
        if listed and (len(shown) > 1 or level != "0"):
            yield markdown.item(text, int(level) if level.isdigit() and len(level) == 1 else 0)
        else:
            yield text


def _paragraph(paragraph: Any) -> str:
    line = Line()
    look = PLAIN
    for element in paragraph.iter():
        name = local_name(element)
        if name in ("r", "fld"):
            look = PLAIN
        elif name == "rPr":
            look = _look(element)
        elif name == "t":
            line.add(element.text, look)
        elif name == "br":
            look = PLAIN
            line.add("\n")
        elif name == "tab":
            line.add(" ")
    return "\n".join(filter(None, clean(line.text()).splitlines()))


def _look(properties: Any) -> Look:
    """Return the look that run properties give (ISO/IEC 29500-1, 21.1.2.3.9)."""
    moved = properties.get("baseline", "0").rstrip("%")
    script = Script.BASE
    if moved.strip("0"):
        script = Script.SUB if moved.startswith("-") else Script.SUPER
    fonts = (child.get("typeface", "") for child in properties)
    struck = properties.get("strike", "noStrike") != "noStrike"
    return Look(script, struck, next(filter(is_symbol_font, fonts), ""))


def table_rows(table: Any) -> list[list[str]]:
    """Return the texts of a table; a merged cell has its text in every row that it reaches."""
    rows: list[list[str]] = []
    for row in (element for element in table if local_name(element) == "tr"):
        texts: list[str] = []
        for cell in (element for element in row if local_name(element) == "tc"):
            text = " ".join(paragraphs(cell))
            if cell.get("vMerge") in ("1", "true") and rows and not text:
                text = rows[-1][len(texts)] if len(texts) < len(rows[-1]) else ""
            texts.append(text)
        rows.append(texts)
    return rows


def _picture(shape: Any) -> str:
    for element in shape.iter():
        if local_name(element) == "cNvPr":
            text = " ".join(clean(element.get("descr") or "").split())
            return f"[Picture: {text}]" if text else ""
    return ""
