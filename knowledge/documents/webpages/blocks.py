"""An HTML tree to blocks of Markdown, in one pass without recursion.

A block is what stands on lines of its own: a heading, a paragraph, an item of a list, code, a
table. Each knows its element, the zones it lies in and how much of it is links, by which
`knowledge.documents.webpages.main` chooses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from knowledge.documents.fencing import fenced
from knowledge.documents.webpages.elements import (
    alternative,
    code_language,
    code_text,
    formula,
)
from knowledge.documents.webpages.inline import InlineText
from knowledge.documents.webpages.tables import is_data_table, table_to_markdown
from knowledge.documents.webpages.zones import Zone, zone_of
from knowledge.documents.words import words

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
        Markdown, indented as its list asks for.
    key:
        Its letters and digits in lower case, by which texts are compared.
    links:
        Letters and digits of ``key`` that stand in links.
    zones:
        The zones around it, outermost first: number and kind.
    """

    text: str
    key: str
    kind: BlockKind
    element: HtmlElement
    links: int = 0
    zones: tuple[tuple[int, Zone], ...] = ()


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
_INLINE_MARKS = {
    "b": "**", "strong": "**", "i": "*", "em": "*", "cite": "*", "dfn": "*",
    "code": "`", "kbd": "`", "samp": "`", "tt": "`", "s": "~~", "del": "~~", "strike": "~~",
}  # fmt: skip
_UNSEEN = re.compile(
    r"(?:^|\s)(?:mw-editsection|mw-cite-backlink|headerlink|anchor-link|hash-link|anchorjs-link"
    r"|sr-only|visually-?hidden|screen-reader-text)\b"
)
_UNFOLDS = words("aria-expanded aria-controls data-toggle data-bs-toggle data-target")
"""Attributes of a button in a heading, whose label is the heading."""
_KEY = re.compile(r"[\W_]+")
_DEEPEST_LIST = 8
_MOST_ZONES = 8


def key_of(text: str) -> str:
    """Return the letters and digits of a text, in lower case."""
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
        self._start_inline(element)
        self._inline.add(element.text)
        return False

    def _is_unseen(self, element: HtmlElement) -> bool:
        if element.tag in _CONTROLS:
            return not (self._kind is BlockKind.HEADING and _UNFOLDS.intersection(element.keys()))
        if element.tag in _BLOCKS:
            return False  # a zone, see there
        if element.get("aria-hidden") == "true":
            return True
        return element.tag in ("a", "span") and bool(_UNSEEN.search(element.get("class") or ""))

    def _start_block(self, element: HtmlElement) -> bool:
        tag = element.tag
        self._flush()
        if tag == "table" and is_data_table(element):
            self._add(table_to_markdown(element), BlockKind.TABLE, element)
            self._leave_zone(element)
            return True
        if tag in _LISTS:
            self._lists.append([tag == "ol", _number(element.get("start"), 1), False])
        elif tag == "li":
            self._enter_item(element)
        elif tag == "blockquote":
            self._quotes += 1
        self._owner = element
        self._kind = BlockKind.HEADING if tag in _HEADINGS else BlockKind.TEXT
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
        elif tag in _INLINE_MARKS and self._kind is not BlockKind.HEADING:
            self._inline.open(_INLINE_MARKS[tag])

    def _end(self, element: HtmlElement) -> None:
        tag = element.tag
        if tag in _BLOCKS:
            self._flush()
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
        elif tag == "a" and element.get("href"):
            self._inline.close_link()
        elif tag in _INLINE_MARKS and self._kind is not BlockKind.HEADING:
            self._inline.close(_INLINE_MARKS[tag])
        if element is not self._root:
            self._inline.add(element.tail)

    def _enter_zone(self, element: HtmlElement) -> None:
        zone = zone_of(element)
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
        key = key_of(text)
        if not key:
            return
        zones = tuple((number, zone) for _, number, zone in self._open_zones[:_MOST_ZONES])
        self._found.append(Block(self._indented(text), key, kind, element, links, zones))

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
