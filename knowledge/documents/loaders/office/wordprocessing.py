"""The body of a Word document (WordprocessingML, ISO/IEC 29500-1) to Markdown.

The tree is walked here rather than through an object model, since those leave out notes, comments,
text boxes, content controls and tracked insertions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from knowledge.documents.loaders.office.chart import chart_blocks
from knowledge.documents.loaders.office.equations import EQUATION, latex
from knowledge.documents.loaders.office.looks import PLAIN, Line, Look, flat
from knowledge.documents.loaders.office.presentation import diagram_items
from knowledge.documents.loaders.office.symbol_fonts import sign
from knowledge.documents.loaders.office.word_styles import (
    WORD,
    Styles,
    is_on,
    value,
)
from knowledge.documents.loaders.office.xml_package import (
    Package,
    Relation,
    local_name,
    main_part,
    reference,
)
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.errors import DocumentError

MAIN = "word/document.xml"
_STYLES = ("styles", "numbering")
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"

# Left out: what was deleted, how things look, and the old twin of a newer drawing.
_SKIPPED = frozenset(
    {"del", "moveFrom", "delText", "delInstrText", "Fallback", "rubyPr", "rt", "rPr", "pPr"}
    | {"tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "sdtPr", "sdtEndPr"}
)
_SIGNS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}
_DRAWN: Mapping[str, tuple[str, Callable[[Any], Iterable[str]]]] = {
    "chart": ("id", chart_blocks),
    "relIds": ("dm", diagram_items),
}
"""Charts and diagrams, which are parts of their own."""
_PAGE_NUMBER = re.compile(
    r"[\W\d]*(?:page|seite|página)?[\W\d]*(?:of|von|de)?[\W\d]*", re.IGNORECASE
)
_SYMBOL_FIELD = re.compile(
    r'\s*SYMBOL\s+(?:0x([0-9a-f]{1,6})|(\d{1,7}))(?:.*\\f\s+"?([^"\\]+))?', re.IGNORECASE
)
_LINK_FIELD = re.compile(r'\s*HYPERLINK\s+"([^"]+)"', re.IGNORECASE)


@dataclass(slots=True)
class _Field:
    """A field of a paragraph: what it says, and how many spans stood before its result."""

    instruction: str = ""
    start: int | None = None


@dataclass(slots=True)
class _Line(Line):
    """A paragraph, with the fields that have begun in it."""

    fields: list[_Field] = field(default_factory=list)


class WordText:
    """The text of a Word document of either dialect, with macros or without, or of a template.

    Raises
    ------
    DocumentError
        The package lacks its main part, or that has no body.
    """

    def __init__(self, package: Package) -> None:
        self._package = package
        main = main_part(package, MAIN)
        root = package.tree(main)
        body = root.find(WORD + "body") if root is not None else None
        if body is None:
            raise DocumentError("it can't be read: its text is missing or damaged")
        self._body = body
        self._relations = package.relations(main)
        """Those of the part that is read."""
        self._parts = list(self._relations.values())
        styles, numbering = (package.tree(name) for name in map(self._part, _STYLES))
        self._styles = Styles(styles, numbering)
        self._notes = {kind: self._by_id(kind) for kind in ("footnotes", "endnotes", "comments")}
        self._shown = 0
        self._held: list[str] | None = None
        """Notes and comments of the table that is read, which stand below it."""

    def body(self) -> str:
        """Return the text in reading order, notes and comments below what they belong to."""
        return markdown.join(self._blocks(self._body))

    def running(self) -> str:
        """Return the headers and footers, each text once; bare page numbers are left out."""
        texts: dict[str, None] = {}
        for kind in ("header", "footer"):
            for relation in self._parts:
                root = self._package.tree(relation.target) if relation.kind == kind else None
                if root is not None:
                    text = markdown.join(self._blocks_of(relation.target, root))
                    if text and not _PAGE_NUMBER.fullmatch(text):
                        texts[text] = None
        return "\n\n".join(texts)

    def _part(self, kind: str) -> str:
        found = (one.target for one in self._parts if one.kind == kind and not one.external)
        return next(found, "")

    def _by_id(self, kind: str) -> dict[str, Any]:
        tree = self._package.tree(self._part(kind))
        if tree is None:
            return {}
        # Separators between text and notes carry a type.
        return {value(note, "id"): note for note in tree if value(note, "type") in ("", "normal")}

    def _blocks_of(self, part: str, element: Any) -> list[str]:
        """Return the blocks of another part, whose links and pictures are its own."""
        outer, self._relations = self._relations, self._package.relations(part)
        try:
            return list(self._blocks(element))
        finally:
            self._relations = outer

    def _blocks(self, parent: Any) -> Iterator[str]:
        for child in parent:
            name = local_name(child)
            if name == "p":
                yield from self._paragraph(child)
            elif name == "tbl":
                yield from self._table(child)
            elif name == "altChunk":
                yield self._merged_in(child)
            elif name not in _SKIPPED:
                yield from self._blocks(child)

    def _paragraph(self, paragraph: Any) -> Iterator[str]:
        line = _Line()
        self._inline(paragraph, line, self._styles.look_of_paragraph(paragraph))
        text = line.text()
        if text:
            yield self._styles.shown(paragraph, text)
        yield from line.boxes
        if self._held is None:
            yield from line.notes
        else:
            self._held += line.notes

    def _inline(self, parent: Any, line: _Line, look: Look) -> None:
        for child in parent:
            name = local_name(child)
            if name == "r":
                self._inline(child, line, self._styles.look_of_run(child, look))
            elif name == "t":
                line.add(child.text, look)
            elif name in _SIGNS:
                line.add(_SIGNS[name], look)
            elif name not in _SKIPPED:
                self._special(child, name, line, look)

    def _special(self, child: Any, name: str, line: _Line, look: Look) -> None:
        """Add what is more than text: signs, references, links, equations, fields, boxes."""
        if name in _NOTES:
            line.add(self._note(_NOTES[name], value(child, "id"), line))
        elif name == "sym":
            line.add(_sign(value(child, "char"), value(child, "font")), look)
        elif name == "hyperlink":
            start = len(line.spans)
            self._inline(child, line, look)
            line.link(start, self._target(child))
        elif child.tag == EQUATION:
            line.add(f"${' '.join(latex(child).split())}$")
        elif name in ("fldChar", "instrText"):
            self._field(child, name, line, look)
        elif not self._aside(child, name, line):
            self._inline(child, line, look)

    def _field(self, child: Any, name: str, line: _Line, look: Look) -> None:
        """Follow a field; of those that show nothing yet, symbols and checkboxes are shown."""
        kind = value(child, "fldCharType")
        if kind == "begin":
            line.fields.append(_Field())
            line.add(_checkbox(child))
        elif not line.fields:
            return  # it began in another paragraph
        elif name == "instrText":
            line.fields[-1].instruction += child.text or ""
        elif kind == "separate":
            line.fields[-1].start = len(line.spans)
        elif kind == "end":
            ended = line.fields.pop()
            link = _LINK_FIELD.match(ended.instruction)
            if ended.start is None:
                line.add(_symbol(ended.instruction), look)
            elif link:
                line.link(ended.start, link[1])

    def _aside(self, child: Any, name: str, line: _Line) -> bool:
        """Put what is no running text beside the paragraph; return whether ``child`` was such."""
        if name == "txbxContent":
            line.boxes.extend(self._blocks(child))
        elif child.tag == _DRAWING + "p":
            box = _Line(boxes=line.boxes, notes=line.notes)
            self._inline(child, box, PLAIN)
            line.boxes.append(box.text())
        elif name == "commentReference":
            self._comment(value(child, "id"), line)
        elif name == "docPr":
            line.boxes.append(" ".join(child.get("descr", "").split()))
        elif name == "textpath":
            line.boxes.append(" ".join(child.get("string", "").split()))
        elif name in _DRAWN:
            attribute, read = _DRAWN[name]
            relation = self._relation(child, attribute)
            root = self._package.tree(relation.target) if relation else None
            line.boxes.extend(read(root) if root is not None else ())
        else:
            return False
        return True

    def _relation(self, element: Any, attribute: str = "id") -> Relation | None:
        """Return the relation to a part of the package; ``None`` where there is none."""
        relation = self._relations.get(reference(element, attribute))
        return None if relation is None or relation.external else relation

    def _target(self, link: Any) -> str:
        relation = self._relations.get(reference(link))
        return relation.target.strip() if relation is not None and relation.external else ""

    def _note(self, kind: str, identity: str, line: _Line) -> str:
        note = self._notes[kind].pop(identity, None)  # shown once, where it is first referred to
        if note is None:
            return ""
        self._shown += 1
        mark = f"[^{self._shown}]"
        line.notes.append(f"{mark}: {self._aside_text(kind, note)}")
        return mark

    def _comment(self, identity: str, line: _Line) -> None:
        comment = self._notes["comments"].pop(identity, None)
        if comment is not None:
            author = value(comment, "author")
            by = f"Comment by {author}" if author else "Comment"
            line.notes.append(f"> {by}: {self._aside_text('comments', comment)}")

    def _aside_text(self, kind: str, element: Any) -> str:
        return flat(self._blocks_of(self._part(kind), element))

    def _table(self, table: Any) -> Iterator[str]:
        cells = [(row, list(_found(row, "tc"))) for row in _found(table, "tr")]
        if max((len(row) for _, row in cells), default=0) <= 1:  # a frame around text
            for _, row in cells:
                for cell in row:
                    yield from self._blocks(cell)
            return
        outer, self._held = self._held, [] if self._held is None else self._held
        try:
            above: dict[int, str] = {}
            rows = [self._row(row, found, above) for row, found in cells]
        finally:
            notes, self._held = self._held, outer
        yield markdown.table(rows)
        if outer is None:
            yield from notes

    def _row(self, row: Any, cells: list[Any], above: dict[int, str]) -> list[str]:
        """Return the texts of a row; a cell that reaches down from ``above`` has its text again."""
        shown = [""] * _count(row.find(f"{WORD}trPr/{WORD}gridBefore"), 0)
        for cell in cells:
            text = flat(map(_unframed, self._blocks(cell)))
            merge = cell.find(f"{WORD}tcPr/{WORD}vMerge")
            if merge is not None and value(merge, "val") != "restart":
                text = text or above.get(len(shown), "")
            above[len(shown)] = text if merge is not None else ""
            shown += [text] + [""] * (_count(cell.find(f"{WORD}tcPr/{WORD}gridSpan"), 1) - 1)
        return shown

    def _merged_in(self, chunk: Any) -> str:
        """Return the text of an HTML or plain text part that Word would merge in."""
        from knowledge.documents.loading import load

        relation = self._relation(chunk)
        name = relation.target if relation else ""
        data = self._package.read(name)
        if not data or not name.lower().endswith((".html", ".htm", ".xhtml", ".txt")):
            return ""
        loaded = load(data, name)
        return "\n\n".join(document.text for document in loaded.documents)


def _checkbox(field_: Any) -> str:
    """Return the state of a checkbox among the fields of a form; empty for other fields."""
    box = field_.find(f"{WORD}ffData/{WORD}checkBox")
    if box is None:
        return ""
    checked = box.find(WORD + "checked")
    return "☑" if is_on(checked if checked is not None else box.find(WORD + "default")) else "☐"


def _sign(code: str, font: str) -> str:
    try:
        return sign(int(code, 16), font)
    except ValueError:
        return ""


def _symbol(instruction: str) -> str:
    """Return the sign that a field such as ``SYMBOL 109 \\f Symbol`` shows."""
    found = _SYMBOL_FIELD.match(instruction)
    if found is None:
        return ""
    return sign(int(found[1], 16) if found[1] else int(found[2]), found[3] or "")


def _found(parent: Any, name: str) -> Iterator[Any]:
    """Yield rows or cells, also those inside content controls and tracked changes."""
    for child in parent:
        found = local_name(child)
        if found == name:
            yield child
        elif found not in _SKIPPED and found not in ("p", "tbl"):
            yield from _found(child, name)


def _count(element: Any, default: int) -> int:
    number = value(element, "val") if element is not None else ""
    return min(int(number), 100) if number.isdigit() and len(number) < 10 else default


def _unframed(block: str) -> str:
    """Return the text of a table that stands in a cell of another."""
    if not block.startswith("| "):
        return block
    rows = [line.strip("| ") for line in block.split("\n") if not line.startswith("| --- |")]
    return "; ".join(row.replace(" | ", ", ") for row in rows)
