"""The body of a Word document (WordprocessingML, ISO/IEC 29500-1) to Markdown.

python-docx opens the package; its own object model leaves out notes, comments, text boxes, content
controls and tracked insertions, so the tree below it is walked here.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from knowledge.documents.loaders import markdown_blocks as markdown
from knowledge.documents.loaders.chart import chart_blocks
from knowledge.documents.loaders.presentation import diagram_items
from knowledge.documents.loaders.word_equations import EQUATION, latex
from knowledge.documents.loaders.word_styles import Styles, local_name, value

_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"

# Left out: what was deleted, how things look, and the old twin of a newer drawing.
_SKIPPED = frozenset(
    {"del", "moveFrom", "delText", "instrText", "Fallback", "rubyPr", "rt", "rPr", "pPr"}
    | {"tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "sdtPr", "sdtEndPr"}
)
_SIGNS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}
_DRAWN: Mapping[str, tuple[str, Callable[[Any], Iterable[str]]]] = {
    "chart": (_RELATION + "id", chart_blocks),
    "relIds": (_RELATION + "dm", diagram_items),
}
"""Charts and diagrams, which are parts of their own."""
_PAGE_NUMBER = re.compile(
    r"[\W\d]*(?:page|seite|página)?[\W\d]*(?:of|von|de)?[\W\d]*", re.IGNORECASE
)


@dataclass(slots=True)
class _Beside:
    """What a block refers to, and what stands after it: boxes, notes, comments."""

    boxes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class WordText:
    """The text of a Word document.

    Raises
    ------
    Exception
        Whatever python-docx, ZIP and XML raise on malformed files.
    """

    def __init__(self, data: bytes) -> None:
        import docx

        document = docx.Document(io.BytesIO(data))
        self._body = document.element.body
        self._part = document.part
        self.properties = document.core_properties
        self._styles = Styles(self._tree("styles"), self._tree("numbering"))
        self._notes = {kind: self._by_id(kind) for kind in ("footnotes", "endnotes", "comments")}
        self._shown = 0

    def body(self) -> str:
        """Return the text in reading order, notes and comments below what they belong to."""
        return markdown.join(self._blocks(self._body))

    def running(self) -> str:
        """Return the headers and footers, each text once; bare page numbers are left out."""
        texts: dict[str, None] = {}
        for kind in ("header", "footer"):
            for relation in self._part.rels.values():
                if relation.reltype.endswith("/" + kind) and not relation.is_external:
                    text = markdown.join(self._blocks(_root(relation.target_part)))
                    if text and not _PAGE_NUMBER.fullmatch(text):
                        texts[text] = None
        return "\n\n".join(texts)

    def _tree(self, kind: str) -> Any:
        for relation in self._part.rels.values():
            if relation.reltype.endswith("/" + kind) and not relation.is_external:
                return _root(relation.target_part)
        return None

    def _by_id(self, kind: str) -> dict[str, Any]:
        tree = self._tree(kind)
        if tree is None:
            return {}
        # Separators between text and notes carry a type.
        return {value(note, "id"): note for note in tree if not value(note, "type")}

    def _blocks(self, parent: Any) -> Iterator[str]:
        for child in parent:
            name = local_name(child)
            if name == "p":
                yield from self._paragraph(child)
            elif name == "tbl":
                yield from self._table(child)
            elif name == "altChunk":
                yield self._foreign(child)
            elif name not in _SKIPPED:
                yield from self._blocks(child)

    def _paragraph(self, paragraph: Any) -> Iterator[str]:
        beside = _Beside()
        text = "".join(self._inline(paragraph, beside))
        text = "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
        if text:
            yield self._styles.shown(paragraph, text)
        yield from beside.boxes
        yield from beside.notes

    def _inline(self, parent: Any, beside: _Beside) -> Iterator[str]:
        for child in parent:
            name = local_name(child)
            if name == "t" or child.tag == _DRAWING + "t":
                yield child.text or ""
            elif name in _SIGNS:
                yield _SIGNS[name]
            elif name in _NOTES:
                yield self._note(_NOTES[name], value(child, "id"), beside)
            elif name == "hyperlink":
                yield self._link(child, "".join(self._inline(child, beside)))
            elif child.tag == EQUATION:
                yield f"${' '.join(latex(child).split())}$"
            elif name not in _SKIPPED and not self._aside(child, name, beside):
                yield from self._inline(child, beside)

    def _aside(self, child: Any, name: str, beside: _Beside) -> bool:
        """Put a box or a comment beside the paragraph; return whether ``child`` was one."""
        if name == "txbxContent":
            beside.boxes.extend(self._blocks(child))
        elif child.tag == _DRAWING + "p":
            beside.boxes.append("".join(self._inline(child, beside)))
        elif name == "commentReference":
            self._comment(value(child, "id"), beside)
        elif name in _DRAWN:
            attribute, read = _DRAWN[name]
            root = self._related(child.get(attribute, ""))
            beside.boxes.extend(read(root) if root is not None else ())
        else:
            return False
        return True

    def _related(self, identity: str) -> Any:
        """Return the root of a part by its relation; ``None`` where there is none."""
        relation = self._part.rels.get(identity)
        if relation is None or relation.is_external:
            return None
        return _root(relation.target_part)

    def _link(self, link: Any, text: str) -> str:
        relation = self._part.rels.get(link.get(_RELATION + "id", ""))
        if relation is None or not relation.is_external or not text.strip():
            return text
        target = relation.target_ref.strip()
        return text if target in text or " " in target else f"[{text}]({target})"

    def _note(self, kind: str, identity: str, beside: _Beside) -> str:
        note = self._notes[kind].pop(identity, None)  # shown once, where it is first referred to
        if note is None:
            return ""
        self._shown += 1
        beside.notes.append(f"[^{self._shown}]: {_flat(self._blocks(note))}")
        return f"[^{self._shown}]"

    def _comment(self, identity: str, beside: _Beside) -> None:
        comment = self._notes["comments"].pop(identity, None)
        if comment is not None:
            author = value(comment, "author")
            by = f"Comment by {author}" if author else "Comment"
            beside.notes.append(f"> {by}: {_flat(self._blocks(comment))}")

    def _table(self, table: Any) -> Iterator[str]:
        rows: list[list[str]] = []
        beside: list[str] = []
        cells = [list(_found(row, "tc")) for row in _found(table, "tr")]
        if max(map(len, cells), default=0) <= 1:  # a frame around text
            for row in cells:
                for cell in row:
                    yield from self._blocks(cell)
            return
        for row in cells:
            shown: list[str] = []
            for cell in row:
                blocks = list(self._blocks(cell))
                beside += [block for block in blocks if block.startswith(("[^", "> Comment"))]
                kept = [block for block in blocks if not block.startswith(("[^", "> Comment"))]
                shown += [_flat(map(_unframed, kept))] + [""] * (_span(cell) - 1)
            rows.append(shown)
        yield markdown.table(rows)
        yield from beside

    def _foreign(self, chunk: Any) -> str:
        """Return the text of an HTML or plain text part that Word would merge in."""
        from knowledge.documents.loading import load

        relation = self._part.rels.get(chunk.get(_RELATION + "id", ""))
        if relation is None or relation.is_external:
            return ""
        name = str(relation.target_part.partname)
        if not name.lower().endswith((".html", ".htm", ".xhtml", ".txt")):
            return ""
        loaded = load(relation.target_part.blob, name)
        return "\n\n".join(document.text for document in loaded.documents)


def _root(part: Any) -> Any:
    from docx.oxml.parser import parse_xml

    return part.element if hasattr(part, "element") else parse_xml(part.blob)


def _found(parent: Any, name: str) -> Iterator[Any]:
    """Yield rows or cells, also those inside content controls and tracked changes."""
    for child in parent:
        found = local_name(child)
        if found == name:
            yield child
        elif found not in _SKIPPED and found not in ("p", "tbl"):
            yield from _found(child, name)


def _span(cell: Any) -> int:
    span = cell.find(f"{_WORD}tcPr/{_WORD}gridSpan")
    number = value(span, "val") if span is not None else ""
    return min(int(number), 100) if number.isdigit() else 1


def _unframed(block: str) -> str:
    """Return the text of a table that stands in a cell of another."""
    if not block.startswith("| "):
        return block
    rows = [line.strip("| ") for line in block.split("\n") if not line.startswith("| --- |")]
    return "; ".join(row.replace(" | ", ", ") for row in rows)


def _flat(blocks: Iterable[str]) -> str:
    return " ".join(" ".join(blocks).split())
