"""The body of a Word document (WordprocessingML, ISO/IEC 29500-1) to Markdown.

python-docx opens the package; its own object model leaves out notes, comments, text boxes, content
controls and tracked insertions, so the tree below it is walked here.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from knowledge.documents.loaders.office.chart import chart_blocks
from knowledge.documents.loaders.office.presentation import diagram_items
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.text.cleaning import words

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
                yield self._merged_in(child)
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
        """Put what is no running text beside the paragraph; return whether ``child`` was such."""
        if name == "txbxContent":
            beside.boxes.extend(self._blocks(child))
        elif child.tag == _DRAWING + "p":
            beside.boxes.append("".join(self._inline(child, beside)))
        elif name == "commentReference":
            self._comment(value(child, "id"), beside)
        elif name == "docPr":
            beside.boxes.append(" ".join(child.get("descr", "").split()))
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

    def _merged_in(self, chunk: Any) -> str:
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


# What a Word paragraph is by its style and numbering: heading, list item, quote, code or text.

_HEADING = re.compile(
    r"heading (\d)|(?:ü|u)berschrift (\d)|titre (\d)|t[ií]tulo (\d)", re.IGNORECASE
)
_CODE = re.compile(r"\b(?:code|source|preformatted|listing|verbatim)\b", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list (?:bullet|number|continue) ([2-5])")
_DEEPEST = 8
_CHAIN = 20  # styles that build on each other may do so in a circle


def local_name(element: Any) -> str:
    """Return an element's name without its namespace; empty for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def value(element: Any, name: str) -> str:
    """Return an attribute of WordprocessingML; empty where it is missing."""
    return str(element.get(_WORD + name, ""))


@dataclass(frozen=True, slots=True)
class _Style:
    name: str = ""
    level: int | None = None
    """Outline level, from 0."""
    number: str = ""
    """The list that paragraphs of this style belong to."""
    depth: int = 0


class Styles:
    """The styles and lists of a document; counts numbered items as they are shown."""

    def __init__(self, styles: Any, numbering: Any) -> None:
        found = styles.iterfind(_WORD + "style") if styles is not None else ()
        self._elements = {value(style, "styleId"): style for style in found}
        self._known: dict[str, _Style] = {}
        self._formats = _formats(numbering)
        self._counts: Counter[tuple[str, int]] = Counter()

    def shown(self, paragraph: Any, text: str) -> str:
        """Return a paragraph's text as a block of Markdown."""
        properties = paragraph.find(_WORD + "pPr")
        style = self._style(_child(properties, "pStyle"))
        level = _number(_child(properties, "outlineLvl"))
        level = style.level if level is None else level
        if level is not None and level < _DEEPEST + 1 and len(text) < 500:
            return markdown.heading(level + 1, text)
        if style.name == "title":
            return markdown.heading(1, text)
        listed = self._item(properties, style, text)
        if listed:
            return listed
        if _CODE.search(style.name):
            return f"```\n{text}\n```"
        return "> " + text if style.name in ("quote", "intense quote") else text

    def _item(self, properties: Any, style: _Style, text: str) -> str:
        numbering = properties.find(_WORD + "numPr") if properties is not None else None
        own = _child(numbering, "numId")
        number = own or style.number
        level = min(_number(_child(numbering, "ilvl")) or style.depth, _DEEPEST)
        named = _LIST_STYLE.fullmatch(style.name)  # each depth may be a list of its own
        depth = level or (int(named[1]) - 1 if named else 0)
        if number == "0" or not (number or style.name.startswith("list")):
            return ""
        if own == "" and not number:  # a list by the name of its style alone
            last = style.name.rpartition(" ")[2]
            return markdown.item(text, int(last) - 1 if last.isdigit() else 0)
        if self._formats.get((number, level), "bullet") in ("bullet", "none"):
            return markdown.item(text, depth)
        for deeper in range(level + 1, _DEEPEST + 1):
            self._counts[number, deeper] = 0
        self._counts[number, level] += 1
        return markdown.item(text, depth, self._counts[number, level])

    def _style(self, identity: str) -> _Style:
        if identity not in self._known:
            self._known[identity] = self._read(identity)
        return self._known[identity]

    def _read(self, identity: str) -> _Style:
        name, level, number, depth = "", None, "", 0
        for _ in range(_CHAIN):
            style = self._elements.get(identity)
            if style is None:
                break
            properties = style.find(_WORD + "pPr")
            numbering = properties.find(_WORD + "numPr") if properties is not None else None
            name = name or _child(style, "name").lower()
            level = _number(_child(properties, "outlineLvl")) if level is None else level
            number = number or _child(numbering, "numId")
            depth = depth or _number(_child(numbering, "ilvl")) or 0
            identity = _child(style, "basedOn")
        match = _HEADING.match(name or identity)
        if match:
            level = int(next(filter(None, match.groups()))) - 1
        return _Style(
            name, level if level is not None and 0 <= level <= _DEEPEST else None, number, depth
        )


def _formats(numbering: Any) -> dict[tuple[str, int], str]:
    """Return the format of each level of each list, such as ``decimal``."""
    if numbering is None:
        return {}
    abstract = {
        value(element, "abstractNumId"): {
            _number(value(level, "ilvl")): _child(level, "numFmt")
            for level in element.iterfind(_WORD + "lvl")
        }
        for element in numbering.iterfind(_WORD + "abstractNum")
    }
    return {
        (value(number, "numId"), depth): format_
        for number in numbering.iterfind(_WORD + "num")
        for depth, format_ in abstract.get(_child(number, "abstractNumId"), {}).items()
        if depth is not None
    }


def _child(parent: Any, name: str) -> str:
    """Return the value that a child element carries; empty where there is none."""
    element = parent.find(_WORD + name) if parent is not None else None
    return value(element, "val") if element is not None else ""


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() and len(text) < 10 else None


# Equations of Word documents (Office Math, ISO/IEC 29500-1 section 22.1) to LaTeX.

_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
EQUATION = _MATH + "oMath"

_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "varsigma", "sigma", "tau", "upsilon",
    "phi", "chi", "psi", "omega",
)  # fmt: skip
_SYMBOLS = {
    **{chr(0x3B1 + place): name for place, name in enumerate(_GREEK)},
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "ϵ": "epsilon", "ϑ": "vartheta", "ϕ": "phi",
    "∞": "infty", "×": "times", "÷": "div", "·": "cdot", "⋅": "cdot", "±": "pm", "∓": "mp",
    "≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx", "≡": "equiv", "∼": "sim", "∝": "propto",
    "→": "to", "←": "leftarrow", "↔": "leftrightarrow", "⇒": "Rightarrow", "⇔": "Leftrightarrow",
    "∈": "in", "∉": "notin", "⊂": "subset", "⊆": "subseteq", "∪": "cup", "∩": "cap",
    "∀": "forall", "∃": "exists", "∅": "emptyset", "∂": "partial", "∇": "nabla", "¬": "neg",
    "∧": "wedge", "∨": "vee", "…": "ldots", "⋯": "cdots", "∘": "circ", "⊕": "oplus",
    "⊗": "otimes", "∥": "parallel", "⊥": "perp", "∠": "angle", "ℏ": "hbar", "ℓ": "ell",
    "∑": "sum", "∏": "prod", "∐": "coprod", "∫": "int", "∬": "iint", "∭": "iiint", "∮": "oint",
    "⋃": "bigcup", "⋂": "bigcap", "⋀": "bigwedge", "⋁": "bigvee", "√": "surd",
}  # fmt: skip
_TO_TEX = str.maketrans({sign: f"\\{name} " for sign, name in _SYMBOLS.items()} | {"−": "-"})
_ACCENTS = {
    "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "overline", "\u0307": "dot",
    "\u0308": "ddot", "\u030c": "check", "\u20d7": "vec",
}  # fmt: skip
_FUNCTIONS = words(
    "arccos arcsin arctan cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf "
    "limsup ln log max min sec sin sinh sup tan tanh"
)


def latex(element: Any) -> str:
    """Return what an element of an equation shows, as LaTeX; styles are left out."""
    if not isinstance(element.tag, str):
        return ""
    name = element.tag.rpartition("}")[2]
    if name == "t":
        return (element.text or "").translate(_TO_TEX)
    if name.endswith("Pr"):
        return ""
    write = _WRITERS.get(name) if element.tag.startswith(_MATH) else None
    return write(element) if write else "".join(map(latex, element))


def _part(element: Any, name: str) -> str:
    found = element.find(_MATH + name)
    return "" if found is None else latex(found).strip()


def _property(element: Any, name: str, default: str = "") -> str:
    """Return a value of an element's properties; one that is given as empty is empty."""
    found = element.find(f"{_MATH}{element.tag.rpartition('}')[2]}Pr/{_MATH}{name}")
    return default if found is None else found.get(_MATH + "val", "")


def _fraction(element: Any) -> str:
    above, below = _part(element, "num"), _part(element, "den")
    kind = _property(element, "type")
    if kind == "lin":
        return f"{above}/{below}"
    return f"\\{'binom' if kind == 'noBar' else 'frac'}{{{above}}}{{{below}}}"


def _script(element: Any) -> str:
    return _part(element, "e") + _limits(element)


def _limits(element: Any) -> str:
    below, above = _part(element, "sub"), _part(element, "sup")
    return (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _before(element: Any) -> str:
    return f"{{}}{_limits(element)}{_part(element, 'e')}"


def _radical(element: Any) -> str:
    degree = _part(element, "deg")
    return f"\\sqrt{f'[{degree}]' if degree else ''}{{{_part(element, 'e')}}}"


def _sum(element: Any) -> str:
    sign = _property(element, "chr", "∫").translate(_TO_TEX).strip()
    return f"{sign}{_limits(element)}{{{_part(element, 'e')}}}"


def _brackets(element: Any) -> str:
    left, right = _property(element, "begChr", "("), _property(element, "endChr", ")")
    between = _property(element, "sepChr", "|")
    parts = [latex(part).strip() for part in element.iterfind(_MATH + "e")]
    left, right = (f"\\{sign}" if sign in ("{", "}") else sign or "." for sign in (left, right))
    return f"\\left{left}{between.join(parts)}\\right{right}"


def _function(element: Any) -> str:
    name = _part(element, "fName")
    for known in _FUNCTIONS:
        if name == known or name.startswith((f"{known}_", f"{known}^")):
            name = f"\\{name}"
            break
    return f"{name}{{{_part(element, 'e')}}}"


def _limit(command: str) -> Callable[[Any], str]:
    return lambda element: f"\\{command}{{{_part(element, 'lim')}}}{{{_part(element, 'e')}}}"


def _rows(element: Any) -> str:
    rows = [
        " & ".join(latex(cell).strip() for cell in row.iterfind(_MATH + "e"))
        for row in element.iterfind(_MATH + "mr")
    ]
    return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"


def _lines(element: Any) -> str:
    return r" \\ ".join(latex(line).strip() for line in element.iterfind(_MATH + "e"))


def _accent(element: Any) -> str:
    command = _ACCENTS.get(_property(element, "chr", "\u0302"), "hat")
    return f"\\{command}{{{_part(element, 'e')}}}"


def _bar(element: Any) -> str:
    over = _property(element, "pos") == "top"
    return f"\\{'overline' if over else 'underline'}{{{_part(element, 'e')}}}"


def _brace(element: Any) -> str:
    over = _property(element, "pos") == "top"
    return f"\\{'overbrace' if over else 'underbrace'}{{{_part(element, 'e')}}}"


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "f": _fraction,
    "sSup": _script,
    "sSub": _script,
    "sSubSup": _script,
    "sPre": _before,
    "rad": _radical,
    "nary": _sum,
    "d": _brackets,
    "func": _function,
    "limLow": _limit("underset"),
    "limUpp": _limit("overset"),
    "m": _rows,
    "eqArr": _lines,
    "acc": _accent,
    "bar": _bar,
    "groupChr": _brace,
}
