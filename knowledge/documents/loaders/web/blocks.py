"""An HTML tree to blocks of Markdown, in one pass without recursion.

A block is what stands on lines of its own: a heading, a paragraph, an item of a list, code, a
table. Each knows its element, the zones it lies in and how much of it is links, by which
`knowledge.documents.loaders.web.main` chooses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from knowledge.documents.loaders.text.markdown_blocks import titles_above
from knowledge.documents.loaders.web.elements import (
    BOX,
    alternative,
    checkbox,
    code_language,
    code_text,
    formula,
    task_state,
)
from knowledge.documents.loaders.web.inline import STRUCK, InlineText
from knowledge.documents.loaders.web.styles import Styles
from knowledge.documents.loaders.web.zones import Controlled, Zone, is_panel, zone_of
from knowledge.documents.splitting.fencing import fenced
from knowledge.text.cleaning import clean, drop_inline_data, words

if TYPE_CHECKING:
    from lxml.html import HtmlElement


class BlockKind(Enum):
    """What a block is."""

    HEADING = "heading"
    TEXT = "text"
    ITEM = "item"
    CODE = "code"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of Markdown.

    Parameters
    ----------
    text:
        Markdown, indented as its list asks for, clean.
    key:
        Its letters and digits in lower case, by which texts are compared.
    links:
        Letters and digits of ``key`` that stand in links.
    zones:
        The zones around it, outermost first: number and kind.
    anchor:
        The nearest id at or above it, which an address may name; empty for none.
    """

    text: str
    key: str
    kind: BlockKind
    element: HtmlElement
    links: int = 0
    zones: tuple[tuple[int, Zone], ...] = ()
    anchor: str = ""


_SKIP = words(
    "script style template noscript iframe object embed svg canvas audio video map link meta "
    "base param source track col colgroup title"
)
_CONTROLS = words("button select input textarea datalist")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = words(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form header hgroup hr html legend li main menu nav ol optgroup "
    "option p search section summary table tbody td tfoot th thead tr ul"
) | set(_HEADINGS)
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_EMPHASIS = {
    "b": "**", "strong": "**", "i": "*", "em": "*", "cite": "*", "dfn": "*",
    "code": "`", "kbd": "`", "samp": "`", "tt": "`",
}  # fmt: skip
_UNSEEN = re.compile(
    r"(?:^|\s)(?:mw-editsection|mw-cite-backlink|headerlink|anchor-link|hash-link|anchorjs-link"
    r"|sr-only|visually-?hidden|screen-reader-text)\b"
)
_UNFOLDS = words("aria-expanded aria-controls data-toggle data-bs-toggle data-target")
"""Attributes of a button in a heading, whose label is the heading."""
_KEY = re.compile(r"[\W_]+")
_NO_ANCHOR = re.compile(
    r"\s|^(?:cite_ref|fnref|footnote-ref|mw[\w-]{2,4}$|:r|ember\d|yui|radix|headlessui|react-|__)"
    r"|^[0-9a-f-]{16,}$"
)
"""Ids that programs give, and those of marks of notes."""
_NO_ANCHOR_TAGS = words("sup sub input label button li tr td th")
_LONGEST_ANCHOR = 200
_DEEPEST_LIST = 8
_MOST_ZONES = 8


def key_of(text: str) -> str:
    """Return the letters and digits of a text, in lower case; raised ones as if on the line."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _KEY.sub("", text).lower()


def blocks_of(root: HtmlElement, *, everything: bool = False) -> list[Block]:
    """Return the blocks of a page in reading order.

    Parameters
    ----------
    everything:
        Take in what is hidden, and the labels of buttons and choices.
    """
    return _Walk(root, everything).blocks()


class _Walk:
    """One pass over a tree; holds the state of the place it has come to."""

    def __init__(self, root: HtmlElement, everything: bool) -> None:
        self._root = root
        self._everything = everything
        self._found: list[Block] = []
        self._inline = InlineText()
        self._owner = root
        self._kind = BlockKind.TEXT
        self._lists: list[list[Any]] = []  # [is ordered, number, marker still to be printed]
        self._quotes = 0
        self._open_zones: list[tuple[HtmlElement, int, Zone]] = []
        self._zone_count = 0
        self._styles = Styles(root)
        self._controlled = Controlled(root)
        self._anchor = ""

    def blocks(self) -> list[Block]:
        from lxml import etree

        walk = etree.iterwalk(self._root, events=("start", "end"))
        skipped: HtmlElement | None = None
        for event, element in walk:
            if event == "start":
                if self._start(element):
                    skipped = element
                    walk.skip_subtree()
            elif element is skipped and element is not None:
                skipped = None
                self._inline.add(element.tail)
            else:
                self._end(element)
        self._flush()
        return self._found

    def _start(self, element: HtmlElement) -> bool:
        """Enter an element; tell whether what is inside is left out or already taken in."""
        tag = element.tag
        box = checkbox(element)
        if box:
            self._inline.add(box)
        if tag == "a":  # also one that is not shown
            self._take_anchor(element)
        if tag in _SKIP or (not self._everything and self._is_unseen(element)):
            return True
        if tag in ("pre", "listing", "xmp"):
            self._code(element)
            return True
        if tag == "math":
            self._inline.add(formula(element))
            return True
        if tag in _BLOCKS:
            self._enter_zone(element)
            return self._start_block(element)
        if tag != "a":
            self._take_anchor(element)
        self._start_inline(element)
        self._inline.add(element.text)
        return False

    def _take_anchor(self, element: HtmlElement) -> None:
        name = element.get("id") or (element.get("name") if element.tag == "a" else None)
        if not name or len(name) > _LONGEST_ANCHOR or element.tag in _NO_ANCHOR_TAGS:
            return
        if name.isprintable() and not _NO_ANCHOR.search(name):
            self._anchor = name

    def _is_unseen(self, element: HtmlElement) -> bool:
        if element.tag in _CONTROLS:
            return not (self._kind is BlockKind.HEADING and _UNFOLDS.intersection(element.keys()))
        if element.tag in _BLOCKS:
            return False  # a zone, see there
        if element.get("aria-hidden") == "true":
            return not (is_panel(element) or ("-" in element.tag and len(element)))
        return element.tag in ("a", "span") and bool(_UNSEEN.search(element.get("class") or ""))

    def _start_block(self, element: HtmlElement) -> bool:
        tag = element.tag
        self._flush()
        self._take_anchor(element)
        if tag == "table" and is_data_table(element):
            struck = self._inline.is_struck()
            shown = table_to_markdown(element, self._styles, struck=struck)
            self._add(shown, BlockKind.TABLE, element, _links_in(element))
            self._leave_zone(element)
            return True
        for mark in self._styles.marks(element):
            self._inline.open(mark)
        if tag in _LISTS:
            self._lists.append([tag == "ol", _number(element.get("start"), 1), False])
        elif tag == "li":
            self._enter_item(element)
        elif tag == "blockquote":
            self._quotes += 1
        self._owner = element
        self._kind = BlockKind.HEADING if tag in _HEADINGS else BlockKind.TEXT
        if tag == "li":
            self._inline.add(task_state(element))
        self._inline.add(element.text)
        return False

    def _enter_item(self, element: HtmlElement) -> None:
        if not self._lists:
            self._lists.append([False, 1, False])  # an item outside any list
        here = self._lists[-1]
        here[1] = _number(element.get("value"), here[1])
        here[2] = True

    def _start_inline(self, element: HtmlElement) -> None:
        tag = element.tag
        if tag == "a" and element.get("href"):
            self._inline.open_link()
        elif tag == "br":
            self._inline.line_break()
        elif tag == "img":
            self._inline.add(alternative(element))
        for mark in self._marks(element):
            self._inline.open(mark)

    def _marks(self, element: HtmlElement) -> tuple[str, ...]:
        """Return the marks of an inline element, outermost first; headings have no emphasis."""
        marks = self._styles.marks(element)
        if element.tag in _EMPHASIS and self._kind is not BlockKind.HEADING:
            return (*marks, _EMPHASIS[element.tag])
        return marks

    def _end(self, element: HtmlElement) -> None:
        tag = element.tag
        if tag in _BLOCKS:
            self._flush()
            for mark in reversed(self._styles.marks(element)):
                self._inline.close(mark)
            if tag in _LISTS and self._lists:
                self._lists.pop()
            elif tag == "li" and self._lists:
                self._lists[-1][2] = False
                self._lists[-1][1] += 1
            elif tag == "blockquote":
                self._quotes -= 1
            self._leave_zone(element)
            parent = element.getparent()
            self._owner = self._root if parent is None else parent
            self._kind = BlockKind.TEXT
        else:
            if tag == "a" and element.get("href"):
                self._inline.close_link()
            for mark in reversed(self._marks(element)):
                self._inline.close(mark)
        if element is not self._root:
            self._inline.add(element.tail)

    def _enter_zone(self, element: HtmlElement) -> None:
        zone = zone_of(element, self._controlled)
        if zone:
            self._zone_count += 1
            self._open_zones.append((element, self._zone_count, zone))

    def _leave_zone(self, element: HtmlElement) -> None:
        if self._open_zones and self._open_zones[-1][0] is element:
            self._open_zones.pop()

    def _code(self, element: HtmlElement) -> None:
        self._flush()
        text = code_text(element)
        if text.strip():
            self._add(fenced(text.expandtabs(4), code_language(element)), BlockKind.CODE, element)

    def _flush(self) -> None:
        """End the block at hand."""
        text, links = self._inline.take()
        if not text:
            return
        tag = self._owner.tag
        if self._kind is BlockKind.HEADING:
            line = " ".join(text.split()).strip("¶#§🔗 ")
            if line:
                self._add(f"{'#' * _HEADINGS[tag]} {line}", BlockKind.HEADING, self._owner, links)
            return
        text = _escaped(text)
        if tag == "dd":
            text = f": {text}"
        kind = BlockKind.ITEM if self._lists and self._lists[-1][2] else BlockKind.TEXT
        self._add(text, kind, self._owner, links)

    def _add(self, text: str, kind: BlockKind, element: HtmlElement, links: int = 0) -> None:
        text = drop_inline_data(clean(text))
        key = key_of(BOX.sub("", text))
        if not key:
            return
        zones = tuple((number, zone) for _, number, zone in self._open_zones[:_MOST_ZONES])
        self._found.append(
            Block(self._indented(text), key, kind, element, links, zones, self._anchor)
        )

    def _indented(self, text: str) -> str:
        depth = min(len(self._lists), _DEEPEST_LIST)
        if depth:
            ordered, number, marked = self._lists[-1]
            margin = "  " * (depth - 1)
            first = (f"{number}. " if ordered else "- ") if marked else "  "
            self._lists[-1][2] = False
            text = margin + first + text.replace("\n", f"\n{margin}{' ' * len(first)}")
        if self._quotes:
            quote = "> " * min(self._quotes, 3)
            text = quote + text.replace("\n", f"\n{quote}")
        return text


def _number(value: str | None, default: int) -> int:
    return int(value) if value and value.isdecimal() and len(value) < 7 else default


_LINE_MARKUP = re.compile(r"^(?=#{1,6}(?:\s|$)|```|~~~|(?:=+|-{2,})\s*$)", re.MULTILINE)


def _escaped(text: str) -> str:
    """Return ``text`` with a backslash before what Markdown would take for a heading or code."""
    return _LINE_MARKUP.sub(r"\\", text)


# HTML tables to Markdown tables; tables that only lay a page out are recognised.

_MOST_SPANNED = 100
_LONG_CELL = 1_500
_SMALL_CELL = 300
_MOST_CELLS = 200_000
_ANY_SPACE = re.compile(r"\s+")
_APART = words("p div br td th tr li ul ol table caption h1 h2 h3 h4 h5 h6 dt dd pre")
_NOT_IN_CELLS = words("script style template noscript svg button select textarea")
_STRUCTURE = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "article", "section"})


def is_data_table(table: HtmlElement) -> bool:
    """Tell whether a table is one, and not the frame in which the page's parts are laid out."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return False
    columns = 0
    for row in _rows(table):
        cells = _cells(row)
        columns = max(columns, len(cells))
        if any(map(_is_frame, cells)):
            return False
    return columns > 1


def _links_in(table: HtmlElement) -> int:
    """Count the letters and digits of a table's links, and of pictures in them."""
    links = [link for link in table.iter("a") if link.get("href")]
    texts = ["".join(link.itertext()) for link in links]
    texts += [alternative(image) for link in links for image in link.iter("img")]
    return sum(sum(map(str.isalnum, text)) for text in texts)


def table_to_markdown(table: HtmlElement, styles: Styles, *, struck: bool = False) -> str:
    """Return a table as Markdown, its first row as the header, its caption above.

    A cell that spans rows is repeated in each of them, so that every row can be read alone.

    Parameters
    ----------
    struck:
        Whether all of it is.
    """
    caption = next((child for child in table if child.tag == "caption"), None)
    rows = [row for row in _grid(table, styles, struck) if any(row)]
    if not rows:
        return "" if caption is None else flat_text(caption, styles)
    width = max(map(len, rows))
    above = titles_above(rows)
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows[above:]]
    lines.insert(1, "|" + " --- |" * width)
    titles = ["" if caption is None else flat_text(caption, styles), *(r[0] for r in rows[:above])]
    return "\n\n".join([*filter(None, titles), "\n".join(lines)])


def flat_text(element: HtmlElement, styles: Styles, marks: Sequence[str] = ()) -> str:
    """Return the text of an element in one line, items of lists parted by semicolons.

    Parameters
    ----------
    marks:
        Of what is around it.
    """
    from lxml import etree

    inline = InlineText()
    for mark in dict.fromkeys((*marks, *styles.marks(element))):
        inline.open(mark)
    skipped = None
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, node in walk:
        if event == "start":
            inline.add(checkbox(node))
            if node.tag in _NOT_IN_CELLS:
                skipped = node
                walk.skip_subtree()
                continue
            if node.tag in _APART:
                inline.add("; " if node.tag == "li" and node.getprevious() is not None else " ")
            for mark in styles.marks(node) if node is not element else ():
                inline.open(mark)
            inline.add(alternative(node) if node.tag == "img" else node.text)
        elif node is not element:
            if node is not skipped:
                for mark in reversed(styles.marks(node)):
                    inline.close(mark)
                inline.add(" " if node.tag in _APART else None)
            inline.add(node.tail)
    return _ANY_SPACE.sub(" ", inline.take()[0]).replace(" ;", ";").strip()


def _rows(table: HtmlElement) -> Iterator[HtmlElement]:
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in child if row.tag == "tr")


def _cells(row: HtmlElement) -> list[HtmlElement]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def _is_frame(cell: HtmlElement) -> bool:
    size, structured = 0, False
    for node in cell.iter():
        size += len(node.text or "") + (len(node.tail or "") if node is not cell else 0)
        structured = structured or node.tag in _STRUCTURE
        if node.tag == "pre":  # code beside its line numbers
            return True
        if size > _LONG_CELL or (structured and size > _SMALL_CELL):
            return True
    return False


def _grid(table: HtmlElement, styles: Styles, struck: bool) -> Iterator[list[str]]:
    """Yield rows of cells; what spans rows or columns takes its places."""
    above: dict[int, tuple[int, str]] = {}  # column -> rows still to fill, text
    total = 0
    for row in _rows(table):
        texts: list[str] = []
        marks = (*([STRUCK] if struck else ()), *styles.marks(row))
        for cell in _cells(row):
            _fill_down(texts, above)
            text = flat_text(cell, styles, marks).replace("|", "\\|")
            spanning = total < _MOST_CELLS  # a few spans can claim millions of places
            rows = min(_span(cell.get("rowspan")), _MOST_SPANNED) if spanning else 1
            columns = min(_span(cell.get("colspan")), _MOST_SPANNED) if spanning else 1
            for shown in (text, *[""] * (columns - 1)):
                if rows > 1:
                    above[len(texts)] = (rows - 1, shown)
                texts.append(shown)
        _fill_down(texts, above)
        total += len(texts)
        if total >= _MOST_CELLS:
            above.clear()
        yield texts


def _fill_down(texts: list[str], above: dict[int, tuple[int, str]]) -> None:
    while len(texts) in above:
        rows, text = above.pop(len(texts))
        if rows > 1:
            above[len(texts)] = (rows - 1, text)
        texts.append(text)


def _span(value: str | None) -> int:
    return max(1, int(value)) if value and value.isdecimal() and len(value) < 5 else 1
